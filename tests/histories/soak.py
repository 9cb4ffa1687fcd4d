"""Two Regions under a steady load, with a fault now and then; what must be true of them afterwards, and what they hold as time goes by."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import linear_regression
from typing import Final

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.outcomes import why_lost, why_shut
from tests.histories.steady import Steady

from meridian.client import Client
from meridian.client.errors import KmsServiceError

SETTINGS: Final = "limits.cache_bytes = 33554432\n"
"""Caches that are full long before growth is measured."""
SAMPLE_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 8.0
SETTLE_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Held:
    """What a process holds at a moment, in seconds since the beginning."""

    at: float
    memory: int
    files: int
    threads: int


@dataclass
class Soaked:
    """Figures of a run, and what is wrong."""

    calls: int = 0
    faults: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    growth: dict[str, float] = field(default_factory=dict)
    """Of what the Region that never ended holds, by kind: a share of what it held when growth began to be measured."""


def _kill(deployment: Deployment) -> None:
    deployment.stop(AWAY, signal.SIGKILL)
    deployment.start(AWAY)


def _end(deployment: Deployment) -> None:
    deployment.stop(AWAY)
    deployment.start(AWAY)


def _pause(deployment: Deployment) -> None:
    """As a machine that stands still: nobody hears a word of it."""
    process = deployment.processes[AWAY]
    process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(PAUSE_SECONDS)
    finally:
        process.send_signal(signal.SIGCONT)


def _reload(deployment: Deployment) -> None:
    deployment.processes[HOME].send_signal(signal.SIGHUP)


def _command(*words: str) -> Callable[[Deployment], None]:
    def run(deployment: Deployment) -> None:
        told = _meridian(deployment, HOME, *words)
        assert told.returncode == 0, told.stdout + told.stderr

    return run


def _back_up(deployment: Deployment) -> None:
    to = deployment.root / f"backup-{time.monotonic_ns()}"
    _command("backup", "--to", str(to))(deployment)
    to.unlink()


FAULTS: Final[dict[str, Callable[[Deployment], None]]] = {
    "a Region is killed": _kill,
    "a Region stands still": _pause,
    "the key-encryption key turns": _command("region", "rotate-kek"),
    "a Region ends and starts": _end,
    "everything is read again": _reload,
    "a backup is made": _back_up,
}
"""In this order, again and again. The first Region lives through the whole run: its growth is measured."""


def soak(deployment: Deployment, seconds: float, every: float, settled_after: float, seed: int, told: Callable[[str], None]) -> Soaked:
    """Run the load for so long, with a fault every so often; growth is measured from `settled_after` seconds on."""
    deployment.start()
    load, found, held = Steady(deployment, seed), Soaked(), list[Held]()
    began = time.monotonic()
    load.start()
    try:
        names = list(FAULTS)
        while (now := time.monotonic() - began) < seconds:
            held.append(held_by(deployment.processes[HOME].pid, now))
            if now >= (found.faults + 1) * every:
                name = names[found.faults % len(names)]
                told(f"{now:.0f} s: {name}; {load.calls.total()} calls, {held[-1].memory >> 20} MiB, {held[-1].files} files")
                FAULTS[name](deployment)
                found.faults += 1
            time.sleep(SAMPLE_SECONDS)
    finally:
        load.stop()
    found.calls, found.outcomes = load.calls.total(), dict(load.outcomes)
    found.growth = growth([each for each in held if each.at >= settled_after])
    found.wrong = load.wrong + _what_is_wrong(deployment, load)
    return found


def growth(held: list[Held]) -> dict[str, float]:
    """By how much each kind grew, by the straight line through all moments, as a share of where the line begins."""
    if len(held) < 2:
        return {}
    times, grown = [each.at for each in held], {}
    for kind in ("memory", "files", "threads"):
        line = linear_regression(times, [getattr(each, kind) for each in held])
        first = line.intercept + line.slope * times[0]
        grown[kind] = line.slope * (times[-1] - times[0]) / first
    return grown


def held_by(pid: int, at: float) -> Held:
    """What a process holds now, `at` seconds since the beginning."""
    said = defaultdict(int)
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "Threads"):
            said[name] = int(value.split()[0])
    return Held(at, said["VmRSS"] << 10, len(os.listdir(f"/proc/{pid}/fd")), said["Threads"])


def _what_is_wrong(deployment: Deployment, load: Steady) -> list[str]:
    wrong = []
    for region in (HOME, AWAY):
        verified = deployment.verify_audit(region)
        if verified.returncode != 0:
            wrong.append(f"audit of {region}: {verified.stdout}{verified.stderr}")
        looked = _meridian(deployment, region, "region", "doctor", "--rows", "--output", "json")
        wrong += [f"{region}: {each}" for each in json.loads(looked.stdout or "[]") if each["verdict"] == "wrong"] or (
            [] if looked.returncode == 0 else [looked.stderr]
        )
        with deployment.client(region, "developer") as client:
            shut = [(made, why) for made in list(load.blobs) if (why := why_shut(client, made[2], made[1]))]
            wrong += [f"{made} of {region} does not open: {why}" for made, why in shut]
    with deployment.client(HOME, "developer") as home, deployment.client(AWAY, "developer") as away:
        wrong += [f"key {key_id} is gone: {why}" for key_id in load.made if (why := why_lost(home, key_id))]
        for key_id in load.related:
            deployment.wait_until(partial(_agree, home, away, key_id), SETTLE_SECONDS)
    return wrong


def _agree(home: Client, away: Client, key_id: str) -> bool:
    return _material(home, key_id) == _material(away, key_id) is not None


def _material(client: Client, key_id: str) -> str | None:
    try:
        return str(client.describe_key(key_id=key_id).key_metadata.current_key_material_id)
    except KmsServiceError:
        return None


def _meridian(deployment: Deployment, region: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meridian", *words, "--config", str(deployment.place(region).settings)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
