"""Bringing a database to the schema of this release. A server never migrates by itself, and does without this file."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from meridian.adapters.store_sql.dialects import keep_private, take_writer_lock
from meridian.adapters.store_sql.schema import SchemaError, open_engine, require_known, revision_of

LOCK_MS: Final = 500
"""How long a migration on PostgreSQL waits for those who write, or who read a table. Whoever comes after it waits as long, and has a
second."""
HELD: Final = "55P03"
PAUSE_SECONDS: Final = 1.0
TRIES_MAX: Final = 100
HELD_FOR_LONG: Final = "others have used its tables without a break for minutes, as a backup may: look in pg_stat_activity, and try again"


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(files("meridian.adapters.store_sql") / "migrations"))
    return made


async def upgrade(url: str) -> None:
    """Bring the database to this release's schema, also while processes of the release before serve. Raises: SchemaError."""
    keep_private(url)
    # A migration of a large table takes as long as it takes.
    async with open_engine(url, None) as engine:
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                await _upgrade(engine)
            except DBAPIError as fault:
                if getattr(fault.orig, "sqlstate", "") != HELD:
                    raise
                if not tries_left:
                    raise SchemaError(HELD_FOR_LONG) from None
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return


async def _upgrade(engine: AsyncEngine) -> None:
    def run(connection: Connection) -> None:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_MS}"))
            # A change of a process that serves has locks of tables, and asks for those that a migration has.
            take_writer_lock(connection)
        require_known(revision_of(connection))
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")

    async with engine.begin() as connection:
        await connection.run_sync(run)
