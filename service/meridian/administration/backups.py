"""Backing a Region's database up while it serves, and putting a backup back in its place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import UntoldEvents
from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.postgresql_copies import database_beside, dump, fill, take_place
from meridian.adapters.store_sql.row_survey import Survey, survey_rows
from meridian.adapters.store_sql.schema import current, require_current
from meridian.adapters.store_sql.sqlite_copies import (
    CopyError,
    is_marked_whole,
    mark,
    private_copy,
    private_name,
    publish,
    replace_database,
    sqlite_path,
    url_of,
)
from meridian.administration.database import store_at, while_nobody_serves
from meridian.administration.other_regions import note_restored
from meridian.audit.beyond_heads import Beyond, changes_beyond
from meridian.audit.directories import log_directories
from meridian.audit.segments import DamagedSegmentError
from meridian.bootstrap.database import require_names, seals_of
from meridian.bootstrap.own_log import require_database_of_log
from meridian.bootstrap.startup import FAULTS, StartupError, naming, text_of
from meridian.engine import keyring as keyrings
from meridian.engine.keyring import Keyring
from meridian.engine.seals import SealError
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork
from meridian.settings import Settings

STREAMS_PER_READING: Final = 1000


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of a restore."""

    incarnation: int
    rows: Survey
    lost: Beyond
    kept: str
    """Where the database is that was there before, or as what; empty where there was none."""


async def back_up(settings: Settings, to: Path) -> Survey:
    """A whole copy of the database in a new file, of mode 0600, while the Region serves or not; the answer tells of its rows: of those of a
    SQLite copy itself, of those of a PostgreSQL database just before the copy.

    Raises: StartupError, and then there is no new file.
    """
    with _telling():
        path = sqlite_path(settings.database)
        if to.exists():  # noqa: ASYNC240 - a command, with nobody else on its loop
            raise CopyError(f"{to} is there, and a backup overwrites nothing: give another name")
        require_database_of_log(settings)
        with naming("database"):
            await require_current(settings.database)
        if path is None:
            found = await _check(settings.database, settings)
            with private_name(to) as partial:
                await asyncio.to_thread(dump, settings.database, partial)
                publish(partial, to)
            return found
        with private_copy(path, to) as partial:
            found = await _check(url_of(partial), settings)
            mark(partial, whole=True)
            publish(partial, to)
        return found


async def restore(settings: Settings, source: Path, *, accept_loss: bool) -> Restored:
    """Put a copy of the Region's database in its place, as one that comes from a backup: a new incarnation, whose sets reconcile.

    Raises: StartupError, and then what was there stays.
    """
    with _telling(), while_nobody_serves(settings):
        path = sqlite_path(settings.database)
        if path is None:
            return await _restore_postgresql(settings, source, accept_loss=accept_loss)
        with private_copy(source, path) as partial:
            done = await _make_ready(url_of(partial), settings, source, is_whole=is_marked_whole(source), accept_loss=accept_loss)
            mark(partial, whole=False)
            kept = replace_database(partial, path, SystemClock().now())
        return replace(done, kept=str(kept or ""))


async def _restore_postgresql(settings: Settings, source: Path, *, accept_loss: bool) -> Restored:
    """What `pg_dump` writes is of one transaction, and so whole."""
    async with database_beside(settings.database, OsEntropy().random_bytes(4).hex()) as url:
        await asyncio.to_thread(fill, url, source)
        done = await _make_ready(url, settings, source, is_whole=True, accept_loss=accept_loss)
        return replace(done, kept=await take_place(settings.database, url, SystemClock().now()))


async def _make_ready(url: str, settings: Settings, source: Path, *, is_whole: bool, accept_loss: bool) -> Restored:
    """Bring a copy to this schema, look whether it is the Region's, and say in it that it comes from a backup."""
    if not await current(url):
        raise CopyError(f"{source} is no database of a Region")
    await upgrade(url)
    found = await _check(url, settings)
    async with store_at(url) as store:
        async with store.reading() as uow:
            lost = await _lost_with(uow, settings)
        _require_accepted(lost, is_whole=is_whole, accept_loss=accept_loss)
        incarnation = await note_restored(store, OsEntropy(), "")
    return Restored(incarnation, found, lost, "")


async def say_restored(settings: Settings, *, accept_loss: bool) -> int:
    """The database that is in its place now comes from a backup; the answer is the new incarnation. Raises: StartupError."""
    with _telling(), while_nobody_serves(settings):
        require_database_of_log(settings)
        with naming("database"):
            await require_current(settings.database)
        path = sqlite_path(settings.database)
        is_whole = path is not None and is_marked_whole(path)  # looked at before the store takes it into use
        async with store_at(settings.database) as store:
            async with store.reading() as uow:
                await _open_keyring(uow, settings)
                lost = await _lost_with(uow, settings)
            _require_accepted(lost, is_whole=is_whole, accept_loss=accept_loss)
            return await note_restored(store, OsEntropy(), "")


async def _check(url: str, settings: Settings) -> Survey:
    """Whether this is a database of the Region that its seals open, and which of its wrapped rows do. Raises: ValueError, SealError."""
    async with store_at(url) as store, store.reading() as uow:
        identity, keyring = await _open_keyring(uow, settings)
    return await survey_rows(url, identity, keyring, wrapped_alone=True)


async def _open_keyring(uow: UnitOfWork, settings: Settings) -> tuple[RegionIdentity, Keyring]:
    identity, roots, keks = await uow.region.identity(), await uow.keyring.roots(), await uow.keyring.keks()
    if identity is None or not roots or not keks:
        raise SealError(
            "the database has no keyring: it is no whole copy of this Region's. A database file that was copied by itself lacks what "
            "its journal has; use a copy that `meridian backup` made, with `meridian restore`"
        )
    require_names(identity, settings)
    with naming("seals"):
        unlocked = await asyncio.to_thread(keyrings.unlock, identity, roots, keks, seals_of(settings), OsEntropy(), UntoldEvents())
    return identity, unlocked


async def _lost_with(uow: UnitOfWork, settings: Settings) -> Beyond:
    """What the audit log of these settings tells of, and this database does not know."""
    heads: dict[str, int] = {}
    after = 0
    while page := await uow.audit_streams.list(after=after, limit=STREAMS_PER_READING):
        heads.update({row.head.stream: row.head.sequence for row in page})
        after = page[-1].number
    return await asyncio.to_thread(_beyond, settings.audit.directory, heads)


def _beyond(directory: Path, heads: Mapping[str, int]) -> Beyond:
    try:
        found = [changes_beyond(each, heads) for each in log_directories(directory) if each.is_dir()]
        return Beyond(sum(each.changes for each in found), max((each.newest for each in found), default=""))
    except DamagedSegmentError as fault:
        raise CopyError(
            f"{directory}: {fault}, so the changes that are lost cannot be counted: bring the file back from where the log is kept as "
            "well, or move it away, and what it tells of is not counted"
        ) from fault


def _require_accepted(lost: Beyond, *, is_whole: bool, accept_loss: bool) -> None:
    """A copy of unknown making may lack what nobody meant to give up; one that `meridian backup` made lacks what came after it."""
    if lost.changes and not is_whole and not accept_loss:
        raise CopyError(
            f"the database is older than the audit log, which tells of {lost.changes} changes after it, the last at {lost.newest}. A "
            "database file that was copied by itself lacks what its journal has: use a copy that `meridian backup` made, with "
            "`meridian restore`. If there is no newer copy, say --accept-loss"
        )


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (*FAULTS, CopyError) as fault:
        raise StartupError(text_of(fault)) from fault
