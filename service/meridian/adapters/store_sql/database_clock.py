"""The database's own clock, as an expression that each database writes in its way: so that statements with it are built once."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class SecondsNow(FunctionElement[Any]):
    """Seconds since 1970; within one transaction it goes on."""

    name = "seconds_now"
    inherit_cache = True


@compiles(SecondsNow, "sqlite")
def _sqlite(*_: object, **__: object) -> str:
    # SQLite counts days from noon of 24 November 4714 BC.
    return "((julianday('now') - 2440587.5) * 86400)"


@compiles(SecondsNow, "postgresql")
def _postgresql(*_: object, **__: object) -> str:
    return "extract(epoch FROM clock_timestamp())"
