"""Transactions on the Region's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from meridian.adapters.store_sql.commits import Commits
from meridian.adapters.store_sql.database_file import MovedDatabaseError, file_of
from meridian.adapters.store_sql.dialects import driver_faults, engines
from meridian.adapters.store_sql.disk_faults import not_kept
from meridian.adapters.store_sql.fault_words import words_of
from meridian.adapters.store_sql.live_connections import LiveConnections
from meridian.adapters.store_sql.sqlite_visits import use_visits
from meridian.adapters.store_sql.unit_of_work import SqlUnitOfWork
from meridian.adapters.store_sql.whole_connections import Connections
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.store import UnitOfWork

FAULTS: Final = (SQLAlchemyError, OSError, TimeoutError)
"""What the databases raise, beside what the driver of each does; nothing of it crosses this file."""


class SqlStore:
    """Implements `ports.store.store.Store`."""

    def __init__(self, writing: AsyncEngine, reading: AsyncEngine) -> None:
        self._file = file_of(writing.url)
        if self._file is not None:
            self._file.watch(writing)
            self._file.watch(reading)
        if writing.dialect.name == "sqlite":
            use_visits(writing)
            use_visits(reading)
        self._commits = Commits(self._file) if self._file is not None else None
        self._writing = writing
        self._reading = reading
        self._faults: tuple[type[Exception], ...] = (*FAULTS, *driver_faults(writing.dialect))
        self._live = {engine: LiveConnections(engine) for engine in (writing, reading) if engine.dialect.name == "postgresql"}
        self._writers, self._readers = (
            Connections(engine, self._faults, live=self._live.get(engine), end_idle=self._end_idle) for engine in (writing, reading)
        )
        self._cannot_write = ""
        """Why the newest change was not kept, where it is the disk's fault."""
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
    def connections_max(self) -> int:
        """How many connections to the database this process opens at most."""
        return self._writers.most + self._readers.most

    @property
    def waiting_for_connections(self) -> int:
        """Callers who wait for a connection to come free."""
        return self._writers.waiting + self._readers.waiting

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
            return words_of(fault)
        return self._cannot_write

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._unit(self._writers)

    def reading(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._unit(self._readers)

    def commits(self) -> int | None:
        return self._commits.number() if self._commits is not None else None

    async def close(self) -> None:
        if self._commits is not None:
            self._commits.close()
        await self._writers.ended()
        await self._readers.ended()
        await self._writing.dispose()
        await self._reading.dispose()

    def _end_idle(self) -> None:
        for each in self._live.values():
            each.end_idle()

    @asynccontextmanager
    async def _unit(self, connections: Connections) -> AsyncIterator[UnitOfWork]:
        self.statements += 1
        connection = met = None
        try:
            if self._file is not None:
                self._file.require_in_place()
            connection = await connections.take()
            yield SqlUnitOfWork(connection)
            await connection.commit()
            if connections is self._writers:
                self._cannot_write = ""
            if self._file is not None and connections is self._writers:
                self._file.require_kept()  # nobody is told of a change that is in a file without a name
        except IntegrityError as fault:
            raise VersionConflict("a row of this name exists") from fault
        except self._faults as fault:
            met = fault
            if connections is self._writers:
                self._cannot_write = not_kept(fault)
            raise StoreUnavailable(reason=f"database: {words_of(fault)}") from None
        finally:
            if connection is not None:
                await connections.give_back(connection, met)
