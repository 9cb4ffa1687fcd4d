"""Wrapping keys kept ready: an RSA key takes up to a second to make, and no caller should wait for that, nor the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from meridian.crypto.rsa_wrapping import new_private_key
from meridian.domain.imports import WRAPPING_KEY_BITS
from meridian.domain.secret import Secret
from meridian.errors import DependencyTimeoutException


class ImportKeyPool:
    """Implements `ports.import_key_source.ImportKeySource`."""

    def __init__(self, ready: Mapping[str, int], *, wait_seconds: float) -> None:
        self._queues: dict[str, asyncio.Queue[Secret]] = {spec: asyncio.Queue(max(1, ready.get(spec, 1))) for spec in WRAPPING_KEY_BITS}
        self._wait_seconds = wait_seconds

    async def take(self, wrapping_key_spec: str) -> Secret:
        try:
            return await asyncio.wait_for(self._queues[wrapping_key_spec].get(), self._wait_seconds)
        except TimeoutError as late:
            raise DependencyTimeoutException("No wrapping key is ready.", reason=f"pool of {wrapping_key_spec} is empty") from late

    async def refill(self) -> None:
        """Keep every queue full, until cancelled. Making a key leaves the interpreter free for others."""
        await asyncio.gather(*(self._refill(spec, queue) for spec, queue in self._queues.items()))

    async def _refill(self, spec: str, queue: asyncio.Queue[Secret]) -> None:
        while True:
            await queue.put(Secret(await asyncio.to_thread(new_private_key, WRAPPING_KEY_BITS[spec])))
