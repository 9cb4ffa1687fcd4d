"""Databases for tests."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
import uuid
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from meridian.adapters.store_sql.migrate import upgrade


async def new_database(server_url: str, template: str = "template1") -> str:
    """The URL of a new database on a PostgreSQL server, empty or the copy of another one."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    head, tail = server_url.split("/postgres?", 1)
    return f"{head}/{name}?{tail}"


def name_of(url: str) -> str:
    """The name of the database that a URL names."""
    return urlsplit(url).path.removeprefix("/")


@cache
def migrated_sqlite() -> Path:
    """An empty, migrated database of SQLite, made once in a process, to be copied."""
    folder = tempfile.TemporaryDirectory(prefix="meridian-migrated-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "region.sqlite3"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path
