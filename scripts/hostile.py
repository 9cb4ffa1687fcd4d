"""How long an honest caller waits while others attack, as ratios to a quiet Region of the same minute.

A real Region on a core of its own; on the other core two honest callers, one over gRPC and one on the AWS wire, 100 calls a second
each, and the attackers of `hostile_loads.py`. Attackers run at the lowest priority and at bounded rates: two cores would otherwise
measure who gets the processor, and not what the server gives to whom. Quiet and hostile rounds take turns. Exit code 1 if a p99 under
attack is beyond 1.5 × of quiet.

`--loads a,b` runs some of the loads alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import run_queues
from bench_process import GENERATOR, pin
from hostile_loads import BEHIND_ENVOY, FLAG, LOADS
from run_queues import Spent
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.cli.dev import FRONTS
from meridian.client import Client

ROUNDS = 4
QUIET_SECONDS, HOSTILE_SECONDS, SETTLE_SECONDS = 5.0, 7.0, 1.0
EVERY_SECONDS = 0.01
RATIO_MAX = 1.5
PREPARE_SECONDS = 60


class Honest(threading.Thread):
    """Calls at an even pace and notes how long each call took, under the name of the round."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.round = ""
        self.taken: dict[str, list[float]] = {"quiet": [], "hostile": []}
        self.on_its_core: dict[str, list[float]] = {"quiet": [], "hostile": []}
        """The same without what the caller himself waited for his core, which the server cannot help."""
        self.failed = 0

    def run(self) -> None:
        while True:
            name, begun, before = self.round, time.perf_counter(), run_queues.of_thread()
            try:
                self._call()
            except Exception:  # noqa: BLE001 - an honest call that fails is counted, whatever the reason
                self.failed += 1
            taken = time.perf_counter() - begun
            if name:
                self.taken[name].append(taken)
                self.on_its_core[name].append(taken - run_queues.of_thread().since(before).waiting)
            time.sleep(max(0.0, EVERY_SECONDS - taken))


def quantile(values: list[float], part: float) -> float:
    """Milliseconds."""
    return sorted(values)[int((len(values) - 1) * part)] * 1e3


@contextmanager
def region(root: Path, front: str) -> Iterator[Deployment]:
    """A Region that serves on a core of its own."""
    deployment = Deployment(root, [HOME], BEHIND_ENVOY if front == "envoy" else "").prepare()
    place = deployment.place(HOME)
    told = {"grpc_port": place.grpc_port, "admin_port": place.admin_port, "settings_added": deployment.settings_added}
    (root / "ports.json").write_text(json.dumps(told))
    try:
        deployment.start()
        pin(deployment.processes[HOME].pid)
        os.sched_setaffinity(0, {GENERATOR})
        yield deployment
    finally:
        deployment.stop_all()


@contextmanager
def attackers(root: Path, names: list[str]) -> Iterator[None]:
    """The loads, ready and at rest."""
    script = str(Path(__file__).with_name("hostile_loads.py"))
    started: list[subprocess.Popen[str]] = []
    try:
        for name in names:
            process = subprocess.Popen([sys.executable, script, str(root), name], stdout=subprocess.PIPE, text=True)
            started.append(process)
            assert process.stdout is not None
            if process.stdout.readline().strip() != "prepared":
                raise SystemExit(f"{name} could not be prepared")
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait(PREPARE_SECONDS)


def honest_callers(deployment: Deployment) -> dict[str, Honest]:
    """One over each wire, each with a key of its own."""
    client = Client(deployment.endpoint(HOME, "developer"))
    key_id = client.create_key().key_metadata.key_id
    aws = kms(deployment)
    return {
        "gRPC": Honest(lambda: client.encrypt(key_id=key_id, plaintext=b"x", timeout=5)),
        "AWS wire": Honest(lambda: aws.encrypt(KeyId=key_id, Plaintext=b"x")),
    }


def take_turns(root: Path, callers: list[Honest], pid: int) -> dict[str, list[Spent]]:
    """Quiet and hostile rounds, one after the other; what the server spent in each, in a second."""
    flag = root / FLAG
    spent: dict[str, list[Spent]] = {"quiet": [], "hostile": []}
    for _ in range(ROUNDS):
        for name, seconds in (("quiet", QUIET_SECONDS), ("hostile", HOSTILE_SECONDS)):
            if name == "hostile":
                flag.touch()
            time.sleep(SETTLE_SECONDS)
            for caller in callers:
                caller.round = name
            before = run_queues.of_process(pid)
            time.sleep(seconds)
            server = run_queues.of_process(pid).since(before)
            spent[name].append(Spent(server.working / seconds, server.waiting / seconds))
            for caller in callers:
                caller.round = ""
            flag.unlink(missing_ok=True)
    return spent


def report(callers: dict[str, Honest], server: dict[str, list[Spent]]) -> bool:
    """Print the table; the answer is whether every caller was served well."""
    print("| honest caller | quiet p50 | p99 | hostile p50 | p99 | p99 ratio | without his own waits for a core | failed |\n|" + "---|" * 8)
    good = True
    for name, caller in callers.items():
        figures = [quantile(caller.taken[kind], part) for kind in ("quiet", "hostile") for part in (0.5, 0.99)]
        ratio = figures[3] / figures[1]
        good = good and ratio <= RATIO_MAX and caller.failed == 0
        shown = " | ".join(f"{value:.1f} ms" for value in figures)
        own = quantile(caller.on_its_core["hostile"], 0.99) / quantile(caller.on_its_core["quiet"], 0.99)
        print(f"| {name} | {shown} | {ratio:.2f} | {own:.2f} | {caller.failed} |", flush=True)
    for kind, each in server.items():
        working, waiting = (sum(values) / len(each) for values in zip(*each, strict=True))
        print(f"{kind}: the server worked {working:.0%} of the time; its threads waited for its core {waiting * 1e3:.0f} ms in a second")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="The longest waits of honest callers under attack.")
    parser.add_argument("--loads", default=",".join(LOADS), help="which loads, separated by commas")
    parser.add_argument("--front", choices=FRONTS, default=FRONTS[0], help="what answers callers")
    options = parser.parse_args()
    names = options.loads.split(",")
    with tempfile.TemporaryDirectory(prefix="meridian-hostile-") as folder, region(Path(folder), options.front) as deployment:
        root = Path(folder)
        with attackers(root, names):
            callers = honest_callers(deployment)
            for caller in callers.values():
                caller.start()
            spent = take_turns(root, list(callers.values()), deployment.processes[HOME].pid)
            made = {name: (root / f"{name}.count").read_text() for name in names}
        print("attacks: " + ", ".join(f"{name} {count}" for name, count in made.items()))
        return 0 if report(callers, spent) else 1


if __name__ == "__main__":
    sys.exit(main())
