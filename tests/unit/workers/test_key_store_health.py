"""Proxies and tokens of connected stores are asked whether they are well; what they answer is counted, and changes no store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.databases import migrated_sqlite
from tests.standing_proxy import standing_proxy
from tests.tokens import new_token
from tests.tokens_in_process import folder_of_token, in_token
from tests.xks_in_process import ASKED, CONTEXT, Outside, outside, said_of

from meridian.adapters.entropy_os import OsEntropy
from meridian.domain.key_store import ConnectionState
from meridian.workers.key_store_health import KeyStoreHealth


@pytest_asyncio.fixture
async def beside(tmp_path: Path) -> AsyncIterator[Outside]:
    path = await asyncio.to_thread(migrated_sqlite)
    async with outside(tmp_path, path, said_of(standing_proxy()), standing_proxy()) as made:
        yield made


@pytest.mark.asyncio
async def test_each_connected_store_is_asked_and_one_that_is_not_well_is_counted(beside: Outside) -> None:
    well, ill, degraded = [await beside.new_key() for _ in range(3)]
    health = KeyStoreHealth([beside.stores], OsEntropy())
    assert await health.look() is False
    assert beside.stores.unwell == 0, "nobody is connected yet"
    for _, key in (well, ill, degraded):
        await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
    managers = [{"id": "one", "model": "m", "healthStatus": status} for status in ("UNAVAILABLE", "DEGRADED")]
    beside.proxy.tell(ill[0], mode={"verbs": ["health"], "lies": {"ekmFleetDetails": managers[:1]}})
    beside.proxy.tell(degraded[0], mode={"verbs": ["health"], "lies": {"ekmFleetDetails": managers[1:]}})
    await health.look()
    assert beside.stores.unwell == 1
    asked = beside.proxy.tell(well[0])["seen"][-1]
    assert (asked["verb"], "KmsHealthCheck" in asked["body"]) == ("health", True)
    async with beside.store.reading() as uow:
        row = await uow.key_stores.find(ill[1].account, ill[1].custom_key_store_id)
    assert row is not None
    assert row.state is ConnectionState.CONNECTED
    await beside.stores.encrypt(ill[1], CONTEXT, b"x", ASKED)
    beside.proxy.tell(ill[0], mode={})
    await health.look()
    assert beside.stores.unwell == 0


@pytest.mark.asyncio
async def test_a_token_that_is_lost_is_unwell_until_it_is_back(beside: Outside, tmp_path: Path) -> None:
    token = new_token(folder_of_token(tmp_path), "hsm")
    async with in_token(token, beside.store, beside.engine) as made:
        health = KeyStoreHealth([beside.stores, made.links], OsEntropy())
        await health.look()
        assert (made.links.unwell, made.links.connected) == (0, 0), "nobody is connected yet"
        await made.stores.encrypt(await made.new_key(), CONTEXT, b"x", ASKED)
        await health.look()
        assert (made.links.unwell, made.links.broken, made.links.connected) == (0, 0, 1)
        token.say("removed")
        await health.look()
        assert (made.links.unwell, made.links.broken) == (1, 1)
        token.unsay("removed")
        made.links.disconnect(made.row.account, made.row.store_id)
        await made.stores.random(made.row, 8, ASKED)
        await health.look()
        assert (made.links.unwell, made.links.broken) == (0, 0)
    assert [request for request, outcome, _ in made.counted if not outcome] == ["generate", "encrypt", "health", "random", "health"]
    assert [request for request, outcome, _ in made.counted if outcome] == ["health"]
