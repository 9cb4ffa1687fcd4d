"""The future primary's half of UpdatePrimaryRegion, after its own policies have allowed it: the key shows Updating.

The role itself comes with the set state that names this Region; until then nothing else has changed here.

Source: docs/spec/multi-region.md, handover.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from meridian.domain.call import Call
from meridian.domain.key import Key, KeyState
from meridian.domain.key_state import require_state
from meridian.errors import NotFoundException
from meridian.ports.audit import AuditTrail
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store import Store
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import require_primary


class AwaitRole:
    """The operation at the end of the successor's walk."""

    def __init__(self, *, store: Store, directory: KeyDirectory, trail: AuditTrail, updating_seconds: float, refusals: Refusals) -> None:
        self._store = store
        self._refusals = refusals
        self._directory = directory
        self._trail = trail
        self._updating_seconds = updating_seconds

    async def await_role(self, request: Any, call: Call) -> Key:
        """The key in state Updating, for half a minute at most. Raises: what its state refuses with."""
        resolved = call.keys["key_id"]
        async with self._store.transaction() as uow:
            key = await uow.keys.find(resolved.account, resolved.key_id)
            if key is None:
                raise NotFoundException(f"Key '{resolved.arn}' does not exist")
            require_state(call.rpc.name, key)
            row = await uow.key_sets.find(key.account, key.key_id)
            sender = call.prepare.primary_region if call.prepare is not None else ""
            with self._refusals.telling(sender, key.account, key.key_id):
                require_primary(row, sender)
            until = await uow.region.now() + timedelta(seconds=self._updating_seconds)
            waiting = await uow.keys.update(replace(key, state=KeyState.UPDATING, updating_until=until))
            call.response_elements = {"keyId": key.arn}
            await self._trail.record(uow, call)
        self._directory.forget(key.account, key.key_id)
        return waiting
