"""Transactions on the Region's database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from meridian.adapters.store_sql.database_file import MovedDatabaseError, file_of
from meridian.adapters.store_sql.dialects import driver_faults, engines
from meridian.adapters.store_sql.live_connections import LiveConnections
from meridian.adapters.store_sql.unit_of_work import SqlUnitOfWork
from meridian.contract.call_times import wait_through
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.store import UnitOfWork

CLOSE_SECONDS: Final = 1.0
FAULTS: Final = (SQLAlchemyError, OSError, TimeoutError)
"""What the databases raise, beside what the driver of each does; nothing of it crosses this file."""


class SqlStore:
    """Implements `ports.store.store.Store`."""

    def __init__(self, writing: AsyncEngine, reading: AsyncEngine) -> None:
        self._file = file_of(writing.url)
        if self._file is not None:
            self._file.watch(writing)
            self._file.watch(reading)
        self._writing = writing
        self._reading = reading
        self._faults: tuple[type[Exception], ...] = (*FAULTS, *driver_faults(writing.dialect))
        self._live = {engine: LiveConnections(engine) for engine in (writing, reading) if engine.dialect.name == "postgresql"}
        self.statements = 0
        """Transactions and readings begun; a warm cryptographic call begins none."""

    @classmethod
    def connect(cls, url: str) -> SqlStore:
        """A store on `sqlite:///path` or `postgresql://…`; connections open at first use. Raises: ValueError for another URL."""
        return cls(*engines(url))

    @property
    def connections_busy(self) -> int:
        """Connections to PostgreSQL that are at work."""
        return sum(live.busy for live in self._live.values())

    @property
    def connections_lost(self) -> int:
        """Connections to PostgreSQL that were ended because the other side did not answer."""
        return sum(live.lost for live in self._live.values())

    def trouble(self) -> str:
        """Why nothing can be kept now, although the database answers; empty where all is well."""
        try:
            if self._file is not None:
                self._file.require_in_place()
        except MovedDatabaseError as fault:
            return _kind(fault)
        return ""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._unit(self._writing)

    def reading(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._unit(self._reading)

    async def close(self) -> None:
        await self._writing.dispose()
        await self._reading.dispose()

    @asynccontextmanager
    async def _unit(self, engine: AsyncEngine) -> AsyncIterator[UnitOfWork]:
        self.statements += 1
        connection = None
        has_lost_its_way = False
        try:
            if self._file is not None:
                self._file.require_in_place()
            connection = await engine.connect()
            await connection.begin()
            yield SqlUnitOfWork(connection)
            # A commit that was begun is awaited to its end, so that a cancelled caller leaves all or nothing.
            await _to_its_end(connection.commit())
            if self._file is not None and engine is self._writing:
                self._file.require_kept()  # nobody is told of a change that is in a file without a name
        except IntegrityError as fault:
            raise VersionConflict("a row of this name exists") from fault
        except self._faults as fault:
            has_lost_its_way = not isinstance(fault, SQLAlchemyError) or (isinstance(fault, DBAPIError) and fault.connection_invalidated)
            raise StoreUnavailable(reason=f"database: {_kind(fault)}") from None
        finally:
            if connection is not None:
                await self._give_back(engine, connection, has_lost_its_way=has_lost_its_way)

    async def _give_back(self, engine: AsyncEngine, connection: AsyncConnection, *, has_lost_its_way: bool) -> None:
        """Return the connection to the pool, or end it, and the idle ones beside it, where the other side does not answer."""
        live = self._live.get(engine)
        if live is None:
            await asyncio.shield(connection.close())
            return
        if not has_lost_its_way:
            try:
                await asyncio.wait_for(asyncio.shield(connection.close()), CLOSE_SECONDS)
                return
            except self._faults:
                pass  # a connection that cannot be closed has lost its way
        for each in self._live.values():
            each.end_idle()
        with contextlib.suppress(*self._faults):  # what is done with it was told above; here it only ends
            if not connection.closed and not connection.invalidated:
                live.end((await connection.get_raw_connection()).driver_connection)
                await connection.invalidate()
            await connection.close()


async def _to_its_end(commit: Coroutine[None, None, None]) -> None:
    """Return, or be cancelled, when the commit has ended; or a second after the cancelling, where the database does not answer."""
    task = asyncio.ensure_future(commit)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await wait_through(task, CLOSE_SECONDS)
        raise


def _kind(fault: BaseException) -> str:
    """What failed, without statement or parameters."""
    if isinstance(fault, MovedDatabaseError):
        return f"{fault.filename} {fault.strerror}"
    if isinstance(fault, DBAPIError) and fault.orig is not None:
        return type(fault.orig).__name__
    return type(fault).__name__
