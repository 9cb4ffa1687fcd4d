"""A configured Region that knows a key's id does not learn from an answer whether a set of that id is here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from tests.databases import migrated_sqlite
from tests.hostile_in_process import HostileRegion
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion
from tests.unit.replication.test_strangers_fill_nothing import EVIL, delivery, run

from meridian.domain.multi_region import OperatorWord, RowStatus, SetRow, Stamp, Term
from meridian.domain.peer_message import DeliverGone, DeliverHeld, SetDigest
from meridian.errors import KmsError

FAR: Final = Term(9, EVIL, 0)
Ask = Callable[[InProcessRegion, HostileRegion], Awaitable[object]]


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


async def tell_state(home: InProcessRegion, evil: HostileRegion) -> object:
    return await home.messages.set_state(home.peers[EVIL], delivery(evil, "d" * 64, 0, 1))


async def tell_held(home: InProcessRegion, evil: HostileRegion) -> object:
    message = DeliverHeld(ACCOUNT, KEY_ID, "d" * 64, FAR, ("m" * 64,), evil.identity.incarnation, "request")
    return await home.messages.held(home.peers[EVIL], message)


async def tell_gone(home: InProcessRegion, evil: HostileRegion) -> object:
    public = evil.engine.envelopes.transport_public_key()
    message = DeliverGone(ACCOUNT, KEY_ID, "d" * 64, FAR, "request", evil.identity.incarnation, b"", public)
    return await home.messages.gone(home.peers[EVIL], message)


async def ask_for_set(home: InProcessRegion, evil: HostileRegion) -> object:
    return await home.answers.get_set(home.peers[EVIL], ACCOUNT, KEY_ID, evil.identity.incarnation, is_reconciling=False)


async def ask_for_materials(home: InProcessRegion, evil: HostileRegion) -> object:
    return await home.answers.get_materials(home.peers[EVIL], ACCOUNT, KEY_ID, ["m" * 64], 1, evil.identity.incarnation)


async def ask_for_place(home: InProcessRegion, evil: HostileRegion) -> object:
    return await home.places.resolve(home.peers[EVIL], ACCOUNT, KEY_ID, "d" * 64)


async def ask_to_compare(home: InProcessRegion, evil: HostileRegion) -> object:
    digest = SetDigest(ACCOUNT, KEY_ID, "d" * 64, Stamp(FAR, 1), b"h" * 32, True, "e" * 64, b"")
    return await home.compare.answer(home.peers[EVIL], evil.identity.incarnation, [digest])


QUESTIONS: Final[dict[str, Ask]] = {each.__name__: each for each in (
    tell_state, tell_held, tell_gone, ask_for_set, ask_for_materials, ask_for_place, ask_to_compare,
)}  # fmt: skip
"""All that a Region can say or ask about a set by its id, but for preparing a place, which tells that an id is taken."""


def as_it_is(row: SetRow) -> SetRow:
    return row


def reserved(row: SetRow) -> SetRow:
    return replace(row, status=RowStatus.RESERVED, view=None, prepared_by="eu-west-1")


def stale(row: SetRow) -> SetRow:
    return replace(row, stale=True)


def gone(row: SetRow) -> SetRow:
    return replace(row, status=RowStatus.GONE)


def absent(row: SetRow) -> SetRow:
    return replace(row, status=RowStatus.NONE, view=None)


PLACES: Final = (as_it_is, reserved, stale, gone, absent)


@pytest.mark.parametrize("is_lost", [False, True], ids=["configured", "declared lost"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_stranger_is_answered_alike_whatever_is_here(question: str, is_lost: bool, tmp_path: Path, empty: Path) -> None:
    answers: dict[str, object] = {}

    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        whole = await home.row()
        assert whole is not None
        if is_lost:
            async with home.store.transaction() as uow:
                await uow.operator_words.say(OperatorWord.LOST, EVIL, now=home.clock.now())
        for place in PLACES:
            async with home.store.transaction() as uow:
                now = await uow.key_sets.find(ACCOUNT, KEY_ID)
                assert now is not None
                await uow.key_sets.update(replace(place(whole), version=now.version))
            answers[place.__name__] = await answer(QUESTIONS[question], home, evil)

    run(tmp_path, empty, test)
    assert len(answers) == len(PLACES)
    assert len(set(map(repr, answers.values()))) == 1, answers


async def answer(ask: Ask, home: InProcessRegion, evil: HostileRegion) -> object:
    try:
        return await ask(home, evil)
    except KmsError as refusal:
        return type(refusal).__name__, str(refusal), refusal.reason
