"""A process that serves with the seals of before says so once, as what it is, and goes on; a row that is spoilt is another matter."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path

import pytest
import structlog
from tests.cache_memory import cache_memory
from tests.databases import migrated_sqlite
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.store import SqlStore
from meridian.administration.doctor import _remedy
from meridian.engine.engine import CryptoEngine, EngineSurroundings, open_engine
from meridian.engine.seals import FileSeal, PassphraseSeal, Seal
from meridian.errors import KMSInternalException
from meridian.ports.store.region import RegionIdentity


def seal_in(path: Path) -> FileSeal:
    path.write_bytes(secrets.token_bytes(32))
    path.chmod(0o600)
    return FileSeal(path)


@pytest.mark.asyncio
@pytest.mark.parametrize(("is_of_settings", "events"), [(True, 0), (False, 1)], ids=["other settings", "a seal that does not open"])
async def test_it_is_told_once(tmp_path: Path, is_of_settings: bool, events: int) -> None:
    shutil.copy(await asyncio.to_thread(migrated_sqlite), tmp_path / "region.sqlite3")
    store, clock, reported = SqlStore.connect(f"sqlite:///{tmp_path}/region.sqlite3"), SystemClock(), ReportedEvents()
    identity = RegionIdentity("deployment", "aws", "us-east-1", 0, clock.now())
    async with store.transaction() as uow:
        await uow.region.initialise(identity)
    seal = seal_in(tmp_path / "seal")
    engine: CryptoEngine = await open_engine(store, identity, [seal], EngineSurroundings(clock, OsEntropy(), reported, cache_memory()))
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    (tmp_path / "passphrase").chmod(0o600)
    other: Seal = PassphraseSeal(tmp_path / "passphrase") if is_of_settings else seal_in(tmp_path / "other")
    engine.region_keyring._seals = (other,)
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            with pytest.raises(KMSInternalException):
                await engine.region_keyring.reload(store)
    assert len(reported.reported) == events
    assert [line["event"] for line in lines].count("keyring under other seals") == 1 - events
    assert engine.region_keyring.trouble()
    assert ("start the process again" in _remedy(engine.region_keyring.trouble())) is is_of_settings
    engine.region_keyring._seals = (seal,)
    await engine.region_keyring.reload(store)
    assert not engine.region_keyring.trouble()
    await store.close()
