"""What a Region without a place in a set sends is not kept, and of what is sent by one with a place only so many bytes are."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.databases import migrated_sqlite
from tests.hostile_in_process import SERIAL, HostileRegion
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetState, Term, TermLink
from meridian.domain.peer_message import DeliverSetState, SignedSetState
from meridian.errors import AccessDeniedException
from meridian.replication import verify_peer
from meridian.replication.sets.claims import Told
from meridian.replication.verify_peer import KEPT_BYTES_MAX, KeptStates, Verify
from meridian.replication.wire.set_state import encode_set_state

HOME, AWAY, EVIL = "us-east-1", "eu-west-1", "ap-south-1"


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


def run(tmp_path: Path, empty: Path, test: Callable[[InProcessRegion, HostileRegion], Awaitable[None]]) -> None:
    async def with_stranger() -> None:
        network = await regions(tmp_path, [HOME, AWAY], empty)
        place = tmp_path / EVIL
        place.mkdir()
        shutil.copy(empty, place / "region.sqlite3")
        (place / "seal").write_bytes(b"e" * 32)
        (place / "seal").chmod(0o600)
        evil = network.hostile[EVIL] = HostileRegion(place, EVIL, network)
        await evil.open()
        everybody = [*network.regions.values(), evil]
        for region in everybody:
            region.wire()
        home = network.regions[HOME]
        await home.create()
        try:
            await asyncio.wait_for(test(home, evil), 60)
        finally:
            await asyncio.gather(*[region.store.close() for region in everybody])

    asyncio.run(with_stranger())


def state_of(issuer: InProcessRegion, number: int, materials: int) -> bytes:
    each = tuple(SetMaterial(f"{number * 10_000 + i:064x}", i, 1, "AUTOMATIC", "d" * 256) for i in range(materials))
    members = (Member(issuer.name, SERIAL, MemberStatus.ON),)
    state = SetState(Term(0, issuer.name, 0), 0, issuer.name, issuer.name, members, each, each[0].material_id)
    own = issuer.identity
    signed = SignedSetState(own.deployment, own.partition, ACCOUNT, KEY_ID, issuer.name, own.incarnation, state)
    return issuer.engine.envelopes.sign_set_state(encode_set_state(signed))


def delivery(sender: InProcessRegion, serial: str, first: int, links: int) -> DeliverSetState:
    public = sender.engine.envelopes.transport_public_key()
    states = [state_of(sender, first + n, 5) for n in range(links + 1)]
    earlier = tuple(TermLink(each, public) for each in states[1:])
    return DeliverSetState(states[0], serial, (), first + 1, sender.identity.incarnation, "request", public, earlier, public)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    reads: list[int] = []
    read = Verify.read
    monkeypatch.setattr(Verify, "read", lambda self, signed, key: (reads.append(1), read(self, signed, key))[1])
    return reads


def test_a_question_keeps_nobody_from_writing(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        peer, begun = home.peers[EVIL], []
        await home.answers.get_set(peer, ACCOUNT, KEY_ID, 3, is_reconciling=True)
        begin = home.store.transaction
        monkeypatch.setattr(home.store, "transaction", lambda: (begun.append(1), begin())[1])
        for is_reconciling in (False, True):
            await home.answers.get_set(peer, ACCOUNT, KEY_ID, 3, is_reconciling=is_reconciling)
        with pytest.raises(AccessDeniedException):
            await home.answers.get_materials(peer, ACCOUNT, KEY_ID, ["m"], 1, 3)
        assert begun == []
        with pytest.raises(AccessDeniedException):
            await home.answers.get_set(peer, ACCOUNT, KEY_ID, 2, is_reconciling=True)

    run(tmp_path, empty, test)


def test_a_state_of_a_set_that_is_not_here_begins_no_write(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        begun: list[int] = []
        begin = home.store.transaction
        async with begin() as uow:
            row = await uow.key_sets.find(ACCOUNT, KEY_ID)
            assert row is not None
            await uow.key_sets.update(replace(row, status=RowStatus.NONE))
        monkeypatch.setattr(home.store, "transaction", lambda: (begun.append(1), begin())[1])
        with pytest.raises(AccessDeniedException, match="no membership of this set"):
            await home.messages.set_state(home.peers[EVIL], delivery(evil, "d" * 64, 0, 0))
        assert begun == []

    run(tmp_path, empty, test)


def test_nothing_that_a_stranger_sends_along_is_opened_or_kept(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        reads = count_reads(monkeypatch)
        kept: list[Told] = []
        monkeypatch.setattr(KeptStates, "keep", lambda self, digest, told: kept.append(told))
        for n in range(3):
            with pytest.raises(AccessDeniedException, match="no membership of this set"):
                await home.messages.set_state(home.peers[EVIL], delivery(evil, "d" * 64, n * 100, 30))
        assert (len(reads), kept) == (3, [])

    run(tmp_path, empty, test)


def test_one_that_names_the_place_by_its_serial_has_its_links_looked_at(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        row = await home.row()
        assert row is not None
        reads = count_reads(monkeypatch)
        with pytest.raises(AccessDeniedException):
            await home.messages.set_state(home.peers[EVIL], delivery(evil, row.serial, 0, 7))
        assert len(reads) == 8

    run(tmp_path, empty, test)


def test_verified_states_are_kept_for_the_next_time_within_a_bound_of_memory(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        reading = Verify(envelopes=home.engine.envelopes, identity=home.identity, peers=home.peers)
        public = evil.engine.envelopes.transport_public_key()
        reads = count_reads(monkeypatch)
        one = state_of(evil, 0, 100)
        most = KEPT_BYTES_MAX // (
            verify_peer.KEPT_OVERHEAD + verify_peer.DECODED_PER_ENTRY * 101 + verify_peer.DECODED_PER_SIGNED * len(one)
        )
        for number in [*range(most), *range(most)]:
            reading.read_of(state_of(evil, number, 100), public, ACCOUNT, KEY_ID)
        # An ECDSA signature differs each time, and so do the bytes: each is read, and the oldest make room.
        assert len(reads) == 2 * most
        again = state_of(evil, 1, 100)
        for _ in range(3):
            reading.read_of(again, public, ACCOUNT, KEY_ID)
        assert len(reads) == 2 * most + 1
        assert len(reading._kept._states) <= most + 1
        assert sum(verify_peer._memory_of(each) for each in reading._kept._states.values()) == reading._kept._bytes <= KEPT_BYTES_MAX

    run(tmp_path, empty, test)


def test_what_a_configured_region_did_not_sign_is_neither_verified_nor_looked_up(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(home: InProcessRegion, evil: HostileRegion) -> None:
        verified: list[int] = []
        read: list[int] = []
        verify_signature, reading = home.engine.envelopes.verify_set_state, home.store.reading
        monkeypatch.setattr(home.engine.envelopes, "verify_set_state", lambda *given: (verified.append(1), verify_signature(*given))[1])
        monkeypatch.setattr(home.store, "reading", lambda: (read.append(1), reading())[1])
        honest = delivery(evil, "d" * 64, 0, 0)
        made_up = honest.transport_public_key[:-1] + bytes([honest.transport_public_key[-1] ^ 1])
        with pytest.raises(AccessDeniedException, match="not one that is configured"):
            await home.messages.set_state(home.peers[EVIL], replace(honest, transport_public_key=made_up, issuer_public_key=made_up))
        assert (verified, read) == ([], []), "a key that nobody here has"
        changed = honest.signed_state[:-1] + bytes([honest.signed_state[-1] ^ 1])
        with pytest.raises(AccessDeniedException, match="cannot be verified"):
            await home.messages.set_state(home.peers[EVIL], replace(honest, signed_state=changed))
        assert (verified, read) == ([1], []), "a signature that does not hold"
        with pytest.raises(AccessDeniedException, match="no membership of this set"):
            await home.messages.set_state(home.peers[EVIL], honest)
        assert (verified, read) == ([1, 1], [1]), "one place is looked at, for what is signed"

    run(tmp_path, empty, test)
