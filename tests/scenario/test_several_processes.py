"""`meridian serve --processes`: several processes of one Region on one SQLite database and on one address of each kind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from tests.aws import kms
from tests.deployment import HOME
from tests.several import BACK_SECONDS, Several, is_there, served

from meridian.cli.exit_codes import SETUP
from meridian.cli.region_place import HOST

TRIES = 60
FOLDER = f"{tempfile.gettempdir()}/meridian-"
CALLERS = 6
UNDER_LOAD = 20
"""Answers of each caller, which make a load."""
THINKING_SECONDS = 0.05
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)


@pytest.fixture(scope="module", params=["grpcio", pytest.param("envoy", marks=pytest.mark.deep)])
def several(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    yield from served(tmp_path_factory.mktemp("several"), 2, f'front.kind = "{request.param}"\n')


def processes_of(several: Several, name: str) -> set[int]:
    """Which processes have a record of this name."""
    return {number for number in (1, 2) if any(each["eventName"] == name for each in several.records(number))}


def test_each_process_answers_on_the_one_port_of_each_wire(several: Several) -> None:
    for _ in range(TRIES):
        with several.deployment.client(HOME, "developer") as client:
            client.list_keys()
        kms(several.deployment).list_aliases()
        if processes_of(several, "ListKeys") == processes_of(several, "ListAliases") == {1, 2}:
            break
    assert processes_of(several, "ListKeys") == {1, 2}
    assert processes_of(several, "ListAliases") == {1, 2}
    assert {each["meridian"]["replica"] for number in (1, 2) for each in several.records(number)} == {"replica-1-1", "replica-1-2"}


def test_one_admin_port_shows_the_sum(several: Several) -> None:
    name = 'meridian_calls_total{operation="GetKeyRotationStatus",outcome="ok"}'
    before = several.deployment.metrics(HOME).get(name, 0.0)
    with several.deployment.client(HOME, "developer") as client:
        key_id = client.create_key().key_metadata.key_id
    for _ in range(10):
        with several.deployment.client(HOME, "developer") as client:
            client.get_key_rotation_status(key_id=key_id)
    shown = several.deployment.metrics(HOME)
    assert shown[name] - before == 10
    assert shown['meridian_processes{state="wanted"}'] == shown['meridian_processes{state="ready"}'] == 2
    for place in ("readyz", "livez"):
        with urllib.request.urlopen(f"http://{HOST}:{several.deployment.place(HOME).admin_port}/{place}", timeout=5) as answer:
            assert answer.status == 200


def test_sighup_reaches_each(several: Several) -> None:
    os.kill(several.parent, signal.SIGHUP)

    def names() -> bool:
        return {each["process"] for each in several.lines("files are read again")} == {"replica-1-1", "replica-1-2"}

    several.deployment.wait_until(names)


@pytest.mark.parametrize(("processes", "directory"), [(2, ""), (1, ""), (2, "other"), (1, "other")])
def test_a_second_start_is_refused(several: Several, processes: int, directory: str) -> None:
    place = several.deployment.place(HOME)
    text = place.settings.read_text()
    settings = place.folder / "second.toml"
    settings.write_text(text.replace(f"{place.folder}/audit", f"{place.folder}/{directory}") if directory else text)
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(settings), "--allow-file-seal", "--processes", str(processes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == SETUP
    assert ("cannot listen on" if directory else "in use by another process") in done.stderr
    assert not (place.folder / "other").exists() or not list((place.folder / "other").iterdir())


class Caller(threading.Thread):
    """One who has a connection of his own, and a key that nobody else uses."""

    def __init__(self, several: Several, ended: threading.Event) -> None:
        super().__init__()
        self._kms = kms(several.deployment, config=ONCE)
        self._ended = ended
        self.key_id: str = self._kms.create_key()["KeyMetadata"]["KeyId"]
        self.answers = 0
        self.faults: list[str] = []
        self.call()

    def call(self) -> None:
        self._kms.encrypt(KeyId=self.key_id, Plaintext=b"x")

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self.call()
                self.answers += 1
            except Exception as fault:  # noqa: BLE001 - counted
                self.faults.append(repr(fault))
            time.sleep(THINKING_SECONDS)


def answered(callers: Sequence[Caller], more: int) -> None:
    """Each caller has had so many answers more."""
    wanted, until = [caller.answers + more for caller in callers], time.monotonic() + BACK_SECONDS
    while any(caller.answers < most for caller, most in zip(callers, wanted, strict=True)):
        assert time.monotonic() < until, [caller.faults for caller in callers]
        time.sleep(THINKING_SECONDS)


class Changer(threading.Thread):
    """One who makes keys, and keeps those that he was told of."""

    def __init__(self, several: Several, ended: threading.Event) -> None:
        super().__init__()
        self._several = several
        self._ended = ended
        self.keys: list[str] = []
        self.faults: list[str] = []

    def run(self) -> None:
        with self._several.deployment.client(HOME, "developer") as client:
            while not self._ended.is_set():
                try:
                    self.keys.append(client.create_key().key_metadata.key_id)
                except Exception as fault:  # noqa: BLE001 - counted
                    self.faults.append(repr(fault))
                time.sleep(THINKING_SECONDS)


def names_of(record: dict[str, Any]) -> set[str]:
    return {each["ARN"].rpartition("/")[2] for each in record.get("resources") or []}


def used_at(several: Several, number: int) -> set[str]:
    return {name for each in several.records(number) if each["eventName"] == "Encrypt" for name in names_of(each)}


def test_a_process_that_is_killed_costs_its_own_calls_and_comes_back(several: Several) -> None:
    ended = threading.Event()
    callers: list[Caller] = []
    while len(callers) < CALLERS or not (used_at(several, 1) and used_at(several, 2)):
        callers.append(Caller(several, ended))
        assert len(callers) < TRIES
    at_second = used_at(several, 2)
    changers = [Changer(several, ended) for _ in range(2)]
    before = several.deployment.metrics(HOME)
    for each in (*callers, *changers):
        each.start()
    answered(callers, UNDER_LOAD)
    several.kill("replica-1-1")
    killed_at = [caller.answers for caller in callers]
    answered(callers, UNDER_LOAD)
    ended.set()
    for each in (*callers, *changers):
        each.join(60)
    for caller, answers in zip(callers, killed_at, strict=True):
        assert caller.answers > answers, "he is served after it, too"
        assert len(caller.faults) <= (0 if caller.key_id in at_second else 1), caller.faults
    several.wait_ready(2)
    made = {key_id for changer in changers for key_id in changer.keys}
    assert made
    with several.deployment.client(HOME, "developer") as client:
        for key_id in made:
            client.describe_key(key_id=key_id)
    (line,) = several.lines("a process has ended")
    assert (line["process"], line["why"]) == ("replica-1-1", "ended with SIGKILL")
    after = several.deployment.metrics(HOME)
    assert after["meridian_process_starts_total"] == before["meridian_process_starts_total"] + 1
    name = 'meridian_calls_total{operation="Encrypt",outcome="ok"}'
    assert after[name] >= before[name], "what the killed process had counted is not gone"


def folder_of(pid: int) -> Path:
    """Where the parent of this process has its sockets."""
    (named, *_) = [each for each in Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0") if each.startswith(FOLDER)]
    return Path(*Path(named).parts[: len(Path(FOLDER).parts)])


def test_files_of_processes_lie_with_the_parent_alone_and_tell_nothing(several: Several) -> None:
    """After one was killed and started again, too."""
    several.wait_ready(2)
    for name in several.pids():
        kept = folder_of(several.pids()[name])
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700
        fronts = {f"meridian-front-{number}" for number in (1, 2)} if several.deployment.is_behind_envoy else set()
        assert {path.name for path in kept.iterdir()} == {"1", "2"} | fronts
        process = Path(f"/proc/{several.pids()[name]}")
        assert b"sqlite:" not in (process / "environ").read_bytes() + (process / "cmdline").read_bytes(), "settings may have a secret"


def test_sigterm_loses_no_call_and_the_whole_log_is_clean(several: Several) -> None:
    kept = folder_of(several.pids()["replica-1-1"])
    ended = threading.Event()
    callers = [Caller(several, ended) for _ in range(CALLERS)]
    changers = [Changer(several, ended) for _ in range(2)]
    everybody: list[Caller | Changer] = [*callers, *changers]
    for each in everybody:
        each.start()
    answered(callers, UNDER_LOAD)
    pids = list(several.pids().values())
    ended.set()  # what is under way now is to be answered; nothing new begins
    assert several.deployment.stop(HOME) == 0
    for each in everybody:
        each.join(60)
        assert each.faults == []
    assert not any(is_there(pid) for pid in pids)
    assert not kept.exists()
    told = {
        name for number in (1, 2) for record in several.records(number) if record["eventName"] == "CreateKey" for name in names_of(record)
    }
    assert told >= {key_id for changer in changers for key_id in changer.keys}
    done = several.deployment.verify_audit(HOME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("clean:")
