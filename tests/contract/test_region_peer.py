"""What every way to another Region promises: gRPC over mutual TLS, and the plain calls that stand for it in a test's process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions
from tests.ways_between_regions import AWAY, HOME, UNKNOWN, Decisions, Ways, grpc_calls, plain_calls

from meridian.adapters import region_peer_grpc
from meridian.domain.multi_region import RowStatus, SetRow, Stamp, Term
from meridian.domain.peer_message import (
    PROTOCOL_VERSION,
    CallerOnBehalf,
    DeliverGone,
    DeliverHeld,
    DeliverSetState,
    Prepare,
    PrepareHandover,
    SetDigest,
    Spoken,
)
from meridian.errors import AccessDeniedException, DependencyTimeoutException, KmsError, LimitExceededException
from meridian.kms.v1.types_pb2 import KeyMetadata
from meridian.ports.region_peer import RegionPeer
from meridian.replication.sets.claims import NO_MEMBERSHIP

NOBODYS = "d" * 64
CALLER = CallerOnBehalf("client_certificate", "spiffe://x/alice", "192.0.2.1", "kms/1")
SPOKEN = Spoken("deployment", "aws", PROTOCOL_VERSION)
PREPARE = Prepare(
    ACCOUNT, UNKNOWN, "5" * 64, "request", CALLER, b"sent", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", HOME, (), "f" * 64, SPOKEN
)
HANDOVER = PrepareHandover(ACCOUNT, UNKNOWN, "request", CALLER, b"sent", HOME, SPOKEN)
TERM = Term(0, HOME, 0)


@pytest_asyncio.fixture(params=[plain_calls, grpc_calls], ids=["plain calls", "gRPC"])
async def ways(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ways]:
    monkeypatch.setattr(region_peer_grpc, "TIMEOUT_SECONDS", 20.0)  # a busy machine is not out of reach
    network, decisions = await regions(tmp_path, [HOME, AWAY], migrated_file), Decisions()
    for region in network.regions.values():
        region.prepared = decisions.walks
    async with request.param(network, decisions) as made:
        yield made
    for region in network.regions.values():
        await region.store.close()


def digest_of(row: SetRow, **changes: Any) -> SetDigest:
    assert row.view is not None
    return replace(SetDigest(ACCOUNT, KEY_ID, row.serial, row.view.stamp, b"h" * 32, False, ""), **changes)


async def materials(region: InProcessRegion) -> tuple[str, set[str]]:
    """The current one, and those that are stored."""
    key = await region.key()
    assert key is not None
    return key.current_material_id, {each.material_id for each in key.materials if each.is_present}


@pytest.mark.asyncio
async def test_what_is_delivered_arrives_whole(ways: Ways) -> None:
    """States, materials, what is held, farewells: the life of a set, of which one message after another has to be understood."""
    home, away = ways.home, ways.away
    assert (await ways.related()).status is RowStatus.LIVE
    assert await materials(away) == await materials(home)
    before, _ = await materials(home)
    await home.rotate()
    await ways.settle()
    current, stored = await materials(away)
    assert (current, stored) == await materials(home)
    assert current != before
    assert len(stored) == 2
    await home.hand_over(away)
    await ways.settle()
    assert (await home.acts(), await away.acts()) == (False, True)
    await home.delete()
    await ways.settle()
    row = await away.row()
    assert row is not None
    assert row.view is not None
    assert [member.region for member in row.view.members] == [AWAY]


@pytest.mark.asyncio
async def test_a_state_that_is_here_already_is_acknowledged(ways: Ways) -> None:
    theirs = await ways.related()
    public = ways.home.engine.envelopes.transport_public_key()
    message = DeliverSetState(theirs.signed_view, theirs.serial, (), 1, ways.home.identity.incarnation, "request", public, (), public)
    assert await ways.peer.deliver_set_state(AWAY, message) is True
    assert await ways.away.row() == theirs


@pytest.mark.asyncio
async def test_a_region_offers_its_own_key(ways: Ways) -> None:
    offer, own = await ways.peer.transport_offer(AWAY), ways.away.engine.envelopes.transport_offer()
    assert (offer.region, offer.hpke_key_id, offer.hpke_public_bytes) == (AWAY, own.hpke_key_id, own.hpke_public_bytes)


@pytest.mark.asyncio
async def test_comparisons_are_as_many_as_digests_and_in_their_order(ways: Ways) -> None:
    theirs = await ways.related()
    ours = await ways.home.row()
    assert ours is not None
    digests = [digest_of(ours, key_id=UNKNOWN), digest_of(ours), digest_of(ours, stamp=Stamp(TERM, 99))]
    unknown, equal, later = await ways.peer.compare(AWAY, ways.home.identity.incarnation, digests)
    assert theirs.view is not None
    assert (unknown.is_gone, equal.is_gone, later.is_gone) == (True, False, False)
    assert (equal.stamp, later.stamp) == (theirs.view.stamp, theirs.view.stamp)
    assert (equal.is_behind, later.is_behind) == (False, True)


@pytest.mark.asyncio
async def test_a_set_is_shown_as_it_is_kept_and_one_that_is_not_here_as_none(ways: Ways) -> None:
    theirs = await ways.related()
    incarnation = ways.home.identity.incarnation
    shown = await ways.peer.get_set(AWAY, ACCOUNT, KEY_ID, incarnation, is_reconciling=False)
    assert (shown.status, shown.serial, shown.signed_state) == (RowStatus.LIVE, theirs.serial, theirs.signed_view)
    assert shown.material_ids == (await materials(ways.away))[1]
    assert (await ways.peer.get_set(AWAY, ACCOUNT, UNKNOWN, incarnation, is_reconciling=True)).status is RowStatus.NONE


@pytest.mark.asyncio
async def test_materials_that_are_there_are_given_and_no_others(ways: Ways) -> None:
    await ways.related()
    _, stored = await materials(ways.home)
    shown = await ways.peer.get_materials(AWAY, ACCOUNT, KEY_ID, [*stored, "f" * 64], 1, ways.home.identity.incarnation)
    assert len(shown.envelopes) == len(stored) == 1
    assert (shown.transport_public_key, shown.incarnation) == (ways.away.engine.envelopes.transport_public_key(), 0)


@pytest.mark.asyncio
async def test_what_became_of_a_place_is_told_to_the_region_that_has_it(ways: Ways) -> None:
    theirs, ask = await ways.related(), ways.away.line
    made = ways.home.engine.serials.membership_serial(ACCOUNT, KEY_ID, AWAY)
    assert await ask.resolve(HOME, ACCOUNT, KEY_ID, theirs.serial) is True
    assert await ask.resolve(HOME, ACCOUNT, KEY_ID, made) is False
    with pytest.raises(AccessDeniedException):
        await ask.resolve(HOME, ACCOUNT, KEY_ID, NOBODYS)


@pytest.mark.asyncio
async def test_what_is_prepared_is_decided_by_the_other_region(ways: Ways) -> None:
    metadata = KeyMetadata.FromString(await ways.peer.prepare(AWAY, PREPARE))
    assert (metadata.key_id, metadata.arn.split(":")[3]) == (UNKNOWN, AWAY)
    await ways.peer.prepare_handover(AWAY, HANDOVER)
    await ways.peer.foretell(AWAY, PREPARE)
    await ways.peer.foretell(AWAY, HANDOVER)
    assert ways.decisions.heard == [
        ("prepare", PREPARE),
        ("prepare_handover", HANDOVER),
        ("foretell", PREPARE),
        ("foretell", HANDOVER),
    ]


def calls(peer: RegionPeer) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each question and delivery, of a set that is nowhere."""
    signed = DeliverSetState(b"x", NOBODYS, (), 1, 0, "request", b"key", (), b"key")
    return {
        "transport_offer": lambda: peer.transport_offer(AWAY),
        "prepare": lambda: peer.prepare(AWAY, PREPARE),
        "prepare_handover": lambda: peer.prepare_handover(AWAY, HANDOVER),
        "foretell": lambda: peer.foretell(AWAY, PREPARE),
        "deliver_gone": lambda: peer.deliver_gone(AWAY, DeliverGone(ACCOUNT, UNKNOWN, NOBODYS, TERM, "request", 0, b"", b"key")),
        "deliver_set_state": lambda: peer.deliver_set_state(AWAY, signed),
        "deliver_held": lambda: peer.deliver_held(AWAY, DeliverHeld(ACCOUNT, UNKNOWN, NOBODYS, TERM, (), 0, "request")),
        "resolve": lambda: peer.resolve(AWAY, ACCOUNT, UNKNOWN, NOBODYS),
        "compare": lambda: peer.compare(AWAY, 0, []),
        "get_set": lambda: peer.get_set(AWAY, ACCOUNT, UNKNOWN, 0, is_reconciling=False),
        "get_materials": lambda: peer.get_materials(AWAY, ACCOUNT, UNKNOWN, ["f" * 64], 1, 0),
    }


