"""Aliases as every database keeps them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.contract.test_store import ACCOUNT, KEY_ID, key

from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.aliases import AliasRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("alias/B", "alias/a", "alias/a_", "alias/b")
"""In byte order: capitals first."""
OTHERS = ("alias/A", "alias/aa", "alias/c")


@pytest.mark.asyncio
async def test_aliases_come_in_byte_order_and_pages_of_one_key_and_of_all(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.keys.insert(key())
        for name in reversed(NAMES + OTHERS):
            await uow.aliases.insert(AliasRow(ACCOUNT, name, KEY_ID if name in NAMES else "another", NOW, NOW))

    async def listed(key_id: str, after: str, limit: int) -> tuple[str, ...]:
        async with store.reading() as uow:
            return tuple(row.alias_name for row in await uow.aliases.list(ACCOUNT, key_id=key_id, after=after, limit=limit))

    everything = tuple(sorted(NAMES + OTHERS))
    for key_id, names in ((KEY_ID, NAMES), ("", everything)):
        assert await listed(key_id, "", 100) == names
        assert await listed(key_id, "", 2) == names[:2]
        assert await listed(key_id, names[1], 2) == names[2:4]
        assert await listed(key_id, names[-1], 2) == ()
    async with store.reading() as uow:
        found = await uow.keys.find(ACCOUNT, KEY_ID)
    assert found is not None
    assert found.aliases == NAMES
