"""Churn before Envoy beside honest callers, while certificates are renewed and processes are killed: what they were answered, how long they
waited before and during it, and what the processes that lived on hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
import orjson
import run_queues
from tests.deployment import HOME
from tests.histories.callers import Callers
from tests.histories.soak import Held, growth, held_by
from tests.several import Several

from meridian.audit.segments import lines_of, segments_in
from meridian.cli.exit_codes import OK
from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.catalog import served_rpcs
from meridian.crypto.certificates import CertificateFiles, new_leaf

PROCESSES: Final = 2
SETTINGS: Final = 'front.kind = "envoy"\nlimits.failed_authentications_per_minute = 0\nlimits.cache_bytes = 33554432\n'
AUDIT: Final = "segment_seconds = 20.0\n"
"""Segments of the log are closed and compressed from the first minute on: the memory that this needs is there when growth begins to be
measured, and what each more of them left behind would be seen."""
CALLERS: Final = 4
CALL_EVERY_SECONDS, CONNECT_EVERY_SECONDS, RENEW_EVERY_SECONDS, LOOK_EVERY_SECONDS, KILL_EVERY_SECONDS = 0.02, 5.0, 5.0, 1.0, 300.0
"""Processes are killed once, too, where the time is less."""
CALL_SECONDS, LOAD_ENDS_SECONDS = 30.0, 90.0
DYING_SECONDS: Final = 1.0
"""In which the system closes the connections of a process that was killed."""
LIVES_ON, IS_KILLED, PARENT = "replica-1-1", "replica-1-2", "the parent"
QUIET, CHURN = "quiet", "churn"
ENCRYPT = served_rpcs()["Encrypt"]


@dataclass
class Churned:
    """Figures of a run, and what is wrong."""

    wrong: list[str] = field(default_factory=list)
    waited: dict[str, list[float]] = field(default_factory=lambda: {QUIET: [], CHURN: []})
    """Seconds of each honest call that was answered, by what went on."""
    on_its_core: dict[str, list[float]] = field(default_factory=lambda: {QUIET: [], CHURN: []})
    """The same without what the caller himself waited for a core, which no server can help."""
    lost: int = 0
    done: dict[str, int] = field(default_factory=dict)
    memory: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    """Of a process that lived on: bytes when growth began to be measured, bytes at the end, growth by the straight line through all."""

    def ratio(self, part: float, *, on_its_core: bool) -> float:
        """Of such a wait under churn to one before it."""
        waits = self.on_its_core if on_its_core else self.waited
        return quantile(waits[CHURN], part) / quantile(waits[QUIET], part)


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[int((len(values) - 1) * part)]


class Honest:
    """Callers at an even pace, each call under an id of its own, which its record has as well."""

    def __init__(self, several: Several, found: Churned) -> None:
        self._endpoint = several.deployment.endpoint(HOME, "developer")
        self._found = found
        with several.deployment.client(HOME, "developer") as client:
            key_id = client.create_key().key_metadata.key_id
        self._request = bytes(ENCRYPT.request_class(key_id=key_id, plaintext=b"x").SerializeToString())
        self.phase = QUIET
        self.answered: set[str] = set()
        self.lost: dict[str, tuple[float, float]] = {}
        """Calls that ended with a connection, and from when to when each took."""
        self.callers = Callers(CALLERS, self._call, patience_seconds=4 * CALL_SECONDS)

    def _call(self, number: int) -> None:
        connection = 0
        while not self.callers.ended.is_set():
            try:
                self._connection(f"honest-{number}-{connection}")
            except Exception as fault:  # noqa: BLE001 - told as what is wrong
                self._found.wrong.append(f"an honest call: {type(fault).__name__}: {fault}")
                self.callers.ended.wait(CALL_SECONDS)  # nor does one that is wrong end the others: he comes again later
            connection += 1

    def _connection(self, name: str) -> None:
        """Some seconds of calls on a new one."""
        options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(self._endpoint.target, self._endpoint.credentials, options=options) as channel:
            grpc.channel_ready_future(channel).result(CALL_SECONDS)
            call: Any = channel.unary_unary(ENCRYPT.path)
            until, number = time.monotonic() + CONNECT_EVERY_SECONDS, 0
            while time.monotonic() < until and not self.callers.ended.is_set():
                self.callers.ended.wait(max(0.0, CALL_EVERY_SECONDS - self._one(call, f"{name}-{number}")))
                number += 1

    def _one(self, call: Any, name: str) -> float:
        """Seconds that it took. Raises: grpc.RpcError for another than a lost connection."""
        phase, begun, before = self.phase, time.monotonic(), run_queues.of_thread()
        try:
            call(self._request, timeout=CALL_SECONDS, wait_for_ready=True, metadata=[(CALLER_REQUEST_ID, name)])
        except grpc.RpcError as refused:
            if refused.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            self.lost[name] = (begun, time.monotonic())
            return time.monotonic() - begun
        taken = time.monotonic() - begun
        self.answered.add(name)
        self._found.waited[phase].append(taken)
        self._found.on_its_core[phase].append(taken - run_queues.of_thread().since(before).waiting)
        return taken


def churn(several: Several, quiet_seconds: float, seconds: float, settled_after: float, told: Callable[[str], None]) -> Churned:
    """So many seconds without churn, then with it. Growth is measured from `settled_after` seconds of churn on; the Region is stopped."""
    found, kills, renewed = Churned(), list[float](), 0
    honest = Honest(several, found)
    honest.callers.start()
    try:
        time.sleep(quiet_seconds)
        load = _begin_load(several)
        honest.phase, begun = CHURN, time.monotonic()
        pids = {LIVES_ON: several.pids()[LIVES_ON], PARENT: several.parent}
        held: dict[str, list[Held]] = {name: [] for name in pids}
        while (now := time.monotonic() - begun) < seconds:
            if now >= renewed * RENEW_EVERY_SECONDS:
                _renew(several)
                renewed += 1
            if now >= min(seconds, KILL_EVERY_SECONDS) / 2 + len(kills) * KILL_EVERY_SECONDS:
                told(f"{now:.0f} s: {IS_KILLED} is killed")
                kills.append(time.monotonic())
                several.kill(IS_KILLED)
            for name, pid in pids.items():
                held[name].append(held_by(pid, now))
            time.sleep(LOOK_EVERY_SECONDS)
        _end_load(load, found)
    finally:
        honest.callers.stop()
    found.done |= {"renewed": renewed, "killed": len(kills)}
    found.lost = len(honest.lost)
    for name, looks in held.items():
        settled = [each for each in looks if each.at >= settled_after]
        found.memory[name] = (settled[0].memory, settled[-1].memory, growth(settled)["memory"])
    found.wrong += [f"a call was lost that no kill explains: {each}" for each in _unexplained(honest, kills, _recorded(several))]
    found.wrong += _what_is_wrong(several, honest, pids, len(kills))
    return found


def _begin_load(several: Several) -> subprocess.Popen[str]:
    place = several.deployment.place(HOME)
    command = [sys.executable, str(Path(__file__).with_name("churn_load.py")), str(several.deployment.root), str(place.grpc_port)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _end_load(load: subprocess.Popen[str], found: Churned) -> None:
    out, _ = load.communicate(timeout=LOAD_ENDS_SECONDS)
    told = json.loads(out or '{"done": {}, "faults": ["the churn ended by itself"]}')
    found.done |= told["done"]
    found.wrong += told["faults"]


def _renew(several: Several) -> None:
    """A new certificate of the listener, read at once by each process."""
    ca, files = several.deployment.root / "client-ca.crt", several.deployment.place(HOME).folder
    renewed = new_leaf(CertificateFiles(ca.read_bytes(), ca.with_suffix(".key").read_bytes()), HOME, datetime.now(UTC), addresses=(HOST,))
    write_private(files / "server.key", renewed.private_key)
    write_private(files / "server.crt", renewed.certificate)
    os.kill(several.parent, signal.SIGHUP)


def _recorded(several: Several) -> dict[str, str]:
    """Which process has the record of an honest call, by the call's id; of each there may be one. Raises: AssertionError."""
    found: dict[str, str] = {}
    for number in range(1, PROCESSES + 1):
        for path in segments_in(several.directory(number), "*"):
            for line in lines_of(path):
                if b'"Encrypt"' in line and line.endswith(b"\n"):
                    record = orjson.loads(line)
                    name = (record.get("additionalEventData") or {}).get("callerRequestId", "")
                    assert name not in found, f"{name} has two records"
                    if "errorCode" not in record:
                        found[name] = f"replica-1-{number}"
    return found


