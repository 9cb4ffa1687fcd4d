"""The client for asyncio: every operation, and what waits for a key."""

from __future__ import annotations

import asyncio

from meridian.client.asyncio_operations import AsyncioOperations
from meridian.client.errors import DeadlineExceeded
from meridian.client.waiting import Reached, Waiting, is_connected, is_enabled, is_rotated_from
from meridian.kms.v1 import types_pb2


class AsyncClient(AsyncioOperations):
    """A client of one Region for asyncio, as `Client` is for threads: `await client.encrypt(key_id=…, plaintext=…)`."""

    async def wait_until_enabled(self, *, key_id: str, seconds: float) -> types_pb2.KeyMetadata:
        """The key, as soon as it works: a replica that was just made waits for its material.

        Raises:
            errors.DeadlineExceeded, where it does not within so many seconds; NeverReachedError, where it will not by itself; and what
            `describe_key` raises.
        """
        return await self._wait(key_id, seconds, f"{key_id} is Enabled", is_enabled)

    async def wait_until_rotated(self, *, key_id: str, material_before: str, seconds: float) -> types_pb2.KeyMetadata:
        """The key, as soon as it encrypts with another material than `material_before`, its `current_key_material_id` until then.

        Raises:
            errors.DeadlineExceeded, where it does not within so many seconds; NeverReachedError, where the key never rotates; and what
            `describe_key` raises.
        """
        return await self._wait(key_id, seconds, f"{key_id} has another material", is_rotated_from(material_before))

    async def wait_until_connected(self, *, custom_key_store_id: str, seconds: float) -> types_pb2.CustomKeyStoresListEntry:
        """The custom key store, as soon as it is connected.

        Raises:
            errors.DeadlineExceeded, where it is not within so many seconds; NeverReachedError, where connecting has failed or somebody
            disconnects it; and what `describe_custom_key_stores` raises.
        """
        waiting = Waiting.begin(f"{custom_key_store_id} is CONNECTED", seconds)
        while True:
            try:
                found = await self.describe_custom_key_stores(custom_key_store_id=custom_key_store_id, timeout=waiting.seconds_left)
            except DeadlineExceeded as fault:
                raise waiting.late() from fault
            (store,) = found.custom_key_stores
            if is_connected(store):
                return store
            await asyncio.sleep(waiting.next_pause())

    async def _wait(self, key_id: str, seconds: float, what: str, reached: Reached) -> types_pb2.KeyMetadata:
        waiting = Waiting.begin(what, seconds)
        while True:
            try:
                key = (await self.describe_key(key_id=key_id, timeout=waiting.seconds_left)).key_metadata
            except DeadlineExceeded as fault:
                raise waiting.late() from fault
            if reached(key):
                return key
            await asyncio.sleep(waiting.next_pause())
