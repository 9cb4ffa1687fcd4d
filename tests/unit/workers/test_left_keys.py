"""Keys in tokens that no KMS key has are told once they are surely nobody's, and never touched."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from tests.databases import migrated_sqlite
from tests.reported_events import ReportedEvents
from tests.standing_proxy import standing_proxy
from tests.tokens import Token, new_token
from tests.tokens_in_process import InToken, folder_of_token, in_token
from tests.xks_in_process import ASKED, CONTEXT, outside, said_of

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.pkcs11.links import USE_SECONDS, StoreAt
from meridian.adapters.pkcs11.listing import AT_ONCE
from meridian.domain.key import Key
from meridian.workers.left_keys import LEFT_KEYS, LeftKeys
from meridian.workers.set_aside import SetAside

DAY = 86400.0


@pytest_asyncio.fixture
async def token(tmp_path: Path) -> Token:
    return new_token(folder_of_token(tmp_path), "hsm")


@pytest_asyncio.fixture
async def made(tmp_path: Path, token: Token) -> AsyncIterator[InToken]:
    path = await asyncio.to_thread(migrated_sqlite)
    async with (
        outside(tmp_path, path, said_of(standing_proxy()), standing_proxy()) as beside,
        in_token(token, beside.store, beside.engine) as inside,
    ):
        yield inside


async def with_row(made: InToken) -> Key:
    key = await made.new_key()
    async with made.store.transaction() as uow:
        await uow.keys.insert(key)
    return key


def looking(made: InToken) -> LeftKeys:
    return LeftKeys(made.store, made.links, DAY, SetAside(LEFT_KEYS, clock=SystemClock(), events=ReportedEvents()))


async def looked(left: LeftKeys) -> list[tuple[str, str]]:
    """What one look tells: label and id of each key."""
    with structlog.testing.capture_logs() as told:
        await left.look()
    return sorted((each["label"], each["cka_id"]) for each in told if each["event"] == "key in a token that no KMS key has")


@pytest.mark.asyncio
async def test_a_key_without_a_row_is_told_at_the_second_look_and_once(made: InToken, token: Token) -> None:
    kept, lost = await with_row(made), await made.new_key()
    await made.links.use(
        StoreAt.of_row(made.row), "generate", lambda session: session.generate(secrets.token_bytes(16), "another's"), USE_SECONDS
    )
    keys = token.key_files
    left = looking(made)
    assert (await looked(left), left.count) == ([], 0), "it may be in the making"
    assert (await looked(left), left.count) == ([(lost.key_id, lost.number.hex())], 1)
    assert (await looked(left), left.count) == ([], 1), "told once, counted as long as it is there"
    assert token.key_files == keys, "nothing is destroyed"
    await made.stores.encrypt(kept, CONTEXT, b"x", ASKED)
    await made.stores.erase(lost, ASKED)
    assert (await looked(left), left.count) == ([], 0)


@pytest.mark.asyncio
async def test_a_key_whose_row_comes_between_two_looks_is_never_told(made: InToken) -> None:
    late, left = await made.new_key(), looking(made)
    await looked(left)
    async with made.store.transaction() as uow:
        await uow.keys.insert(late)
    assert [await looked(left) for _ in range(2)] == [[], []]


@pytest.mark.asyncio
async def test_keys_are_read_a_few_at_a_time_and_uses_pass_between(made: InToken, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await with_row(made)
    lost = [await made.new_key() for _ in range(AT_ONCE + 3)]
    listed, between = made.links._listed, []

    async def listed_between(listing: Any) -> Any:
        between.append(await made.stores.encrypt(key, CONTEXT, b"x", ASKED))
        return await listed(listing)

    monkeypatch.setattr(made.links, "_listed", listed_between)
    held = await made.links.held(made.row)
    assert held is not None
    assert {each.key_id for each in held} == {each.key_id for each in (key, *lost)}
    assert len(between) == 3, "two parts, and the end"


@pytest.mark.asyncio
async def test_a_token_that_does_not_tell_changes_nothing_that_was_known(made: InToken, token: Token) -> None:
    lost, left = await made.new_key(), looking(made)
    await looked(left)
    token.say("removed")
    assert await looked(left) == []
    token.unsay("removed")
    made.links.disconnect(made.row.account, made.row.store_id)
    assert (await looked(left), left.count) == ([(lost.key_id, lost.number.hex())], 1)
