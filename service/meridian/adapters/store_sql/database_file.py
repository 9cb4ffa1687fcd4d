"""Whether the path of a SQLite database still leads to the file that is open: what is written into a file without a name is lost."""

from __future__ import annotations

import errno
import os
from typing import Any, Final

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine

JOURNAL: Final = "-wal"
NOT_IN_PLACE: Final = "is not where it was: put it back, or stop the Region and restore a backup with `meridian restore`"
Identity = tuple[int, int]


class MovedDatabaseError(OSError):
    """The file, or its journal, was moved, removed or replaced while it was open."""


class DatabaseFile:
    """One file, as its store found it. A look costs a microsecond or two for each of two names.

    The journal begins anew where every connection was closed, and then only: it is known again after each new connection.
    """

    def __init__(self, path: str) -> None:
        """Raises: OSError where it is not there."""
        self.path = path
        self._journal_path = f"{os.path.realpath(path)}{JOURNAL}"
        """SQLite follows a symbolic link, and keeps the journal beside the file itself."""
        self._identity = _identity(path)
        self._journal: Identity | None = None
        self._has_journal = False

    def watch(self, engine: AsyncEngine) -> None:
        """Open no connection to another file than this one."""

        @event.listens_for(engine.sync_engine, "do_connect")
        def before(*_: Any) -> None:
            self.require_in_place()  # SQLite would make an empty file

        @event.listens_for(engine.sync_engine, "connect")
        def after(connection: Any, _: Any) -> None:
            self.require_in_place()
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode")
            self._has_journal = tuple(cursor.fetchone()) == ("wal",)
            self._journal = None
            cursor.close()

    def require_in_place(self) -> None:
        """Raises: MovedDatabaseError."""
        if _found(self.path) != self._identity:
            raise MovedDatabaseError(errno.ESTALE, NOT_IN_PLACE, self.path)

    def require_kept(self) -> None:
        """What was committed just now, by a connection that is still open, is in files that will be found. Raises: MovedDatabaseError."""
        self.require_in_place()
        if not self._has_journal:
            return
        found = _found(self._journal_path)
        self._journal = self._journal or found
        if found is None or found != self._journal:
            raise MovedDatabaseError(errno.ESTALE, NOT_IN_PLACE, self._journal_path)


def file_of(url: URL) -> DatabaseFile | None:
    """The file of a SQLite database that is there; None of any other."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:") or not os.path.exists(str(url.database)):
        return None
    return DatabaseFile(str(url.database))


def _identity(path: str) -> Identity:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _found(path: str) -> Identity | None:
    try:
        return _identity(path)
    except OSError:
        return None