def _unexplained(honest: Honest, kills: list[float], recorded: dict[str, str]) -> list[str]:
    """Lost calls other than those that a killed process had in hand: one for each caller, then, and on no connection to another process."""
    explained, faults = set[tuple[str, float]](), []
    for name, (begun, ended) in honest.lost.items():
        connection, _, number = name.rpartition("-")
        caller = connection.rpartition("-")[0]
        before = recorded.get(f"{connection}-{int(number) - 1}", IS_KILLED)
        cause = next((at for at in kills if begun <= at + DYING_SECONDS and at <= ended), None)
        if cause is None or before != IS_KILLED or (caller, cause) in explained:
            faults.append(name)
        else:
            explained.add((caller, cause))
    return faults


def _what_is_wrong(several: Several, honest: Honest, pids: dict[str, int], kills: int) -> list[str]:
    """Ends the Region."""
    several.wait_ready(PROCESSES)
    deployment, wrong = several.deployment, list[str]()
    if several.pids()[LIVES_ON] != pids[LIVES_ON] or len(several.lines("a process has ended")) != kills:
        wrong.append("a process ended that nobody killed")
    log = (deployment.place(HOME).folder / "log").read_text()
    wrong += [f"the log has {each}" for each in ("Traceback", "UnforeseenFault") if each in log]
    if (code := deployment.stop(HOME)) != OK:
        wrong.append(f"the Region ended with {code}")
    wrong += [f"{each} was answered and has no record" for each in sorted(honest.answered - set(_recorded(several)))]
    verified = deployment.verify_audit(HOME)
    return wrong if verified.returncode == 0 else [*wrong, f"audit: {verified.stdout}{verified.stderr}"]
