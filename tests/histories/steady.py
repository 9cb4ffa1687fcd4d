"""Callers that use two Regions as services do, at about seven tenths of what the Regions can do; what they remember is bounded."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import Final

from tests.deployment import AWAY, HOME, Deployment
from tests.histories.callers import Callers, related_keys

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

CALLERS: Final = 4
REST: Final = 3 / 7
"""Of the time that a call took, each caller waits before the next."""
RELATED_KEYS: Final = 4
BLOBS_KEPT: Final = 500
KEYS_KEPT: Final = 200
CALL_SECONDS: Final = 8.0
BACK_SECONDS: Final = 0.5
EXPECTED: Final = {
    "EndpointConnectionError",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
    "DependencyTimeoutException",
    "KMSInternalException",
    "KMSInvalidStateException",
    "ThrottlingException",
}
"""What callers are told while a Region is away, is paused or moves a key; a client tries again."""


class Steady:
    """The callers' threads. A plaintext that is another than it was is kept in `wrong`, and so is an answer that no fault explains."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self._deployment = deployment
        self._seed = seed
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.blobs: deque[tuple[str, bytes, bytes]] = deque(maxlen=BLOBS_KEPT)
        self.made: deque[str] = deque(maxlen=KEYS_KEPT)
        with deployment.client(HOME, "developer") as client:
            self.related = related_keys(deployment, client, RELATED_KEYS)
        self._callers = Callers(CALLERS, self._call, patience_seconds=4 * CALL_SECONDS)

    def start(self) -> None:
        self._callers.start()

    def stop(self) -> None:
        """No new calls; those under way are waited for."""
        self._callers.stop()

    def _call(self, number: int) -> None:
        random = Random(self._seed * 1000 + number)  # noqa: S311 - a repeatable load
        region = HOME if number % 2 == 0 else AWAY
        steps: list[tuple[Callable[[Client, str, Random], None], int]] = [
            (self._encrypt, 40),
            (self._decrypt, 30),
            (self._data_key, 15),
            (self._look, 10),
            (self._describe, 3),
            (self._grant, 1),
            (self._make, 1),
        ]
        with Client(self._deployment.endpoint(region, "developer")) as client:
            while not self._callers.ended.is_set():
                (step,) = random.choices([step for step, _ in steps], [share for _, share in steps])
                began = time.monotonic()
                try:
                    step(client, region, random)
                    self.calls[step.__name__.strip("_")] += 1
                except KmsServiceError as fault:
                    self.outcomes[fault.code] += 1
                    if fault.code not in EXPECTED:
                        self.wrong.append(f"{step.__name__} in {region}: {fault}")
                    if fault.code == "EndpointConnectionError":
                        self._callers.ended.wait(BACK_SECONDS)
                self._callers.ended.wait((time.monotonic() - began) * REST)

    # ---- what they do

    def _encrypt(self, client: Client, region: str, random: Random) -> None:
        plaintext = random.randbytes(32)
        answer = client.encrypt(key_id=random.choice(self.related), plaintext=plaintext, timeout=CALL_SECONDS)
        self.blobs.append((region, plaintext, answer.ciphertext_blob))

    def _decrypt(self, client: Client, region: str, random: Random) -> None:
        kept = list(self.blobs)
        if kept:
            where, plaintext, blob = random.choice(kept)
            if client.decrypt(ciphertext_blob=blob, timeout=CALL_SECONDS).plaintext != plaintext:
                self.wrong.append(f"a ciphertext of {where} opens to something else in {region}")

    def _data_key(self, client: Client, region: str, random: Random) -> None:
        answer = client.generate_data_key(key_id=random.choice(self.related), key_spec=t.DATA_KEY_SPEC_AES_256, timeout=CALL_SECONDS)
        self.blobs.append((region, answer.plaintext, answer.ciphertext_blob))

    def _look(self, client: Client, region: str, random: Random) -> None:
        client.describe_key(key_id=random.choice(self.related), timeout=CALL_SECONDS)

    def _describe(self, client: Client, region: str, random: Random) -> None:
        client.update_key_description(key_id=random.choice(self.related), description=f"{random.random()}", timeout=CALL_SECONDS)

    def _grant(self, client: Client, region: str, random: Random) -> None:
        key_id = random.choice(self.related)
        principal = "arn:aws:iam::111122223333:user/app"
        made = client.create_grant(key_id=key_id, grantee_principal=principal, operations=[t.GRANT_OPERATION_ENCRYPT], timeout=CALL_SECONDS)
        client.revoke_grant(key_id=key_id, grant_id=made.grant_id, timeout=CALL_SECONDS)

    def _make(self, client: Client, region: str, random: Random) -> None:
        key_id = client.create_key(timeout=CALL_SECONDS).key_metadata.key_id
        if region == HOME:
            self.made.append(key_id)
