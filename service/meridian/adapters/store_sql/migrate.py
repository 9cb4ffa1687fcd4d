"""Bringing a database to the schema of this release. A server never migrates by itself; it only checks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from meridian.adapters.store_sql.dialects import async_url, keep_private, missing_file


class SchemaError(Exception):
    """The database cannot be reached, or does not have the schema of this release."""


class DatabaseAheadError(SchemaError):
    """A newer release has changed the database, in ways that this one does not know."""


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(files("meridian.adapters.store_sql") / "migrations"))
    return made


def head() -> str:
    """The revision that this release needs."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        raise SchemaError("this release has no migrations")
    return found


def require_there(url: str) -> None:
    """Refuse a database file that is not there: SQLite would make an empty one, which looks like a Region's. Raises: SchemaError."""
    path = missing_file(url)
    if path:
        raise SchemaError(f"no database at {path}: run `meridian region init`")


async def upgrade(url: str) -> None:
    """Bring the database to this release's schema. Raises: SchemaError."""

    def run(connection: Connection) -> None:
        _require_known(_revision(connection))
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")

    keep_private(url)
    async with _engine(url) as engine, engine.begin() as connection:
        await connection.run_sync(run)


async def current(url: str) -> str:
    """The database's revision; empty for a database without a schema. Raises: SchemaError."""
    keep_private(url)
    async with _engine(url) as engine, engine.connect() as connection:
        return await connection.run_sync(_revision)


async def require_current(url: str) -> None:
    """Refuse a database that is not there, or of another release. Raises: SchemaError."""
    require_there(url)
    found = await current(url)
    _require_known(found)
    if found != head():
        raise SchemaError(f"the database is at revision {found or 'none'}, this release needs {head()}: run `meridian migrate`")


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _require_known(revision: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if revision and revision not in known:
        raise DatabaseAheadError(
            f"the database is at revision {revision}, which a newer release has made; this one knows none beyond {head()}: "
            "run the newer release, or restore a backup of before it"
        )


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine that is closed at the end. Raises: SchemaError that names the database, without its password."""
    engine = create_async_engine(async_url(url))
    try:
        yield engine
    except (SQLAlchemyError, OSError) as fault:
        reason = getattr(fault, "orig", None) or fault
        raise SchemaError(f"{engine.url.render_as_string(hide_password=True)} cannot be used: {reason}") from fault
    finally:
        await engine.dispose()
