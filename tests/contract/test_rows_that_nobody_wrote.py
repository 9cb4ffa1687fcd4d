"""A row that no release wrote is named beside the others, which are read; what is past its end is removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from tests.contract.conftest import KEK
from tests.contract.test_store import ACCOUNT, MULTI, key, sealed, set_row

from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.dialects import async_url
from meridian.adapters.store_sql.store import SqlStore
from meridian.administration.other_regions import declaring_lost
from meridian.domain.key import KeyState
from meridian.domain.limits import Limits
from meridian.domain.multi_region import RowStatus, SetRow
from meridian.ports.store.import_keys import ImportKeyRow
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.workers.pruning import PruneWorker

NOW = datetime.now(UTC).replace(microsecond=0)
SETS = [f"mrk-{n:032x}" for n in range(100)]


async def spoil(url: str, statement: str) -> None:
    engine = create_async_engine(async_url(url))
    async with engine.begin() as connection:
        assert (await connection.execute(text(statement))).rowcount >= 1
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize("column", ["view", "held", "lost", "refused_serials"])
async def test_one_set_of_a_hundred_is_named_and_the_others_are_listed(store: SqlStore, database_url: str, column: str) -> None:
    async with store.transaction() as uow:
        for key_id in SETS:
            await uow.key_sets.insert(replace(set_row(), key_id=key_id))
    await spoil(database_url, f"update key_sets set {column} = '{{' where key_id = '{SETS[3]}'")  # noqa: S608 - words of this test
    seen, after = [], ("", "")
    async with store.reading() as uow:
        while True:
            page = await uow.key_sets.list_members(after=after, limit=7)
            seen += [row.key_id for row in page.rows] + [key_id for _, key_id, _ in page.unreadable]
            if page.next is None:
                break
            after = page.next
    assert sorted(seen) == SETS


@pytest.mark.asyncio
async def test_one_reserved_place_that_cannot_be_read_is_named(store: SqlStore, database_url: str) -> None:
    row = SetRow(account=ACCOUNT, key_id=MULTI, status=RowStatus.RESERVED, serial="s", reserved_at=NOW, prepared_by="us-east-1")
    async with store.transaction() as uow:
        for key_id in SETS:
            await uow.key_sets.insert(replace(row, key_id=key_id))
    await spoil(database_url, f"update key_sets set told_lost = '7' where key_id = '{SETS[3]}'")  # noqa: S608 - words of this test
    async with store.reading() as uow:
        found = await uow.key_sets.list_reserved(prepared_by="us-east-1", before=NOW + timedelta(1), limit=200)
    assert len(found) == 99
    assert [(each.table, each.name) for each in found.unreadable] == [("key_sets", (ACCOUNT, SETS[3]))]


@pytest.mark.asyncio
async def test_an_entry_with_a_number_beyond_the_counter_is_not_claimed_with_others(store: SqlStore, database_url: str) -> None:
    async with store.transaction() as uow:
        for key_id, due_at in ((SETS[0], NOW), (SETS[1], NOW + timedelta(days=1))):
            await uow.outbox.put("held", "eu-west-1", ACCOUNT, key_id, request_id="r", now=due_at)
    await spoil(database_url, f"update outbox set sequence = 900000 where key_id = '{SETS[1]}'")  # noqa: S608 - words of this test
    async with store.transaction() as uow:
        claimed = await uow.outbox.claim_due("eu-west-1", now=NOW, lease_owner="o", lease_seconds=15, limit=200)
    assert [entry.key_id for entry in claimed] == [SETS[0]]


@pytest.mark.asyncio
async def test_columns_that_hold_another_type_are_told_row_by_row(store: SqlStore, database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL keeps the type of a column")
    async with store.transaction() as uow:
        for key_id in SETS:
            await uow.outbox.put("held", "eu-west-1", ACCOUNT, key_id, request_id="r", now=NOW)
            await uow.keyring.insert_secret(SecretRow("k", "us-east-1", key_id, "s", 1, NOW, sealed("x")))
    await spoil(database_url, f"update outbox set created_at = 'once' where key_id = '{SETS[3]}'")  # noqa: S608 - words of this test
    await spoil(database_url, f"update secrets set sealed_bytes = 'text' where secret_id = '{SETS[3]}'")  # noqa: S608 - words of this test
    async with store.transaction() as uow:
        claimed = await uow.outbox.claim_due("eu-west-1", now=NOW, lease_owner="o", lease_seconds=15, limit=200)
        listed, secrets = await uow.outbox.list(limit=200), await uow.keyring.secrets("k")
        otherwise = await uow.keyring.secrets_wrapped_otherwise(KEK + 1, limit=200)
    for found in (claimed, listed, secrets, otherwise):
        assert len(found) == 99
        (unreadable,) = found.unreadable
        assert SETS[3] in unreadable.name


@pytest.mark.asyncio
async def test_a_key_that_cannot_be_read_keeps_no_word_from_being_said_about_the_others(store: SqlStore, database_url: str) -> None:
    row = SetRow(account=ACCOUNT, key_id=MULTI, status=RowStatus.RESERVED, serial="s", reserved_at=NOW, prepared_by="eu-west-1")
    async with store.transaction() as uow:
        await uow.region.initialise(RegionIdentity("d", "aws", "us-east-1", 0, NOW))
        for key_id in SETS[:3]:
            await uow.key_sets.insert(replace(row, key_id=key_id))
            await uow.keys.insert(key(key_id, state=KeyState.CREATING))
    await spoil(database_url, f"update keys set key_spec = 'ROT13' where key_id = '{SETS[1]}'")  # noqa: S608 - words of this test
    assert await declaring_lost("ap-south-1")(store, OsEntropy(), "eu-west-1") == 3
    async with store.reading() as uow:
        assert list(await uow.keys.list_ids(ACCOUNT, after="", limit=9)) == [SETS[1]], "the places of the others are given up"


@pytest.mark.asyncio
async def test_an_expired_wrapping_key_goes_although_nobody_asks_for_another(store: SqlStore) -> None:
    past, to_come = NOW - timedelta(seconds=1), NOW + timedelta(hours=1)
    async with store.transaction() as uow:
        for token_id, expires_at in (("a" * 32, past), ("b" * 32, to_come)):
            await uow.import_keys.insert(ImportKeyRow(token_id, ACCOUNT, "k", "RSA_2048", sealed("x"), expires_at))
    await PruneWorker(store=store, limits=Limits()).prune()
    async with store.reading() as uow:
        assert await uow.import_keys.find("a" * 32) is None
        assert await uow.import_keys.find("b" * 32) is not None
