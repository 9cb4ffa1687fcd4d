"""Migrations lead to exactly the schema that the code uses."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from tests.faults.test_upgrade_under_load import EARLIER

from meridian.adapters.store_sql.dialects import async_url
from meridian.adapters.store_sql.migrate import config
from meridian.adapters.store_sql.schema import REVISIONS, SchemaError, require_current
from meridian.adapters.store_sql.tables import metadata


def test_the_release_names_every_migration_and_there_is_one_head() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert len(scripts.get_heads()) == 1
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(REVISIONS)


def test_the_drill_of_an_upgrade_begins_at_the_last_schema() -> None:
    """Whoever adds a migration names there the commit before it."""
    place = f"{EARLIER}:service/meridian/adapters/store_sql/schema.py"
    shown = subprocess.run(["git", "show", place], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        pytest.skip("this copy of the repository has no history, and with it no earlier release")
    (known,) = re.findall(r"^REVISIONS: Final = (\(.*\))$", shown.stdout, re.MULTILINE)
    assert tuple(re.findall(r"[0-9]+", known)) == REVISIONS[:-1]


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrated_tables_equal_the_code(database_url: str) -> None:
    async def differences() -> list[Any]:
        engine = create_async_engine(async_url(database_url))
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
        await engine.dispose()
        return list(found)

    assert asyncio.run(differences()) == []
    asyncio.run(require_current(database_url))


def test_indexes_of_sqlite_equal_the_code(migrated_file: Path, tmp_path: Path) -> None:
    """Also those of expressions and of some rows, which the comparison above passes over there."""
    made = create_engine(f"sqlite:///{tmp_path}/made.sqlite3")
    metadata.create_all(made)
    made.dispose()

    def indexes(path: Path) -> dict[str, str]:
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        return {name: " ".join(sql.split()) for name, sql in rows}

    assert indexes(migrated_file) == indexes(tmp_path / "made.sqlite3")


def test_a_database_without_a_schema_is_refused(tmp_path: Any) -> None:
    (tmp_path / "empty.sqlite3").touch()
    with pytest.raises(SchemaError, match="meridian region init"):
        asyncio.run(require_current(f"sqlite:///{tmp_path}/empty.sqlite3"))
