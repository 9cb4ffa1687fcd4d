"""What an operator reads when the folder of the audit log cannot be used: which folder, why, and what to do."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.exit_codes import OTHER, SETUP


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def doctor(region: Deployment) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "meridian", "region", "doctor", "--config", str(region.place(HOME).settings), "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def refused(region: Deployment) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(region.place(HOME).settings), "--allow-file-seal"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == SETUP
    return done


def streams(region: Deployment) -> int:
    with contextlib.closing(sqlite3.connect(region.place(HOME).folder / "region.sqlite3")) as database:
        return int(database.execute("SELECT count(*) FROM audit_streams").fetchone()[0])


def test_a_newest_file_that_is_gone_is_named_with_the_way_out_and_the_stop_says_that_nothing_was_closed(region: Deployment) -> None:
    region.start()
    folder = region.place(HOME).folder
    with region.client() as alice:
        alice.create_key()
        newest = max((folder / "audit").glob("*.jsonl"))
        newest.rename(folder / "aside")
        region.wait_until(lambda: [each for each in doctor(region) if str(newest) in each["why"] and "restart the process" in each["do"]])
    process = region.processes[HOME]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == OTHER
    *_, told, last = (folder / "log").read_text().splitlines()
    assert json.loads(told)["event"] == "stopped"
    assert json.loads(told)["level"] == "error"
    assert str(newest) in json.loads(told)["but"]
    assert last.startswith("ended, but the audit stream is not closed: ")
    assert str(newest) in last
    region.processes.pop(HOME)
    region.start(HOME)
    region.stop(HOME)
    assert region.verify_audit(HOME).returncode == 9, "incomplete"
    (folder / "aside").rename(newest)
    done = region.verify_audit(HOME)
    assert done.returncode == 0, done.stdout
    assert "clean" in done.stdout


def test_a_start_names_the_folder_and_what_helps(region: Deployment) -> None:
    folder = region.place(HOME).folder / "audit"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("no folder")
    done = refused(region)
    assert done.stderr.splitlines()[-1] == f"cannot start: audit.directory: {folder} is a file, not a folder"


def test_starts_without_room_register_no_stream_and_the_log_is_clean_afterwards(region: Deployment) -> None:
    settings, folder = region.place(HOME).settings, region.place(HOME).folder / "audit"
    region.start()
    region.stop(HOME)
    known, sound = streams(region), settings.read_text()
    settings.write_text(sound.replace("[audit]\n", f"[audit]\nreserve_bytes = {1 << 50}\n"))
    for _ in range(2):
        assert f"cannot start: audit.directory: {folder}: the audit disk is down to its reserve; make room" in refused(region).stderr
    assert streams(region) == known
    settings.write_text(sound)
    region.start()
    region.stop(HOME)
    done = region.verify_audit(HOME)
    assert "clean" in done.stdout, done.stdout + done.stderr
