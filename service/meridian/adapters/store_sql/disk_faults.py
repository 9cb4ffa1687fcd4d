"""That a database keeps nothing, in words: what each of them says of its disk, and of itself where it can only be read.

Source: SQLite, Result and Error Codes (sqlite.org/rescode.html); PostgreSQL documentation, appendix A, error codes.
"""

from __future__ import annotations

from typing import Final

FULL: Final = "the disk of the database is full"
FAILS: Final = "the disk of the database fails"
READ_ONLY: Final = "the database can only be read"

WORDS: Final = {
    "SQLITE_FULL": FULL,
    "SQLITE_IOERR": FAILS,
    "SQLITE_READONLY": READ_ONLY,
    "53100": FULL,
    "58030": FAILS,
    "25006": READ_ONLY,
}
"""THE table: by the beginning of SQLite's word, and by PostgreSQL's code."""


def not_kept(fault: BaseException) -> str:
    """Why the database keeps nothing, with its own word; empty for a fault of another kind."""
    said = getattr(fault, "orig", None)
    name: str = getattr(said, "sqlite_errorname", "") or getattr(said, "sqlstate", "") or ""
    return next((f"{words} ({name})" for begin, words in WORDS.items() if name.startswith(begin)), "")
