"""Regions without a network: what each has, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from meridian.client.statuses import error_class
from meridian.k8s_kms.endpoints import Place, read_places
from meridian.k8s_kms.key_in_use import KeyInUse
from meridian.k8s_kms.key_name import KeyName
from meridian.k8s_kms.metrics import Metrics
from meridian.k8s_kms.regions import Regions
from meridian.kms.v1 import encryption_pb2

KEY = KeyName.read("arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab")


@dataclass
class FakeRegion:
    """A client of a Region, as `tests/contract/test_regions_of_the_plugin.py` has it: its ciphertexts are what they were made of, in the
    clear."""

    material: str = "a"
    says: str = ""
    """The exception that each call ends with."""
    hangs: bool = False
    calls: list[str] = field(default_factory=list)
    callers: list[str | None] = field(default_factory=list)
    before_encrypt: Callable[[], None] = lambda: None
    spoils: bool = False
    names: str = ""
    """The key that its answers name; the one that was asked for, unless it is said."""

    async def _answer(self, call: str, timeout: float, caller: str | None) -> None:
        self.calls.append(call)
        self.callers.append(caller)
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.sleep(timeout)
            raise error_class("DEADLINE_EXCEEDED")("DEADLINE_EXCEEDED", "", "", {}, (), None)
        if self.says:
            raise error_class(self.says)(self.says, "what the Region says", "request-1", {}, (), None)

    async def encrypt(
        self, *, key_id: str, plaintext: bytes, encryption_context: dict[str, str], timeout: float, caller_request_id: str
    ) -> Any:
        self.before_encrypt()
        await self._answer("encrypt", timeout, caller_request_id)
        (pair,) = encryption_context.items()
        blob = "|".join((key_id.partition("/")[2], *pair, self.material)).encode() + b"|" + plaintext
        return encryption_pb2.EncryptResponse(ciphertext_blob=blob, key_id=self.names or key_id)

    async def decrypt(
        self, *, ciphertext_blob: bytes, key_id: str, encryption_context: dict[str, str], timeout: float, caller_request_id: str
    ) -> Any:
        await self._answer("decrypt", timeout, caller_request_id)
        key, name, value, material, plaintext = (*ciphertext_blob.split(b"|", 4), *[b""] * 5)[:5]
        if (name.decode(), value.decode()) not in encryption_context.items():
            raise error_class("InvalidCiphertextException")("InvalidCiphertextException", "", "request-2", {}, (), None)
        if key.decode() != key_id.partition("/")[2]:
            raise error_class("IncorrectKeyException")("IncorrectKeyException", "", "request-2", {}, (), None)
        return encryption_pb2.DecryptResponse(
            key_id=self.names or key_id, plaintext=b"?" if self.spoils else plaintext, key_material_id=material.decode()
        )


@dataclass
class World:
    """Two Regions, and the key in them."""

    near: FakeRegion = field(default_factory=FakeRegion)
    far: FakeRegion = field(default_factory=FakeRegion)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.places: tuple[Place, ...] = read_places(["near:1", "eu-west-1=far:1"], KEY)
        clients: Any = dict(zip(self.places, (self.near, self.far), strict=True))
        self.regions = Regions(self.places, clients, self.metrics)
        self.key = KeyInUse(KEY, self.regions, self.metrics)

    def rotate(self, material: str) -> None:
        """In both Regions."""
        self.near.material = self.far.material = material

    def value(self, name: str, **labels: str) -> float:
        """Of a metric."""
        return self.metrics.registry.get_sample_value(f"meridian_k8s_kms_{name}", labels) or 0.0
