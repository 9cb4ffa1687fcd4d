"""Two Regions that keys are related in, without any link between them: callers of both go on as if nothing had happened.

What goes wrong on the way is told at the end, and ends nothing early.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import Final

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.callers import Callers, related_keys
from tests.histories.convergence import relayed

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

PAUSE_SECONDS: Final = 0.25
"""Of each caller, after each call: this is about hours, not about load."""
CALL_SECONDS: Final = 8.0
HEALED_SECONDS: Final = 30.0
"""As it is promised."""
KINDS: Final = frozenset({"encrypt", "decrypt", "data_key", "look", "describe", "grant", "make"})
"""Of calls, each in its turn."""
RELATED_KEYS: Final = 2
DAYS: Final = 120


@dataclass
class Alone:
    """What callers met."""

    calls: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0
    healed: float = inf
    """Seconds from the links' return until a change made without them is known in both Regions; without end where it is not."""


class _Caller:
    """Uses one Region, and opens what both have encrypted."""

    def __init__(self, region: str, client: Client, blobs: list[bytes], keys: list[str], found: Alone) -> None:
        self._region, self._client, self._blobs, self._keys, self._found = region, client, blobs, keys, found
        self._turn = 0

    def call(self) -> None:
        steps = (self._encrypt, self._decrypt, self._data_key, self._look, self._describe, self._grant, self._make)
        step = steps[self._turn % len(steps)]
        self._turn += 1
        began = time.monotonic()
        try:
            step()
            self._found.calls[step.__name__.strip("_")] += 1
        except Exception as fault:  # noqa: BLE001 - whatever it is, a caller met it, and goes on
            self._found.failed.append(f"{step.__name__} in {self._region}: {type(fault).__name__} {fault}")
        self._found.longest = max(self._found.longest, time.monotonic() - began)

    def _key(self) -> str:
        return self._keys[self._turn % len(self._keys)]

    def _encrypt(self) -> None:
        self._client.encrypt(key_id=self._key(), plaintext=b"x", timeout=CALL_SECONDS)

    def _decrypt(self) -> None:
        self._client.decrypt(ciphertext_blob=self._blobs[self._turn % len(self._blobs)], timeout=CALL_SECONDS)

    def _data_key(self) -> None:
        self._client.generate_data_key(key_id=self._key(), key_spec=t.DATA_KEY_SPEC_AES_256, timeout=CALL_SECONDS)

    def _look(self) -> None:
        self._client.describe_key(key_id=self._key(), timeout=CALL_SECONDS)

    def _describe(self) -> None:
        self._client.update_key_description(key_id=self._key(), description=f"{self._turn}", timeout=CALL_SECONDS)

    def _grant(self) -> None:
        principal, key_id = "arn:aws:iam::111122223333:user/app", self._key()
        operations = [t.GRANT_OPERATION_ENCRYPT]
        made = self._client.create_grant(key_id=key_id, grantee_principal=principal, operations=operations, timeout=CALL_SECONDS)
        self._client.revoke_grant(key_id=key_id, grant_id=made.grant_id, timeout=CALL_SECONDS)

    def _make(self) -> None:
        key_id = self._client.create_key(timeout=CALL_SECONDS).key_metadata.key_id
        self._client.schedule_key_deletion(key_id=key_id, timeout=CALL_SECONDS)


def stand_alone(deployment: Deployment, seconds: float) -> Alone:
    """Cut every link for so long while callers use both Regions, then let the links return."""
    found = Alone()
    with relayed(deployment) as relays, deployment.client(HOME, "developer") as home, deployment.client(AWAY, "developer") as away:
        keys = related_keys(deployment, home, RELATED_KEYS)
        blobs = [client.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob for client in (home, away) for key_id in keys]
        for relay in relays:
            relay.is_cut = True
        using = [_Caller(HOME, home, blobs, keys, found), _Caller(AWAY, away, blobs, keys, found)]

        def use(number: int) -> None:
            while not callers.ended.wait(PAUSE_SECONDS):
                using[number].call()

        callers = Callers(len(using), use, patience_seconds=4 * CALL_SECONDS)
        callers.start()
        time.sleep(seconds)
        callers.stop()
        try:
            home.enable_key_rotation(key_id=keys[0], rotation_period_in_days=DAYS, timeout=CALL_SECONDS)
        except KmsServiceError as fault:
            found.failed.append(f"the change before the links' return in {HOME}: {fault}")
            return found
        for relay in relays:
            relay.is_cut = False
        found.healed = _seconds_until_known(away, keys[0])
    return found


def _seconds_until_known(client: Client, key_id: str) -> float:
    began = time.monotonic()
    while time.monotonic() < began + HEALED_SECONDS:
        with contextlib.suppress(KmsServiceError):
            if client.get_key_rotation_status(key_id=key_id, timeout=CALL_SECONDS).rotation_period_in_days == DAYS:
                return time.monotonic() - began
        time.sleep(PAUSE_SECONDS / 10)
    return inf
