"""What every store promises of the register of audit streams and keys."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.cache_memory import cache_memory
from tests.contract.test_store import ACCOUNT, KEY_ID, NOW, insert, key
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.administration.keyring import rotate_audit_key
from meridian.audit.against_database import read_evidence
from meridian.audit.keys import AuditKeys, AuditKeysError
from meridian.crypto import ecdsa
from meridian.domain.key import KeyState
from meridian.engine.audit_keys import AUDIT_KEY
from meridian.engine.engine import EngineSurroundings, open_engine
from meridian.engine.seals import FileSeal, SealError
from meridian.ports.store.audit_events import NOBODY
from meridian.ports.store.audit_streams import StreamHead
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.key_usage import KeyUse
from meridian.ports.store.region import RegionIdentity


@pytest.mark.asyncio
async def test_a_stream_is_registered_once_and_its_head_moves_forward_alone(store: SqlStore) -> None:
    async with store.transaction() as uow:
        assert await uow.audit_streams.newest("r") is None
        await uow.audit_streams.open("s1", "r", now=NOW)
    with pytest.raises(VersionConflict):
        async with store.transaction() as uow:
            await uow.audit_streams.open("s1", "r", now=NOW)
    head = StreamHead("s1", 9, "a" * 64, 2)
    async with store.transaction() as uow:
        await uow.audit_streams.move(head, is_closed=False)
        await uow.audit_streams.move(StreamHead("s1", 4, "b" * 64, 1), is_closed=True)
        await uow.audit_streams.move(StreamHead("unknown", 4, "b" * 64, 1), is_closed=True)
        await uow.audit_streams.open("s2", "other", now=NOW + timedelta(microseconds=1))
        await uow.audit_streams.open("never written", "r", now=NOW + timedelta(microseconds=2))
    async with store.reading() as uow:
        newest = await uow.audit_streams.newest("r")
        assert newest is not None
        assert (newest.head, newest.is_closed, newest.opened_at, newest.replica) == (head, False, NOW, "r")
        rows = list(await uow.audit_streams.list(after=0, limit=10))
        assert [row.head.stream for row in rows] == ["s1", "s2", "never written"]
        assert (rows[1].head.sequence, rows[1].head.digests) == (-1, 0)
        assert [row.head.stream for row in await uow.audit_streams.list(after=rows[0].number, limit=10)] == ["s2", "never written"]
        assert len(list(await uow.audit_streams.list(after=0, limit=1))) == 1


@pytest.mark.asyncio
async def test_evidence_is_everything_that_records_must_tell_of(store: SqlStore) -> None:
    ids = [f"{n:08x}-12ab-34cd-56ef-1234567890ab" for n in range(3)]
    await insert(store, *[key(each) for each in ids], key(KEY_ID, "444455556666", state=KeyState.PENDING_DELETION))
    async with store.transaction() as uow:
        await uow.region.initialise(RegionIdentity("deployment", "aws", "us-east-1", 3, NOW))
        await uow.audit_streams.open("s1", "r", now=NOW)
        await uow.audit_events.insert("waiting", b"{}", owner=NOBODY)
        await uow.key_usage.write([KeyUse(ACCOUNT, ids[1], "Encrypt", NOW, "used", "request")])
    async with store.reading() as uow:
        evidence = await read_evidence(uow)
        one = list(await uow.audit_streams.keys_stored(after=(ACCOUNT, ids[0]), limit=1))
    assert [row.head.stream for row in evidence.streams] == ["s1"]
    assert dict(evidence.events) == {"waiting": "an event that waits to be written", "used": f"the last use of key {ids[1]}"}
    assert [trace.key_id for trace in evidence.keys] == [*ids, KEY_ID]
    assert [trace.is_to_be_deleted for trace in evidence.keys] == [False, False, False, True]
    assert evidence.keys[0].arn == f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{ids[0]}"
    assert [trace.key_id for trace in one] == [ids[1]]
    assert evidence.incarnation == 3
    assert evidence.read_at > NOW


@pytest.mark.asyncio
async def test_an_audit_key_is_handed_over_by_its_signature_and_the_old_one_destroyed(database_url: str, tmp_path: Path) -> None:
    await upgrade(database_url)
    store = SqlStore.connect(database_url)
    seal = tmp_path / "seal"
    seal.write_bytes(bytes(32))
    seal.chmod(0o600)
    seals, clock, entropy = [FileSeal(seal)], SystemClock(), OsEntropy()
    with pytest.raises(SealError, match="no keyring"):
        await rotate_audit_key(store, seals, entropy)
    identity = RegionIdentity("deployment", "aws", "us-east-1", 0, NOW)
    async with store.transaction() as uow:
        await uow.region.initialise(identity)
    engine = await open_engine(store, identity, seals, EngineSurroundings(clock, entropy, ReportedEvents(), cache_memory()))
    with pytest.raises(SealError, match="no audit key yet"):
        await rotate_audit_key(store, seals, entropy)
    first = await engine.region_keyring.audit_signer(store, NOW)
    assert (await engine.region_keyring.audit_signer(store, NOW)).key == first.key
    pinned = await engine.region_keyring.audit_keys(store)
    assert await rotate_audit_key(store, seals, entropy) == 2
    assert await rotate_audit_key(store, seals, entropy) == 3
    newest, keys = await engine.region_keyring.audit_signer(store, NOW), await engine.region_keyring.audit_keys(store)
    assert pinned.following(keys.keys) == keys
    ecdsa.verify(keys.keys[-1].public_key, newest.sign(b"digest"), b"digest")
    elsewhere = AuditKeys(type(keys.names)("deployment", "aws", "eu-west-1"), pinned.keys)
    with pytest.raises(AuditKeysError, match="not signed by audit key 1"):
        elsewhere.following(keys.keys)
    async with store.reading() as uow:
        assert [row.secret_id for row in await uow.keyring.secrets(AUDIT_KEY)] == [newest.key.fingerprint]
    async with store.transaction() as uow:
        await uow.audit_events.claim("s", limit=10)
        events = [event.body for event in await uow.audit_events.read(await uow.audit_events.held("s", are_steady=True))]
    assert sum(b'"RotateAuditKey"' in body for body in events) == 2
    await store.close()