def test_no_call_of_the_port_is_left_out() -> None:
    named = {name for name, member in vars(RegionPeer).items() if callable(member) and not name.startswith("_")}
    assert set(calls(cast(Any, None))) == named - {"contact", "close"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("call", "refusal", "text"),
    [
        ("deliver_held", AccessDeniedException, NO_MEMBERSHIP),
        ("get_materials", AccessDeniedException, NO_MEMBERSHIP),
        ("deliver_set_state", AccessDeniedException, None),
        ("resolve", AccessDeniedException, None),
    ],
)
async def test_a_refusal_comes_as_what_the_region_refused_with(ways: Ways, call: str, refusal: type[KmsError], text: str | None) -> None:
    with pytest.raises(refusal) as refused:
        await calls(ways.peer)[call]()
    assert text is None or refused.value.message == text
    assert ways.peer.contact(AWAY).heard_at is not None, "it has answered"


@pytest.mark.asyncio
@pytest.mark.parametrize("refusal", [AccessDeniedException("closed there"), LimitExceededException("full")], ids=["closed", "full"])
@pytest.mark.parametrize("call", ["prepare", "prepare_handover", "foretell"])
async def test_what_the_region_decides_against_ends_as_it_decided(ways: Ways, call: str, refusal: KmsError) -> None:
    ways.decisions.refusal = refusal
    with pytest.raises(type(refusal)) as refused:
        await calls(ways.peer)[call]()
    assert refused.value.message == refusal.message


