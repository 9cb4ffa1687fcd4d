"""Reading many rows where one may hold what no release wrote: it is named, and the others are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Row, Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.ports.store.faults import ROW_FAULTS
from meridian.ports.store.rows import Rows, UnreadableRow

T = TypeVar("T")


Parameters = Mapping[str, Any]


async def read_rows(
    connection: AsyncConnection, table: Table, query: Select[Any], read: Callable[[Row[Any]], T], parameters: Parameters | None = None
) -> Rows[T]:
    """What `read` makes of each row of the query, which selects all columns of this table, with these parameters."""
    try:
        found = (await connection.execute(query, parameters)).all()
    except ROW_FAULTS:  # the driver's values do not become the column's: row by row, to find out which
        names = (await connection.execute(query.with_only_columns(*table.primary_key.columns), parameters)).all()
        return await _one_by_one(connection, table, names, read)
    rows: list[T] = []
    unreadable: list[UnreadableRow] = []
    for row in found:
        try:
            rows.append(read(row))
        except ROW_FAULTS as fault:
            unreadable.append(_unreadable(table, tuple(row._mapping[c] for c in table.primary_key.columns), fault))
    return Rows(tuple(rows), tuple(unreadable))


async def _one_by_one(connection: AsyncConnection, table: Table, names: Sequence[Row[Any]], read: Callable[[Row[Any]], T]) -> Rows[T]:
    columns = tuple(table.primary_key.columns)
    rows: list[T] = []
    unreadable: list[UnreadableRow] = []
    for name in names:
        same = [column == value for column, value in zip(columns, name, strict=True)]
        try:
            rows.append(read((await connection.execute(select(*table.c).where(*same))).one()))
        except ROW_FAULTS as fault:
            unreadable.append(_unreadable(table, tuple(name), fault))
    return Rows(tuple(rows), tuple(unreadable))


def _unreadable(table: Table, name: tuple[Any, ...], fault: Exception) -> UnreadableRow:
    return UnreadableRow(table.name, tuple(map(str, name)), type(fault).__name__)
