"""What a database refused, or why it does not answer, in words for operators. Nothing of a driver's own text, which may
quote a row or a URL.

Source: SQLite, Result and Error Codes (sqlite.org/rescode.html); PostgreSQL documentation, appendix A, error codes.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError

from meridian.adapters.store_sql.database_file import MovedDatabaseError
from meridian.adapters.store_sql.disk_faults import not_kept

LATE: Final = "it does not answer in time"
LOST: Final = "the connection was lost"
REFUSES: Final = "it answers with an error"
WORDS: Final = {
    "SQLITE_BUSY": "another program holds its lock",
    "SQLITE_CANTOPEN": "its file cannot be opened",
    "SQLITE_CORRUPT": "its file is damaged",
    "SQLITE_NOTADB": "its file is no database",
    "08": LOST,
    "28": "it refuses the user or the password",
    "3D": "no database of this name is there",
    "40": "transactions were in each other's way",
    "42501": "it does not allow the user this",
    "53200": "it has no memory left",
    "53300": "it takes no more connections",
    "55P03": "another program holds its lock",
    "57014": LATE,
    "57P03": "it starts up, or shuts down",
    "57P": "it was shut down",
}
"""THE table: by the beginning of SQLite's word, and by PostgreSQL's code."""


def words_of(fault: BaseException) -> str:
    """Why the database did not do what it was asked, and in brackets its own word for it, or the driver's."""
    if isinstance(fault, MovedDatabaseError):
        return f"{fault.filename} {fault.strerror}"
    said = _said(fault)
    code: str = getattr(said, "sqlite_errorname", "") or getattr(said, "sqlstate", "") or ""
    known = not_kept(fault) or next((f"{words} ({code})" for begin, words in WORDS.items() if code.startswith(begin)), "")
    return known or f"{_words_without_code(fault, said)} ({code or type(said).__name__})"


def _said(fault: BaseException) -> BaseException:
    """What the driver raised, below what SQLAlchemy makes of it."""
    said = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    return said.__cause__ if said is not fault and said.__cause__ is not None else said


def _words_without_code(fault: BaseException, said: BaseException) -> str:
    if isinstance(said, TimeoutError):
        return LATE
    if isinstance(said, OSError):
        return f"it cannot be reached: {said.strerror}" if said.strerror else "it cannot be reached"
    is_lost = isinstance(fault, DBAPIError) and fault.connection_invalidated
    return LOST if is_lost or type(said).__name__ == "InterfaceError" else REFUSES
