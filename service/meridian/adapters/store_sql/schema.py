"""Whether a database has the schema of this release. Only looked at here; `migrate` is what changes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from meridian.adapters.store_sql.dialects import ERRAND_SECONDS, engine_for_once, keep_private, missing_file
from meridian.domain.fault_places import file_fault

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013")
"""Every revision that this release knows, oldest first: those of `migrations/versions`, without reading them."""
HEAD: Final = REVISIONS[-1]
"""The revision that this release needs."""
VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", String(32)))


class SchemaError(Exception):
    """The database cannot be reached, or does not have the schema of this release."""


class DatabaseAheadError(SchemaError):
    """A newer release has changed the database, in ways that this one does not know."""


def require_there(url: str) -> None:
    """Refuse a database file that is not there: SQLite would make an empty one, which looks like a Region's. Raises: SchemaError."""
    path = missing_file(url)
    if path:
        raise SchemaError(f"no database at {path}: run `meridian region init`")


async def current(url: str) -> str:
    """The database's revision; empty for a database without a schema. Raises: SchemaError."""
    keep_private(url)
    async with open_engine(url, ERRAND_SECONDS) as engine, engine.connect() as connection:
        return await connection.run_sync(revision_of)


async def require_made(url: str) -> None:
    """Refuse a database that is not there, or empty: what is brought to a new schema must be a Region's. Raises: SchemaError."""
    require_there(url)
    if not await current(url):
        raise SchemaError("the database is empty: run `meridian region init`, or name the right one")


async def require_current(url: str) -> None:
    """Refuse a database that is not there, or of another release. Raises: SchemaError."""
    require_there(url)
    found = await current(url)
    require_known(found)
    if found != HEAD:
        command = "migrate" if found else "region init"
        raise SchemaError(f"the database is at revision {found or 'none'}, this release needs {HEAD}: run `meridian {command}`")


def revision_of(connection: Connection) -> str:
    """The revision that the database says it has; empty where it says none. Raises: SchemaError where it says several."""
    if not inspect(connection).has_table(VERSION.name):
        return ""
    found = [str(row.version_num) for row in connection.execute(select(VERSION))]
    if len(found) > 1:
        raise SchemaError(f"the database says that it is at several revisions: {', '.join(sorted(found)[:2])}")
    return "".join(found)


def require_known(revision: str) -> None:
    """Raises: DatabaseAheadError."""
    if revision and revision not in REVISIONS:
        raise DatabaseAheadError(
            f"the database is at revision {revision}, which a newer release has made; this one knows none beyond {HEAD}: "
            "run the newer release, or restore a backup of before it"
        )


@asynccontextmanager
async def open_engine(url: str, statement_seconds: float | None) -> AsyncIterator[AsyncEngine]:
    """An engine that is closed at the end. Raises: SchemaError that names the database, without its password."""
    engine = engine_for_once(url, statement_seconds)
    try:
        yield engine
    except (SQLAlchemyError, OSError) as fault:
        said = getattr(fault, "orig", None) or fault
        reason = (file_fault(said) if isinstance(said, OSError) and said.strerror else str(said)) or "it does not answer"
        named = engine.url.set(drivername=engine.url.get_backend_name())  # as settings name it, without our driver
        raise SchemaError(f"{named.render_as_string(hide_password=True)} cannot be used: {reason}") from fault
    finally:
        await engine.dispose()
