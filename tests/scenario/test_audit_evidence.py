"""What a Region promises of its audit log while it serves: nothing changes without a record, and the end of the log is known."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import Client, errors

pytestmark = [pytest.mark.deep, pytest.mark.timeout(400)]
MEBIBYTE = 1 << 20


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One Region, prepared and not started."""
    deployment = Deployment(tmp_path_factory.mktemp("evidence"), [HOME]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a disk of a few megabytes is mounted, and that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def audit_of(deployment: Deployment) -> Path:
    return deployment.place(HOME).folder / "audit"


def set_audit(deployment: Deployment, *lines: str, directory: Path | None = None) -> None:
    settings = deployment.place(HOME).settings
    text = settings.read_text().replace("[audit]\n", "[audit]\n" + "".join(f"{line}\n" for line in lines))
    settings.write_text(text.replace(str(audit_of(deployment)), str(directory)) if directory else text)


def keys_of(client: Client) -> set[str]:
    return {str(key.key_id) for key in client.list_keys(limit=1000).keys}


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except errors.DependencyTimeoutException:
        return True
    return False


def verify(deployment: Deployment) -> None:
    done = deployment.verify_audit(HOME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clean: " in done.stdout


# ---- a full log


def test_a_refused_change_leaves_nothing_behind_while_the_disk_fills(alone: Deployment, small_disk: Path) -> None:
    set_audit(alone, "reserve_bytes = 0", directory=small_disk / "audit")
    alone.start()
    made: set[str] = set()
    refused: list[str] = []
    with alone.client() as alice:
        usable = str(alice.create_key().key_metadata.key_id)
        before = keys_of(alice)
    until = time.monotonic() + 90
    full = threading.Event()

    def use() -> None:
        with alone.client(HOME, "app") as app:
            while not full.is_set() and time.monotonic() < until:
                context = {"padding": "x" * 4000}
                with contextlib.suppress(errors.DependencyTimeoutException):
                    app.encrypt(key_id=usable, plaintext=b"x", encryption_context=context)

    def make() -> None:
        with alone.client() as alice:
            while len(refused) < 20 and time.monotonic() < until:
                try:
                    made.add(str(alice.create_key().key_metadata.key_id))
                except errors.DependencyTimeoutException as fault:
                    refused.append(str(fault))
        full.set()

    threads = [threading.Thread(target=work) for work in (use, use, make, make)]
    with (small_disk / "filler").open("wb") as filler:
        filler.write(b"x" * (small_disk_free(small_disk) - 2 * MEBIBYTE))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) >= 20
    (small_disk / "filler").unlink()
    with alone.client() as alice:
        alone.wait_until(lambda: not is_refused(lambda: alice.list_keys(limit=1)))
        assert keys_of(alice) - before == made, "a key exactly for each answer"
        made.add(str(alice.create_key().key_metadata.key_id))
        assert keys_of(alice) - before == made
    verify(alone)


def small_disk_free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def test_below_the_reserve_a_change_is_refused_and_works_again_with_space(alone: Deployment, small_disk: Path) -> None:
    set_audit(alone, f"reserve_bytes = {MEBIBYTE}", directory=small_disk / "audit")
    alone.start()
    with alone.client() as alice:
        alice.create_key()
        before = keys_of(alice)
        (small_disk / "filler").write_bytes(b"x" * (small_disk_free(small_disk) - MEBIBYTE // 2))
        for _ in range(3):
            assert is_refused(alice.create_key)
        (small_disk / "filler").unlink()
        assert keys_of(alice) == before
        alice.create_key()
        assert len(keys_of(alice)) == len(before) + 1
    verify(alone)


def test_a_log_that_may_not_grow_refuses_changes_before_they_are_made(alone: Deployment) -> None:
    alone.start()
    with alone.client() as alice:
        key_id = str(alice.create_key().key_metadata.key_id)
        before = keys_of(alice)
        process = alone.processes[HOME].pid
        hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
        _grow_past_database(alone, key_id)
        (log,) = audit_of(alone).glob("*.jsonl")
        resource.prlimit(process, resource.RLIMIT_FSIZE, (log.stat().st_size + 2000, hard))
        for change in (
            alice.create_key,
            lambda: alice.schedule_key_deletion(key_id=key_id),
            lambda: alice.create_alias(alias_name="alias/never", target_key_id=key_id),
            lambda: alice.put_key_policy(key_id=key_id, policy='forbid (principal, action == KMS::Action::"Encrypt", resource);'),
        ):
            assert is_refused(change)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))
        assert keys_of(alice) == before
        assert not alice.list_aliases(key_id=key_id).aliases
        assert alice.describe_key(key_id=key_id).key_metadata.enabled
    verify(alone)


def _grow_past_database(deployment: Deployment, key_id: str) -> None:
    """What the process may write is bounded by the size of files: the log must be the largest by then."""
    (log,) = audit_of(deployment).glob("*.jsonl")
    with deployment.client(HOME, "app") as app:
        while log.stat().st_size < 2 * max(p.stat().st_size for p in deployment.place(HOME).folder.glob("region.sqlite3*")):
            app.encrypt(key_id=key_id, plaintext=b"x", encryption_context={"padding": "x" * 8000})


# ---- a log that is taken away


def test_a_directory_that_vanishes_stops_calls_until_it_is_back(alone: Deployment) -> None:
    alone.start()
    directory = audit_of(alone)
    with alone.client() as alice, alone.client(HOME, "app") as app:
        key_id = str(alice.create_key().key_metadata.key_id)
        directory.rename(directory.with_name("elsewhere"))
        for call in (alice.create_key, lambda: app.encrypt(key_id=key_id, plaintext=b"x"), lambda: alice.describe_key(key_id=key_id)):
            assert is_refused(call)
        directory.mkdir()
        assert is_refused(lambda: app.encrypt(key_id=key_id, plaintext=b"x")), "another directory of that name is not the log"
        directory.rmdir()
        directory.with_name("elsewhere").rename(directory)
        assert keys_of(alice) == {key_id}
        app.encrypt(key_id=key_id, plaintext=b"x")
    verify(alone)


def test_a_file_that_is_removed_stops_calls(alone: Deployment) -> None:
    alone.start()
    with alone.client() as alice:
        alice.create_key()
        for path in audit_of(alone).glob("*.jsonl"):
            path.unlink()
        assert is_refused(alice.create_key)
        assert is_refused(lambda: alice.list_keys(limit=1))


def test_an_unmounted_disk_stops_calls(alone: Deployment, small_disk: Path) -> None:
    set_audit(alone, "reserve_bytes = 0", directory=small_disk / "audit")
    alone.start()
    with alone.client() as alice:
        alice.create_key()
        subprocess.run(["umount", "-l", str(small_disk)], check=True, capture_output=True)
        assert is_refused(alice.create_key)
        (small_disk / "audit").mkdir()
        assert is_refused(alice.create_key)


def test_a_directory_that_moved_is_verified_together_with_the_one_before(alone: Deployment, tmp_path: Path) -> None:
    alone.start()
    with alone.client() as alice:
        alice.create_key()
    alone.stop(HOME)
    before, moved = audit_of(alone), tmp_path / "moved"
    set_audit(alone, directory=moved)
    alone.start()
    with alone.client() as alice:
        alice.create_key()
    alone.stop(HOME)
    assert alone.verify_audit(HOME).returncode == 9
    command = [sys.executable, "-m", "meridian", "audit", "verify", "--against-db", "--config", str(alone.place(HOME).settings)]
    both = subprocess.run([*command, str(before), str(moved)], capture_output=True, text=True, timeout=60, check=False)
    assert both.returncode == 0, both.stdout + both.stderr
    assert "clean: " in both.stdout


def test_a_second_start_touches_nothing(alone: Deployment) -> None:
    alone.start()
    before = {p.name: p.read_bytes() for p in audit_of(alone).iterdir()}
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(alone.place(HOME).settings), "--allow-file-seal"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 3
    assert f"cannot start: audit.directory: the audit directory {audit_of(alone)} is in use by another process" in second.stderr
    command = [sys.executable, "-m", "meridian", "region", "restored", "--config", str(alone.place(HOME).settings)]
    restored = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert restored.returncode == 3
    assert "nothing has changed: the Region may be serving, stop it first" in restored.stderr
    assert {p.name: p.read_bytes() for p in audit_of(alone).iterdir()} == before
    with alone.client() as alice:
        alice.create_key()
    alone.stop(HOME)
    alone.start()
    verify(alone)


# ---- the end of the log


def test_a_cut_of_the_end_is_found_against_the_database_after_a_kill(alone: Deployment) -> None:
    alone.start()
    with alone.client() as alice:
        key_id = str(alice.create_key().key_metadata.key_id)
        for _ in range(10):
            alice.describe_key(key_id=key_id)
    (log,) = audit_of(alone).glob("*.jsonl")
    end = json.loads(log.read_bytes().splitlines()[-1])["meridian"]["seq"]
    alone.wait_until(lambda: _registered(alone) >= end)
    alone.stop(HOME, signal.SIGKILL)
    verify(alone)
    whole = log.read_bytes()
    log.write_bytes(b"".join(whole.splitlines(keepends=True)[:-2]))
    done = alone.verify_audit(HOME)
    assert done.returncode == 1
    assert "the stream ends early" in done.stderr
    log.write_bytes(whole)
    alone.start()
    with alone.client() as alice:
        alice.describe_key(key_id=key_id)
    verify(alone)


def _registered(deployment: Deployment) -> int:
    import sqlite3

    with contextlib.closing(sqlite3.connect(deployment.place(HOME).folder / "region.sqlite3", timeout=20)) as database:
        return int(database.execute("SELECT max(head_sequence) FROM audit_streams").fetchone()[0])


def test_a_key_that_came_into_the_database_without_a_record_is_found(alone: Deployment) -> None:
    import sqlite3

    alone.start()
    with alone.client() as alice:
        key_id = str(alice.create_key().key_metadata.key_id)
    verify(alone)
    alone.stop(HOME)
    with contextlib.closing(sqlite3.connect(deployment_database(alone), timeout=20)) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(keys)")]
        values = ", ".join({"key_id": "'ffff'", "number": "randomblob(16)"}.get(name, name) for name in names)
        database.execute(f"INSERT INTO keys SELECT {values} FROM keys WHERE key_id = ?", (key_id,))  # noqa: S608 - names of columns
        database.commit()
    done = alone.verify_audit(HOME)
    assert done.returncode == 9
    assert "no record of the creation of" in done.stderr
    assert "key/ffff" in done.stderr.replace("\n", "")


def deployment_database(deployment: Deployment) -> Path:
    return deployment.place(HOME).folder / "region.sqlite3"


def test_segments_are_short_where_the_settings_say_so_and_the_key_changes_while_the_region_serves(alone: Deployment) -> None:
    set_audit(alone, "segment_seconds = 1.0", f"segment_bytes = {64 * 1024}")
    alone.start()
    config = str(alone.place(HOME).settings)
    meridian = [sys.executable, "-m", "meridian"]
    published = subprocess.run([*meridian, "region", "audit-keys", "--config", config], capture_output=True, check=True, timeout=60)
    pinned = alone.root / "pinned.json"
    pinned.write_bytes(published.stdout)
    with alone.client() as alice, alone.client(HOME, "app") as app:
        key_id = str(alice.create_key().key_metadata.key_id)
        for _ in range(100):
            app.encrypt(key_id=key_id, plaintext=b"x", encryption_context={"padding": "x" * 2000})
        subprocess.run([*meridian, "region", "rotate-audit-key", "--config", config], capture_output=True, check=True, timeout=60)
        digests = len(list(audit_of(alone).glob("*.digest")))
        assert len(list(audit_of(alone).glob("*.jsonl*"))) >= 3
        alone.wait_until(lambda: list(audit_of(alone).glob("*.jsonl.zst")))
        alone.wait_until(lambda: _keys_in_use(audit_of(alone)) == 2)
        alone.wait_until(lambda: len(list(audit_of(alone).glob("*.digest"))) >= digests + 3)
        app.encrypt(key_id=key_id, plaintext=b"x")
    alone.wait_until(lambda: [r for r in alone.audit(HOME) if r["eventName"] == "RotateAuditKey"])
    alone.stop(HOME)
    done = subprocess.run(
        [*meridian, "audit", "verify", str(audit_of(alone)), "--keys", str(pinned), "-o", "json"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    (stream,) = json.loads(done.stdout)["streams"]
    assert stream["signed"] == stream["records"]
    verify(alone)


@pytest.mark.parametrize("kept", ["keep_seconds = 3.0", "keep_bytes = 4000"])
def test_old_files_go_where_the_settings_say_so_and_none_are_missing(alone: Deployment, kept: str) -> None:
    set_audit(alone, "segment_seconds = 1.0")
    alone.start()
    with alone.client() as alice:
        first = str(alice.create_key().key_metadata.arn)
        alone.wait_until(lambda: alice.list_keys(limit=1) and len(list(audit_of(alone).glob("*.jsonl.zst"))) >= 4)
    alone.stop(HOME)
    assert alone.events_of(HOME, first), "without these settings nothing goes"
    set_audit(alone, kept)
    planted = audit_of(alone) / "20200101T000000.000000Z-zz-00000001.jsonl"
    planted.write_bytes(b"{}\n")
    alone.start()
    with alone.client() as alice:
        told = 'meridian_security_events_total{event="AuditLogFault"}'
        alone.wait_until(lambda: alice.list_keys(limit=1) and alone.metrics(HOME).get(told), 40)
        planted.unlink()
        alone.wait_until(lambda: alice.list_keys(limit=1) and not alone.events_of(HOME, first), 40)
        alice.create_key()
    done = alone.verify_audit(HOME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "consistent: " in done.stdout
    assert "ended by retention" in done.stdout


def test_the_log_is_copied_to_standard_output_where_the_settings_say_so(alone: Deployment) -> None:
    for lines in ((), ("stdout = true",)):
        set_audit(alone, *lines)
        command = [sys.executable, "-m", "meridian", "serve", "--config", str(alone.place(HOME).settings), "--allow-file-seal"]
        process = alone.processes[HOME] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        said = [process.stdout.readline()]
        while not said[-1].startswith(b"ready"):
            assert said[-1], "it has not started"
            said.append(process.stdout.readline())
        with alone.client() as alice:
            alice.create_key()
        process.terminate()
        said += process.stdout.read().splitlines()
        assert alone.stop(HOME) == 0
        records = alone.audit(HOME)
        newest = [r for r in records if r["meridian"]["stream"] == records[-1]["meridian"]["stream"]]
        assert [json.loads(line) for line in said if line.startswith(b"{")] == (newest if lines else [])


def _keys_in_use(directory: Path) -> int:
    return len({json.loads(p.read_bytes().splitlines()[0])["digestPublicKeyFingerprint"] for p in directory.glob("*.digest")})
