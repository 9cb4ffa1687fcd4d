"""Transactions on the Region's database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from meridian.adapters.store_sql.dialects import engines
from meridian.adapters.store_sql.unit_of_work import SqlUnitOfWork
from meridian.ports.store import StoreUnavailable, UnitOfWork, VersionConflict


class SqlStore:
    """Implements `ports.store.Store`."""

    def __init__(self, writing: AsyncEngine, reading: AsyncEngine) -> None:
        self._writing = writing
        self._reading = reading
        self.statements = 0
        """Transactions and readings begun; a warm cryptographic call begins none."""

    @classmethod
    def connect(cls, url: str) -> SqlStore:
        """A store on `sqlite:///path` or `postgresql://…`; connections open at first use. Raises: ValueError for another URL."""
        return cls(*engines(url))

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
        try:
            connection = await engine.connect()
            await connection.begin()
            yield SqlUnitOfWork(connection)
            # A commit that was begun is awaited to its end, so that a cancelled caller leaves all or nothing.
            await asyncio.shield(connection.commit())
        except IntegrityError as fault:
            raise VersionConflict("a row of this name exists") from fault
        except (SQLAlchemyError, OSError, TimeoutError) as fault:
            raise StoreUnavailable(reason=f"database: {_kind(fault)}") from None
        finally:
            if connection is not None:
                await asyncio.shield(connection.close())


def _kind(fault: BaseException) -> str:
    """What failed, without statement or parameters."""
    if isinstance(fault, DBAPIError) and fault.orig is not None:
        return type(fault.orig).__name__
    return type(fault).__name__
