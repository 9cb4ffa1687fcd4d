"""Bringing a database to the schema of this release. A server never migrates by itself; it only checks."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from meridian.adapters.store_sql.dialects import async_url


class SchemaError(Exception):
    """The database does not have the schema of this release."""


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


async def upgrade(url: str) -> None:
    """Bring the database to this release's schema."""

    def run(connection: Connection) -> None:
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")

    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def current(url: str) -> str:
    """The database's revision; empty for a database without a schema."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision() or "")
    finally:
        await engine.dispose()


async def require_current(url: str) -> None:
    """Refuse a database of another release. Raises: SchemaError."""
    found = await current(url)
    if found != head():
        raise SchemaError(f"the database is at revision {found or 'none'}, this release needs {head()}: run `meridian migrate`")