@pytest.mark.asyncio
async def test_whoever_is_out_of_reach_answers_no_call(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    await ways.cut()
    monkeypatch.setattr(region_peer_grpc, "TIMEOUT_SECONDS", 0.2)
    for name, call in calls(ways.peer).items():
        with pytest.raises(DependencyTimeoutException) as silence:
            await call()
        assert silence.value.message == f"Region {AWAY} did not answer.", name


@pytest.mark.asyncio
async def test_a_region_that_is_not_configured_is_out_of_reach(ways: Ways) -> None:
    with pytest.raises(DependencyTimeoutException):
        await ways.peer.compare("xx-none-1", 0, [])


@pytest.mark.asyncio
async def test_how_a_region_was_found_is_remembered(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = ways.peer.contact(AWAY)
    assert (nothing.heard_at, nothing.trouble, nothing.release) == (None, "", "")
    await ways.peer.compare(AWAY, ways.home.identity.incarnation, [])
    heard = ways.peer.contact(AWAY)
    assert heard.heard_at is not None
    assert heard.release
    await ways.cut()
    monkeypatch.setattr(region_peer_grpc, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(DependencyTimeoutException):
        await ways.peer.compare(AWAY, ways.home.identity.incarnation, [])
    lost = ways.peer.contact(AWAY)
    assert (lost.heard_at, lost.release, lost.trouble) == (heard.heard_at, heard.release, f"Region {AWAY} did not answer.")
