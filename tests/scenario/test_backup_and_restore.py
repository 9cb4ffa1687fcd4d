"""A Region's database is backed up while it serves, whole or not at all, and comes back as what was acknowledged."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.cli.exit_codes import OK, SETUP

KEYS = 12


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("backup"), [HOME, AWAY]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def meridian(region: Deployment, *words: str, code: int = OK, settings: Path | None = None) -> str:
    command = [sys.executable, "-m", "meridian", *words, "--config", str(settings or region.place(HOME).settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def database(region: Deployment) -> Path:
    return region.place(HOME).folder / "region.sqlite3"


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path, timeout=20) as changed:
        changed.execute(statement)
    changed.close()


@pytest.fixture(scope="module")
def backup(region: Deployment) -> tuple[Path, list[bytes]]:
    """A backup that was made while somebody changed things, and ciphertexts of every key that was acknowledged before it."""
    region.start(HOME)
    done = threading.Event()

    def keep_changing() -> None:
        with region.client() as alice:
            while not done.is_set():
                alice.create_key()

    with region.client() as alice, region.client(caller="app") as app:
        keys = [alice.create_key().key_metadata.key_id for _ in range(KEYS)]
        blobs = [app.encrypt(key_id=key_id, plaintext=key_id.encode()).ciphertext_blob for key_id in keys]
        shutil.copy(database(region), region.root / "bare")
        changing = threading.Thread(target=keep_changing)
        changing.start()
        try:
            to = region.root / "copies" / "home.backup"
            to.parent.mkdir()
            told = meridian(region, "backup", "--to", str(to))
        finally:
            done.set()
            changing.join()
    assert " wrapped rows open, 0 do not" in told
    region.stop(HOME)
    return to, blobs


def require_blobs(region: Deployment, blobs: list[bytes]) -> None:
    region.start(HOME)
    with region.client(caller="app") as app:
        for blob in blobs:
            assert app.decrypt(ciphertext_blob=blob).plaintext
    region.stop(HOME)


def test_a_backup_is_one_private_file_that_overwrites_nothing(region: Deployment, backup: tuple[Path, list[bytes]]) -> None:
    to, _ = backup
    assert [path.name for path in to.parent.iterdir()] == ["home.backup"]
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    before = to.read_bytes()
    assert "overwrites nothing" in meridian(region, "backup", "--to", str(to), code=SETUP)
    assert to.read_bytes() == before


def test_what_was_acknowledged_before_the_backup_is_there_after_the_restore(region: Deployment, backup: tuple[Path, list[bytes]]) -> None:
    to, blobs = backup
    folder = database(region).parent
    (folder / "region.sqlite3").unlink()
    journal = folder / "region.sqlite3-wal"
    journal.write_bytes(b"of the database that was there")
    told = meridian(region, "restore", "--from", str(to))
    assert "incarnation 1" in told
    assert "lost: " in told, "the keys of the other thread that came after it"
    assert not journal.exists(), "it would have changed the new database"
    (kept,) = folder.glob("region.sqlite3.before-restore-*-wal")
    kept.unlink()
    assert [path.name for path in folder.glob("*region.sqlite3*")] == ["region.sqlite3"]
    require_blobs(region, blobs)
    assert any(record["eventName"] == "RestoreRegion" for record in region.audit(HOME))


@pytest.mark.deep
def test_what_was_there_is_kept_beside_it_and_can_be_restored_itself(region: Deployment, backup: tuple[Path, list[bytes]]) -> None:
    to, blobs = backup
    meridian(region, "restore", "--from", str(to))
    (kept,) = sorted(database(region).parent.glob("region.sqlite3.before-restore-*"))[-1:]
    meridian(region, "restore", "--from", str(kept), "--accept-loss")
    require_blobs(region, blobs)


@pytest.mark.deep
def test_a_database_behind_a_link_is_replaced_where_it_is(region: Deployment, backup: tuple[Path, list[bytes]], tmp_path: Path) -> None:
    """The disk that it is on is the one that the operator gave it."""
    to, blobs = backup
    link, real = database(region), tmp_path / "region.sqlite3"
    before = set(link.parent.glob("*region.sqlite3*"))
    shutil.move(link, real)
    link.symlink_to(real)
    try:
        meridian(region, "restore", "--from", str(to))
        (kept,) = tmp_path.glob("region.sqlite3.before-restore-*")
        assert link.is_symlink()
        assert not real.is_symlink()
        assert not kept.is_symlink()
        assert set(link.parent.glob("*region.sqlite3*")) == before
        require_blobs(region, blobs)
    finally:
        link.unlink()
        shutil.move(real, link)


@pytest.mark.deep
def test_a_file_that_was_copied_by_itself_is_told_from_a_whole_copy(region: Deployment, backup: tuple[Path, list[bytes]]) -> None:
    bare = region.root / "bare"
    with sqlite3.connect(bare) as copied:
        assert copied.execute("select count(*) from keys").fetchone()[0] < KEYS, "what was acknowledged is not in it"
    copied.close()
    before = database(region).read_bytes()
    refused = meridian(region, "restore", "--from", str(bare), code=SETUP)
    assert "older than the audit log" in refused
    assert "`meridian backup`" in refused
    assert database(region).read_bytes() == before
    shutil.copy(database(region), region.root / "sound")
    shutil.copy(bare, database(region))
    try:
        assert "older than the audit log" in meridian(region, "region", "restored", code=SETUP)
        assert "incarnation" in meridian(region, "region", "restored", "--accept-loss")
    finally:
        shutil.copy(region.root / "sound", database(region))


@pytest.mark.deep
def test_a_segment_that_cannot_be_decompressed_is_named_and_nothing_is_restored(
    region: Deployment, backup: tuple[Path, list[bytes]]
) -> None:
    before = database(region).read_bytes()
    log = region.place(HOME).folder / "audit"
    damaged = log / (max(path.name for path in log.glob("*.jsonl")) + ".later.jsonl.zst")
    damaged.write_bytes(b"(\xb5/\xfd cut short")
    try:
        for command in (("restore", "--from", str(backup[0])), ("region", "restored")):
            refused = meridian(region, *command, code=SETUP)
            assert damaged.name in refused
            assert "move it away" in refused
    finally:
        damaged.unlink()
    assert database(region).read_bytes() == before


@pytest.mark.deep
def test_a_backup_that_is_in_use_as_a_database_counts_as_a_whole_copy_no_more(region: Deployment, backup: tuple[Path, list[bytes]]) -> None:
    shutil.copy(database(region), region.root / "sound")
    try:
        shutil.copy(backup[0], database(region))
        assert "incarnation" in meridian(region, "region", "restored"), "a whole copy that was put there by hand"
        shutil.copy(database(region), region.root / "used")
        assert "older than the audit log" in meridian(region, "restore", "--from", str(region.root / "used"), code=SETUP)
    finally:
        shutil.copy(region.root / "sound", database(region))


@pytest.mark.deep
def test_a_restore_is_refused_while_a_process_serves_whatever_its_audit_directory(
    region: Deployment, backup: tuple[Path, list[bytes]]
) -> None:
    to, _ = backup
    other = region.place(HOME).folder / "other.toml"
    text = region.place(HOME).settings.read_text()
    other.write_text(text.replace(f'directory = "{region.place(HOME).folder}/audit"', f'directory = "{region.root}/audit-2"'))
    assert other.read_text() != text
    region.start(HOME)
    try:
        assert "stop it first" in meridian(region, "restore", "--from", str(to), code=SETUP)
        assert "in use" in meridian(region, "restore", "--from", str(to), code=SETUP, settings=other)
    finally:
        region.stop(HOME)
        other.unlink()


def spoil_schema(path: Path) -> None:
    change(path, "update alembic_version set version_num = '9999'")


def spoil_keyring(path: Path) -> None:
    change(path, "delete from roots")


def spoil_names(path: Path) -> None:
    change(path, "update region set deployment = 'another'")


def spoil_root(path: Path) -> None:
    change(path, "update roots set sealed_bytes = zeroblob(120)")


def spoil_file(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def spoil_tables(path: Path) -> None:
    path.unlink()
    change(path, "create table something (else_ text)")


@pytest.mark.deep
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (spoil_schema, "newer release"),
        (spoil_keyring, "has no keyring"),
        (spoil_names, "belongs to deployment another"),
        (spoil_root, "seals: "),
        (spoil_file, "cannot be copied"),
        (spoil_tables, "is no database of a Region"),
        (Path.unlink, "there is no file"),
    ],
)
def test_another_file_is_refused_and_nothing_changes(
    region: Deployment, backup: tuple[Path, list[bytes]], tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.copy(backup[0], spoilt)
    spoil(spoilt)
    before = database(region).read_bytes()
    names = sorted(path.name for path in database(region).parent.iterdir())
    refused = meridian(region, "restore", "--from", str(spoilt), code=SETUP)
    assert refused.startswith("nothing has changed: ")
    assert why in refused
    assert database(region).read_bytes() == before
    assert sorted(path.name for path in database(region).parent.iterdir()) == names


@pytest.mark.deep
def test_another_regions_backup_is_refused(region: Deployment, tmp_path: Path) -> None:
    to = tmp_path / "away"
    meridian(region, "backup", "--to", str(to), settings=region.place(AWAY).settings)
    assert f"belongs to region {AWAY}" in meridian(region, "restore", "--from", str(to), code=SETUP)


@pytest.mark.deep
def test_rows_that_do_not_open_are_named_and_counted(region: Deployment, backup: tuple[Path, list[bytes]], tmp_path: Path) -> None:
    shutil.copy(database(region), tmp_path / "sound")
    spoilt = "sealed_bytes = cast(substr(sealed_bytes, 1, 40) || zeroblob(40) as blob)"
    key_id = "(select min(key_id) from materials)"
    change(database(region), f"update materials set {spoilt} where key_id = {key_id}")  # noqa: S608 - words of this test
    change(database(region), "update keys set key_spec = 'ROT13' where key_id = (select max(key_id) from keys)")
    try:
        told = meridian(region, "backup", "--to", str(tmp_path / "b"))
    finally:
        shutil.copy(tmp_path / "sound", database(region))
    assert " wrapped rows open, 2 do not" in told
    assert told.count("materials 1") == 2


@pytest.mark.deep
def test_a_backup_that_fails_leaves_no_file(region: Deployment, backup: tuple[Path, list[bytes]], tmp_path: Path) -> None:
    seal = region.place(HOME).folder / "seal"
    seal.rename(seal.with_name("away"))
    try:
        assert "no backup was made: seals: " in meridian(region, "backup", "--to", str(tmp_path / "b"), code=SETUP)
    finally:
        seal.with_name("away").rename(seal)
    assert list(tmp_path.iterdir()) == []
