"""Databases for tests."""

from __future__ import annotations

import uuid

import asyncpg


async def new_database(server_url: str) -> str:
    """The URL of a new, empty database on a PostgreSQL server."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    head, tail = server_url.split("/postgres?", 1)
    return f"{head}/{name}?{tail}"
