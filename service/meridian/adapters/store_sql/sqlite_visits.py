"""Connections to SQLite whose statements are one visit of the driver's thread each: execute, fetch and close together.

The driver has a thread for each connection, and by itself goes there for a cursor, for the statement, for its rows, and to close the
cursor. Each visit is two changes of threads, which cost more than most statements do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

Row = Sequence[Any]
ROWS_KEPT: Final = 64
"""What aiosqlite fetches at once where somebody iterates, which nobody does here."""


class Answer(NamedTuple):
    """What one statement gave."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: list[Row]


class VisitedConnection(aiosqlite.Connection):
    """A connection of aiosqlite with cursors of its own."""

    _begin = ""

    def begin_with_next(self, begin: str) -> None:
        """Begin a transaction by these words in the visit of its first statement. For words that take no lock: nobody notices when they
        are said."""
        self._begin = begin

    async def rollback(self) -> None:
        """Without a visit where nothing is open, as after each commit, when SQLAlchemy puts the connection back."""
        self._begin = ""
        if self.in_transaction:
            await super().rollback()

    async def commit(self) -> None:
        """Without a visit where nothing is open."""
        self._begin = ""
        if self.in_transaction:
            await super().commit()

    def cursor(self) -> VisitedCursor:  # type: ignore[override]  # what SQLAlchemy takes: made at once, and entered
        return VisitedCursor(self)

    async def visit(self, work: Callable[[sqlite3.Cursor], object]) -> Answer:
        """Let the driver's thread do this with a new cursor, and fetch what there is. Raises: what the driver raises."""
        begin, self._begin = self._begin, ""
        answer: Answer = await self._execute(_visited, self._conn, begin, work)  # type: ignore[no-untyped-call]  # aiosqlite's own way there
        return answer


class VisitedCursor:
    """What SQLAlchemy asks of the cursor of an asyncio driver. It holds nothing open."""

    def __init__(self, connection: VisitedConnection) -> None:
        self._connection = connection
        self._answer = Answer(None, -1, None, [])
        self.arraysize = 1

    async def __aenter__(self) -> VisitedCursor:
        return self

    @property
    def description(self) -> Any:
        """None where the statement answers no rows."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed; -1 where it changes none."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Of the row that was inserted last."""
        return self._answer.lastrowid

    async def execute(self, statement: str, parameters: Any = ()) -> VisitedCursor:
        self._answer = await self._connection.visit(partial(_execute, statement, parameters))
        return self

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> VisitedCursor:
        self._answer = await self._connection.visit(partial(_execute_many, statement, parameters))
        return self

    async def fetchall(self) -> list[Row]:
        """Every row of the answer."""
        return self._answer.rows

    async def close(self) -> None:
        """Nothing is open."""


def use_visits(engine: AsyncEngine) -> None:
    """Open such connections for this engine, after everybody else has looked: who connects is the last that SQLAlchemy asks."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _: Any, arguments: Any, options: Any) -> Any:
        return dialect.connect(*arguments, async_creator_fn=_connection, **options)


def _connection(path: str, **options: Any) -> VisitedConnection:
    made = VisitedConnection(partial(sqlite3.connect, path, **options), ROWS_KEPT)
    made._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy has it of those that it makes: no thread keeps a process that ends
    return made


def _visited(connection: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Cursor], object]) -> Answer:
    cursor = connection.cursor()
    try:
        if begin:
            cursor.execute(begin)
        work(cursor)
        rows = cursor.fetchall() if cursor.description else []
        return Answer(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()


def _execute(statement: str, parameters: Any, cursor: sqlite3.Cursor) -> None:
    cursor.execute(statement, parameters)


def _execute_many(statement: str, parameters: Iterable[Any], cursor: sqlite3.Cursor) -> None:
    cursor.executemany(statement, parameters)
