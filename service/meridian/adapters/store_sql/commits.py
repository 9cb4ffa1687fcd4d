"""Whether anybody has committed to a SQLite database: what was read before is all there is, until somebody has.

A connection of its own asks, which changes nothing and so is told of every other's commit, in this process and in others. It reads a number
that lies in memory shared by all of them, in some microseconds.

Source: SQLite, PRAGMA data_version.
"""

from __future__ import annotations

import sqlite3
from typing import Final
from urllib.parse import quote

from meridian.adapters.store_sql.database_file import DatabaseFile, MovedDatabaseError

COUNT_BITS: Final = 32
"""Of SQLite's own number."""


class Commits:
    """Counts by SQLite's own count; for one thread."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._opened = 0

    def number(self) -> int | None:
        """Another one after each commit; None where the database does not tell, so that who wants to know has to look."""
        try:
            self._file.require_in_place()
            if self._connection is None:
                self._connection = sqlite3.connect(f"file:{quote(self._file.path)}?mode=rw", uri=True, timeout=0, isolation_level=None)
                self._opened += 1
            # Each connection counts for itself: its number says nothing to whoever knows one of a connection before it.
            return self._opened << COUNT_BITS | int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except (sqlite3.Error, MovedDatabaseError):
            self.close()
            return None

    def close(self) -> None:
        """Release the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
