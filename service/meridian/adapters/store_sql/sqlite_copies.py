"""Whole copies of a SQLite database, made while others write to it; and putting one in the database's place.

A file that is copied by itself lacks whatever still stands in the journal beside it, and nothing tells so. A copy made here is one file,
as of one moment, and says in its header that it is whole, until somebody uses it as a database.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from meridian.adapters.store_sql.dialects import BUSY_TIMEOUT_MS, WHOLE_COPY, async_url
from meridian.fresh_file import open_fresh

JOURNALS: Final = ("-wal", "-shm")


class CopyError(Exception):
    """A copy cannot be made or used; the text says why, and what to do."""


def sqlite_path(url: str) -> Path | None:
    """Where the database file is, behind whatever links lead to it; None for a database that is no file. Raises: ValueError."""
    parsed = async_url(url)
    return Path(str(parsed.database)).resolve() if parsed.get_backend_name() == "sqlite" else None


def url_of(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


@contextlib.contextmanager
def private_name(beside: Path) -> Iterator[Path]:
    """A new file of mode 0600 whose name begins with a dot, in the folder of `beside`; what there is of it at the end is removed."""
    partial = beside.with_name(f".{beside.name}.partial")
    _remove(partial)
    try:
        os.close(open_fresh(partial))
        yield partial
    finally:
        _remove(partial)


@contextlib.contextmanager
def private_copy(source: Path, beside: Path) -> Iterator[Path]:
    """A whole copy of a database in such a file. Raises: CopyError, OSError."""
    with private_name(beside) as partial:
        _copy(source, partial)
        yield partial


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise CopyError(f"there is no file {source}")
    try:
        # Not `immutable`: a journal beside the source is part of it. All pages at once are one moment, and nobody waits for it.
        with _opened(source, "ro") as here, _opened(target, "rw") as there:
            here.backup(there, pages=-1)
            (verdict,) = there.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as fault:
        raise CopyError(f"{source} cannot be copied: {fault}") from fault
    if verdict != "ok":
        raise CopyError(f"{source} is damaged: {verdict}")


def is_marked_whole(path: Path) -> bool:
    """Whether `mark` has said of this file that it is a whole copy, so that it is not any file that was copied by itself."""
    with contextlib.suppress(sqlite3.Error), _opened(path, "ro") as database:
        return bool(database.execute("pragma application_id").fetchone() == (WHOLE_COPY,))
    return False


def mark(path: Path, *, whole: bool) -> None:
    """Make the database one file without journals, durable, and say in its header whether it is a whole copy. Raises: CopyError."""
    try:
        with _opened(path, "rw") as database:
            database.execute("pragma journal_mode = delete")
            database.execute(f"pragma application_id = {WHOLE_COPY if whole else 0}")
    except sqlite3.Error as fault:
        raise CopyError(f"{path} cannot be written: {fault}") from fault
    with path.open("rb") as file:
        os.fsync(file.fileno())


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name, which nothing else has. Raises: FileExistsError, OSError."""
    os.link(partial, path)
    _sync_folder(path)


def replace_database(partial: Path, path: Path, now: datetime) -> Path | None:
    """Put a finished file in the database's place, at once; what was there is kept beside it, under the name that is answered.

    Raises: CopyError if anybody has the database open; OSError.
    """
    kept = path.with_name(f"{path.name}.before-restore-{now:%Y%m%dT%H%M%S.%fZ}")
    is_there = path.exists()
    if is_there:
        _take_in_journals(path)
    for suffix in JOURNALS:  # left where the database is gone, or too damaged to take them in; beside the new one they would change it
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{kept}{suffix}")
    if is_there:
        os.link(path, kept)
    partial.replace(path)
    _sync_folder(path)
    return kept if is_there else None


def _take_in_journals(path: Path) -> None:
    """Make the present database one file. It cannot be done while any process has it open. Raises: CopyError."""
    try:
        with _opened(path, "rw") as database:
            database.execute("pragma journal_mode = delete")
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise CopyError(f"{path} is in use: stop every process of the Region first") from fault
    except sqlite3.DatabaseError:
        return  # what is there is no sound database: the reason to restore one


@contextlib.contextmanager
def _opened(path: Path, mode: Literal["ro", "rw"]) -> Iterator[sqlite3.Connection]:
    """A file that is not there is not made."""
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
    with contextlib.closing(database):
        yield database


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", *JOURNALS):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
