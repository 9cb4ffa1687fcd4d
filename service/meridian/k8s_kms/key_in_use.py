"""The key as the plug-in uses it: what it is called now, and seeds closed and opened under it.

Encrypt says nothing of the material that it used; Decrypt does. So each ciphertext is read back before anybody stores it: its name is that
of its material even in the moment of a rotation, and nothing is stored that cannot be opened.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final

from meridian.client import AsyncClient
from meridian.k8s_kms.endpoints import Place
from meridian.k8s_kms.key_name import KeyName
from meridian.k8s_kms.materials import Materials, Standing
from meridian.k8s_kms.metrics import Metrics
from meridian.k8s_kms.regions import AnswerError, BehindError, Regions
from meridian.log import structlog

CONTEXT: Final = "k8s-kms-key-id"
"""The one pair of every encryption context: the name under which the API server stores the ciphertext, which opens under no other."""
STATUS: Final = "status"
"""Its value where nothing is stored: the plug-in looks whether it could encrypt."""
LOOKED_AT: Final = b"meridian k8s-kms status"
FRESH_SECONDS: Final = 10.0
"""A key that was used so lately need not be looked at."""
FORMAT: Final = b"\x01"
"""The first byte of each ciphertext; the rest is the Region's."""
ROTATIONS_MAX: Final = 3
"""So often a seed is closed anew, because the key was rotated meanwhile."""


class NotReadBackError(AnswerError):
    """A Region opened its own ciphertext to something else, or names another key, or no material."""


class UnreadableError(Exception):
    """What is to be opened was not made here."""


@dataclass(frozen=True, slots=True, repr=False)
class Closed:
    """A seed under the key."""

    ciphertext: bytes
    key_id: str


class KeyInUse:
    """One key, for as long as the process lives."""

    def __init__(self, key: KeyName, regions: Regions, metrics: Metrics) -> None:
        self._key = key
        self._regions = regions
        self._metrics = metrics
        self._materials = Materials()
        self._used_at: float | None = None
        self._looking = asyncio.Lock()
        self._log = structlog.get_logger("meridian.k8s_kms")

    async def name(self, seconds: float) -> str:
        """What the API server calls the key now, known to encrypt and decrypt. Many who ask at once are one look.

        Where every Region that answers is behind nothing can be encrypted, and so there is no name: the API server keeps what it was told.

        Raises: RegionError, BehindError, NotReadBackError, TimeoutError.
        """
        async with asyncio.timeout(seconds), self._looking:
            if self._used_at is None or self._now() - self._used_at >= FRESH_SECONDS:
                try:
                    await self._regions.ask(self.look, seconds)
                except BaseException:
                    self._metrics.healthy.set(0)
                    raise
            self._metrics.healthy.set(1)
            return self._key.name_of(self._materials.current)

    async def close(self, plaintext: bytes, uid: str, seconds: float) -> Closed:
        """Raises: the same."""
        async with asyncio.timeout(seconds):
            if not self._materials.current:
                await self.name(seconds)
            for _ in range(ROTATIONS_MAX):
                name = self._key.name_of(self._materials.current)

                async def work(client: AsyncClient, place: Place, share: float, name: str = name) -> bytes:
                    return await self._close(client, place, share, plaintext, name, uid)

                try:
                    ciphertext = await self._regions.ask(work, seconds)
                except BaseException:
                    self._used_at = None  # what fails here is looked at before the next status says that all is well
                    raise
                if self._key.name_of(self._materials.current) == name:
                    return Closed(FORMAT + ciphertext, name)
            raise TimeoutError

    async def open(self, ciphertext: bytes, name: str, uid: str, seconds: float) -> bytes:
        """The seed. Raises: UnreadableError; otherwise the same."""
        if not ciphertext.startswith(FORMAT):
            raise UnreadableError("ciphertext was not made by meridian k8s-kms")

        async def work(client: AsyncClient, place: Place, share: float) -> bytes:
            answer = await client.decrypt(
                ciphertext_blob=ciphertext[1:],
                key_id=place.arn,
                encryption_context={CONTEXT: name},
                timeout=share,
                caller_request_id=uid,
            )
            _require_key(answer.key_id, place)
            return bytes(answer.plaintext)

        async with asyncio.timeout(seconds):
            return await self._regions.ask(work, seconds)

    async def look(self, client: AsyncClient, place: Place, seconds: float) -> None:
        """Encrypt and decrypt something that is no secret. Raises: KmsServiceError, BehindError, NotReadBackError."""
        await self._close(client, place, seconds, LOOKED_AT, STATUS, "")

    async def _close(self, client: AsyncClient, place: Place, seconds: float, plaintext: bytes, name: str, uid: str) -> bytes:
        until = self._now() + seconds
        context = {CONTEXT: name}
        made = await client.encrypt(
            key_id=place.arn, plaintext=plaintext, encryption_context=context, timeout=seconds, caller_request_id=uid
        )
        _require_key(made.key_id, place)
        read = await client.decrypt(
            ciphertext_blob=made.ciphertext_blob,
            key_id=place.arn,
            encryption_context=context,
            timeout=max(until - self._now(), 0.001),
            caller_request_id=uid,
        )
        _require_key(read.key_id, place)
        if not hmac.compare_digest(read.plaintext, plaintext):
            raise NotReadBackError(f"{place.region}: what was encrypted came back as something else")
        if not read.key_material_id:
            raise NotReadBackError(f"{place.region}: does not say which key material encrypted")
        self._note(read.key_material_id, place)
        return bytes(made.ciphertext_blob)

    def _note(self, material_id: str, place: Place) -> None:
        """Raises: BehindError."""
        now, before = self._now(), self._materials.current
        if self._materials.see(material_id, now) is Standing.BEHIND:
            self._metrics.behind.labels(place.region).inc()
            raise BehindError(f"{place.region} has not rotated the key yet, as another Region has")
        self._used_at = now
        if self._materials.current != before:
            if before:
                self._metrics.rotations.inc()
            self._log.info("key_id", key_id=self._key.name_of(material_id), key=place.arn, material=material_id)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _require_key(named: str, place: Place) -> None:
    """Raises: NotReadBackError: nothing may be stored under a key that was not asked for."""
    if named != place.arn:
        raise NotReadBackError(f"{place.region}: answers with another key than the one that was asked for")
