"""A PostgreSQL that wants a password gets the one in the file, also after it was changed there and in the database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.databases import name_of, new_database

from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.password_file import BYTES_MAX
from meridian.adapters.store_sql.schema import SchemaError
from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.faults import StoreUnavailable

ROLE, FIRST, SECOND = "kms_of_password_file", "first p@ss/word", "second"


async def rule(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def database(postgresql_server: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of a role that has a password; the server asks for it."""
    owner = asyncio.run(new_database(postgresql_server))
    asyncio.run(
        rule(
            postgresql_server,
            f"CREATE ROLE {ROLE} LOGIN PASSWORD '{FIRST}'",
            f'ALTER DATABASE "{name_of(owner)}" OWNER TO {ROLE}',
        )
    )
    rules = asyncio.run(hba_of(postgresql_server))
    before = rules.read_text()
    rules.write_text(f"local all {ROLE} scram-sha-256\n{before}")
    asyncio.run(rule(postgresql_server, "SELECT pg_reload_conf()"))
    try:
        query = owner.rpartition("?")[2]
        yield f"postgresql://{ROLE}@/{name_of(owner)}?{query}&password_file={tmp_path}/password"
    finally:
        rules.write_text(before)
        asyncio.run(
            rule(postgresql_server, "SELECT pg_reload_conf()", f'DROP DATABASE "{name_of(owner)}" WITH (FORCE)', f"DROP ROLE {ROLE}")
        )


async def hba_of(server: str) -> Path:
    connection = await asyncpg.connect(server)
    try:
        return Path(await connection.fetchval("SHOW hba_file"))
    finally:
        await connection.close()


def write(folder: Path, text: str, mode: int = 0o600) -> None:
    path = folder / "password"
    path.write_text(text)
    path.chmod(mode)


async def read_once(url: str) -> None:
    store = SqlStore.connect(url)
    try:
        async with store.reading() as uow:
            assert await uow.region.identity() is None
    finally:
        await store.close()


def test_the_password_is_read_for_each_new_connection(database: str, postgresql_server: str, tmp_path: Path) -> None:
    write(tmp_path, f"{FIRST}\n")
    asyncio.run(upgrade(database))
    asyncio.run(read_once(database))
    asyncio.run(rule(postgresql_server, f"ALTER ROLE {ROLE} PASSWORD '{SECOND}'"))
    with pytest.raises(StoreUnavailable):
        asyncio.run(read_once(database))
    write(tmp_path, SECOND)
    asyncio.run(read_once(database))


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (FIRST, 0o644, "mode 0644 is looser than"),
        ("", 0o600, "must hold one line"),
        ("a\nb", 0o600, "must hold one line"),
        ("x" * (BYTES_MAX + 1), 0o600, "must hold one line"),
        ("wrong", 0o600, "password authentication failed"),
    ],
)
def test_what_cannot_be_used_is_told_without_the_password(database: str, tmp_path: Path, text: str, mode: int, why: str) -> None:
    write(tmp_path, text, mode)
    with pytest.raises(SchemaError, match=why) as refused:
        asyncio.run(upgrade(database))
    assert FIRST not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of root for a group, as Kubernetes does")
def test_a_file_of_root_for_the_group_will_do(database: str, tmp_path: Path) -> None:
    write(tmp_path, FIRST, 0o440)
    asyncio.run(upgrade(database))
