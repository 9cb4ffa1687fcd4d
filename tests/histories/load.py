"""Callers that change keys of two Regions without pause, and keep what they were answered; and what must be true of it afterwards."""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.callers import Callers, related_keys
from tests.histories.linearizable import Change, Operation, Sight, State, find_story
from tests.histories.outcomes import SETTLE_SECONDS, UNKNOWN, why_lost, why_shut

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

SINGLE_KEYS, RELATED_KEYS, CALLERS = 4, 2, 4
ON, TEXT = "on", "text"
FIRST: State = ((ON, True), (TEXT, ""))
CALL_SECONDS = 5.0
AWAY_SECONDS = 0.2
PRIMARY = t.MULTI_REGION_KEY_TYPE_PRIMARY

Register = tuple[str, str]
"""Region and key id: what is changed and described there is that Region's own."""


@dataclass
class Seen:
    """What all callers were answered."""

    histories: dict[Register, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    made: list[str] = field(default_factory=list)
    replicated: list[str] = field(default_factory=list)
    blobs: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    two_primaries: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged(self) -> int:
        changes = sum(isinstance(o, Change) and o.ended < math.inf for history in self.histories.values() for o in history)
        return changes + len(self.made) + len(self.replicated)


@dataclass(frozen=True)
class Judged:
    """Figures of a run, and what is wrong."""

    acknowledged: int
    unknown: int
    blobs: int
    lost: list[str]
    without_story: list[str]
    two_primaries: list[str]
    twice_in_the_log: int
    verified: dict[str, str]

    @property
    def faults(self) -> list[str]:
        audit = [f"{region}: {told}" for region, told in self.verified.items() if told]
        return [*self.lost, *self.without_story, *self.two_primaries, *audit]


class Load:
    """Callers in threads. Regions may come and go meanwhile."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self._deployment = deployment
        self._seed = seed
        self._numbers = itertools.count()
        self.seen = Seen()
        with deployment.client(HOME, "developer") as client:
            self._single = [client.create_key().key_metadata.key_id for _ in range(SINGLE_KEYS)]
            self._related = related_keys(deployment, client, RELATED_KEYS)
        self.registers = [(HOME, key_id) for key_id in (*self._single, *self._related)] + [(AWAY, key_id) for key_id in self._related]
        self._callers = Callers(CALLERS, self._call, patience_seconds=4 * CALL_SECONDS)

    def start(self) -> None:
        self._callers.start()

    def stop(self) -> None:
        """No new calls; those under way are waited for."""
        self._callers.stop()

    def _call(self, number: int) -> None:
        random = Random(self._seed * 1000 + number)  # noqa: S311 - a repeatable load
        clients: dict[str, Client] = {}
        steps = [self._look, self._look, self._describe, self._describe, self._switch, self._encrypt, self._make, self._rotate, self._move]
        while not self._callers.ended.is_set():
            register = random.choice(self.registers)
            region = register[0]
            if region not in clients:
                clients[region] = Client(self._deployment.endpoint(region, "developer"))
            try:
                random.choice(steps)(clients[region], register, random)
            except KmsServiceError as fault:
                with self.seen.lock:
                    self.seen.outcomes[fault.code] += 1
                if fault.code == "EndpointConnectionError":
                    clients.pop(region).close()
                    time.sleep(AWAY_SECONDS)
        for client in clients.values():
            client.close()

    def has_acknowledged(self, changes: int) -> bool:
        return self.seen.acknowledged >= changes

    # ---- what they do

    def _look(self, client: Client, register: Register, random: Random) -> None:
        began = time.monotonic()
        metadata = client.describe_key(key_id=register[1], timeout=CALL_SECONDS).key_metadata
        if metadata.key_state in (t.KEY_STATE_ENABLED, t.KEY_STATE_DISABLED):
            shown: State = ((ON, metadata.enabled), (TEXT, metadata.description))
            self._keep(register, Sight(began, time.monotonic(), shown))

    def _describe(self, client: Client, register: Register, random: Random) -> None:
        text = f"text {next(self._numbers)}"
        self._change(
            register, TEXT, text, lambda: client.update_key_description(key_id=register[1], description=text, timeout=CALL_SECONDS)
        )

    def _switch(self, client: Client, register: Register, random: Random) -> None:
        on = random.random() < 0.6
        switch = client.enable_key if on else client.disable_key
        self._change(register, ON, on, lambda: switch(key_id=register[1], timeout=CALL_SECONDS))

    def _change(self, register: Register, name: str, value: object, call: Callable[[], Any]) -> None:
        began = time.monotonic()
        try:
            call()
        except KmsServiceError as fault:
            if fault.code in UNKNOWN:
                self._keep(register, Change(began, math.inf, name, value))
            raise
        self._keep(register, Change(began, time.monotonic(), name, value))

    def _keep(self, register: Register, operation: Operation) -> None:
        with self.seen.lock:
            self.seen.histories[register].append(operation)

    def _encrypt(self, client: Client, register: Register, random: Random) -> None:
        plaintext = f"plaintext {next(self._numbers)}".encode()
        blob = client.encrypt(key_id=register[1], plaintext=plaintext, timeout=CALL_SECONDS).ciphertext_blob
        with self.seen.lock:
            self.seen.blobs.append((register[0], plaintext, blob))

    def _make(self, client: Client, register: Register, random: Random) -> None:
        related = register[0] == HOME and random.random() < 0.5
        key_id = client.create_key(multi_region=related, timeout=CALL_SECONDS).key_metadata.key_id
        if register[0] == HOME:
            with self.seen.lock:
                self.seen.made.append(key_id)
        if related:
            client.replicate_key(key_id=key_id, replica_region=AWAY, timeout=CALL_SECONDS)
            with self.seen.lock:
                self.seen.replicated.append(key_id)

    def _rotate(self, client: Client, register: Register, random: Random) -> None:
        client.rotate_key_on_demand(key_id=register[1], timeout=CALL_SECONDS)

    def _move(self, client: Client, register: Register, random: Random) -> None:
        if register[1] in self._related:
            client.update_primary_region(key_id=register[1], primary_region=random.choice([HOME, AWAY]), timeout=CALL_SECONDS)


def judge(deployment: Deployment, load: Load) -> Judged:
    """What is true once the load has stopped and both Regions serve."""
    seen, lost = load.seen, []
    for region, key_id in load.registers:
        with deployment.client(region, "developer") as client:
            deployment.wait_until(partial(_is_enabled_again, client, key_id), SETTLE_SECONDS)
    with deployment.client(HOME, "developer") as client:
        lost += [f"key {key_id}: {why}" for key_id in seen.made if (why := why_lost(client, key_id))]
    with deployment.client(AWAY, "developer") as client:
        for key_id in seen.replicated:
            if not _within(partial(_is_enabled, client, key_id), SETTLE_SECONDS):
                lost.append(f"replica {key_id}")
    for region in (HOME, AWAY):
        with deployment.client(region, "app") as client:
            lost += [
                f"ciphertext {plain!r} in {region}: {why}"
                for where, plain, blob in seen.blobs
                if where == region and (why := why_shut(client, blob, plain))
            ]
    without = [f"no story of {register}" for register in load.registers if find_story(seen.histories[register], FIRST) is None]
    ids = [record["eventID"] for region in (HOME, AWAY) for record in deployment.audit(region) if "eventID" in record]
    verified = {region: _verify(deployment, region) for region in (HOME, AWAY)}
    unknown = sum(count for code, count in seen.outcomes.items() if code in UNKNOWN)
    related = [key_id for region, key_id in load.registers if region == AWAY]
    primaries = [f"{key_id} is primary {count} times" for key_id in related if (count := _primaries(deployment, key_id)) != 1]
    return Judged(seen.acknowledged, unknown, len(seen.blobs), lost, without, primaries, len(ids) - len(set(ids)), verified)


def _within(reached: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def _is_enabled(client: Client, key_id: str) -> bool:
    try:
        return bool(client.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED)
    except KmsServiceError:
        return False


def _is_enabled_again(client: Client, key_id: str) -> bool:
    try:
        client.enable_key(key_id=key_id)
    except KmsServiceError:
        return False
    return _is_enabled(client, key_id)


def _primaries(deployment: Deployment, key_id: str) -> int:
    found = 0
    for region in (HOME, AWAY):
        with deployment.client(region, "developer") as client:
            metadata = client.describe_key(key_id=key_id).key_metadata
            found += metadata.multi_region_configuration.multi_region_key_type == PRIMARY
    return found


def _verify(deployment: Deployment, region: str) -> str:
    done = deployment.verify_audit(region)
    return "" if done.returncode == 0 else json.dumps(done.stdout + done.stderr)
