"""Which key-encryption key a wrapped row names, and that it is still there.

Source: docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, LargeBinary, Table, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store.faults import VersionConflict


def kek_of(table: Table) -> ColumnElement[bytes]:
    """The four bytes of a wrapped row that name its key-encryption key, in the words of the table's index."""
    return func.substr(table.c.sealed_bytes, literal_column("5"), literal_column("4"), type_=LargeBinary)


def kek_name(kek_number: int) -> bytes:
    """A key-encryption key's number as wrapped rows write it."""
    return kek_number.to_bytes(4, "big")


async def require_kek(connection: AsyncConnection, sealed_bytes: bytes) -> None:
    """Refuse a row that a process with an old idea of the keyring wrapped under a key that was destroyed. Raises: VersionConflict."""
    keks = await connection.execute(select(t.keks.c.kek_number).where(t.keks.c.kek_number == int.from_bytes(sealed_bytes[4:8], "big")))
    if keks.first() is None:
        raise VersionConflict("the row is wrapped under a key-encryption key that is not there")
