"""Connections that are begun, worked with and given back as a whole, whoever leaves meanwhile.

A caller may be cancelled at any moment. Cancelled inside SQLAlchemy, he would leave a transaction open in the driver's thread, which others
wait for, and a connection that is closed by a task nobody waits for. So whatever the driver does is done in tasks of its own, which are
never cancelled; a caller waits for them, and leaves without them. Whoever waits for a connection holds none, and may be cancelled at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from sqlalchemy import CursorResult
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from meridian.adapters.store_sql.dialects import room_of
from meridian.adapters.store_sql.live_connections import LiveConnections
from meridian.contract.call_times import wait_through

CLOSE_SECONDS: Final = 1.0
"""How long a caller who leaves waits for the statement, the commit or the closing that is under way."""

Result = TypeVar("Result")


class WholeConnection(AsyncConnection):
    """A connection whose statements are awaited to their end."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.under_way: asyncio.Task[Any] | None = None
        """What was not done when its caller left."""
        self.driver: Any = None
        """The driver's own connection, once there is one."""

    async def open(self) -> None:
        """Take a connection of the pool, and begin its transaction."""
        await self.start()
        self.driver = (await self.get_raw_connection()).driver_connection
        await self.begin()

    async def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> CursorResult[Any]:
        return await self._whole(super().execute(statement, parameters, execution_options=execution_options))

    async def commit(self) -> None:
        """A commit that was begun is awaited to its end, so that a cancelled caller leaves all or nothing."""
        await self._whole(super().commit())

    async def _whole(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return, or be cancelled, when the work has ended; or a second after the cancelling, where the database does not answer."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await wait_through(task, CLOSE_SECONDS)
            _fault_of(task)
            self.under_way = None if task.done() else task
            raise


class Connections:
    """The connections of one engine, handed to one caller after another.

    `live` and `end_idle` are there for a database that may stop to answer: its connections, and what ends the idle ones of all engines.
    """

    def __init__(
        self, engine: AsyncEngine, faults: tuple[type[Exception], ...], *, live: LiveConnections | None, end_idle: Callable[[], None]
    ) -> None:
        most, self._seconds = room_of(engine)
        self._engine = engine
        self._faults = faults
        self._live = live
        self._end_idle = end_idle
        self._free = asyncio.Semaphore(most)
        self.most = most
        self.waiting = 0
        """Callers who wait for a connection to come free."""
        self._tasks: set[asyncio.Task[None]] = set()
        """Openings and closings under way, no more than there are connections."""

    async def take(self) -> WholeConnection:
        """A connection in its transaction. Raises: TimeoutError where none comes free; what the database raises."""
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        finally:
            self.waiting -= 1
        connection = WholeConnection(self._engine)
        opening = self._begin(connection.open())
        try:
            await asyncio.shield(opening)
        except BaseException:
            self._begin(self._end(connection, opening))
            raise
        return connection

    async def give_back(self, connection: WholeConnection, fault: BaseException | None) -> None:
        """Return when the connection is back in the pool, or ended where the other side does not answer; `fault` is what its caller met."""
        await asyncio.shield(self._begin(self._close(connection, fault)))

    async def ended(self) -> None:
        """Return when nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)
        return task

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        _fault_of(task)  # told to the caller who waits for it; nobody else is told what became of what he left

    async def _end(self, connection: WholeConnection, opening: asyncio.Task[None]) -> None:
        """What was begun for a caller who left, or whom the database refused, comes to its end."""
        await asyncio.wait([opening])
        await self._close(connection, _fault_of(opening))

    async def _close(self, connection: WholeConnection, fault: BaseException | None) -> None:
        try:
            if self._live is None:
                await self._close_file(connection)
            else:
                await self._close_live(connection, self._live, has_lost_its_way=_is_of_a_lost_connection(fault))
        finally:
            self._free.release()

    async def _close_file(self, connection: WholeConnection) -> None:
        """A file answers always, in its time."""
        if connection.under_way is not None:
            await asyncio.wait([connection.under_way])
        with contextlib.suppress(*self._faults):
            await connection.close()

    async def _close_live(self, connection: WholeConnection, live: LiveConnections, *, has_lost_its_way: bool) -> None:
        waited = connection.under_way
        if waited is None and not has_lost_its_way:
            waited = asyncio.ensure_future(connection.close())
            await asyncio.wait([waited], timeout=CLOSE_SECONDS)
            if waited.done() and _fault_of(waited) is None:
                return
        self._end_idle()
        with contextlib.suppress(*self._faults):  # what is done with it was told to the caller; here it only ends
            if connection.driver is not None and not connection.closed and not connection.invalidated:
                live.end(connection.driver)
            if waited is not None:
                await asyncio.wait([waited])  # which ends with the connection
                _fault_of(waited)
            if not connection.closed and not connection.invalidated:
                await connection.invalidate()
            await connection.close()


def _is_of_a_lost_connection(fault: BaseException | None) -> bool:
    """Whether what the driver raised says that the other side does not answer; what is no fault of it says nothing."""
    if isinstance(fault, SQLAlchemyError):
        return isinstance(fault, DBAPIError) and fault.connection_invalidated
    return fault is not None


def _fault_of(task: asyncio.Task[Any]) -> BaseException | None:
    """What the task raised, which counts as told then; None where it has not ended, or raised nothing."""
    return task.exception() if task.done() and not task.cancelled() else None
