"""Bringing a database to the schema of this release. A server never migrates by itself, and does without this file."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from meridian.adapters.store_sql.dialects import keep_private, take_writer_lock
from meridian.adapters.store_sql.schema import open_engine, require_known, revision_of


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(files("meridian.adapters.store_sql") / "migrations"))
    return made


async def upgrade(url: str) -> None:
    """Bring the database to this release's schema. Raises: SchemaError."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            # A change of a process that serves meanwhile has locks of tables, and asks for those that a migration has.
            take_writer_lock(connection)
        require_known(revision_of(connection))
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")

    keep_private(url)
    # A migration of a large table takes as long as it takes.
    async with open_engine(url, None) as engine, engine.begin() as connection:
        await connection.run_sync(run)
