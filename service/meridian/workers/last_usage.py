"""When keys were last used: noted in memory at the end of each call, written in batches, never on the call's path.

Source: AWS KMS API Reference, GetKeyLastUsage.
"""

from __future__ import annotations

from datetime import datetime

from meridian.call import Call
from meridian.errors import KmsError
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.key_usage import KeyUse
from meridian.ports.store.store import Store
from meridian.workers.periodic import PATIENT_SECONDS, Job

Noted = tuple[str, datetime, str, str]
"""Operation, time, event id, request id."""


class LastUsage:
    """One per process; the later of two processes' notes is kept."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._noted: dict[tuple[str, str], Noted] = {}

    def note(self, call: Call, event_id: str) -> None:
        """A successful call has ended; what is no use of a key is passed over."""
        if call.rpc.counts_as_use:
            for key in call.keys.values():
                # Never the call itself: it holds what was encrypted.
                self._noted[key.account, key.key_id] = (call.rpc.operation, call.received_at, event_id, call.request_id)

    async def find(self, account: str, key_id: str) -> KeyUse | None:
        """The last use that is known here, written or not. Raises: KmsError."""
        noted = self._noted.get((account, key_id))
        if noted is not None:
            return _use((account, key_id), noted)
        async with self._store.reading() as uow:
            return await uow.key_usage.find(account, key_id)

    def job(self) -> Job:
        """At intervals."""
        return Job("last usage", self.write, self._seconds, PATIENT_SECONDS)

    async def write(self) -> None:
        """Write what is noted. Raises: KmsError; what was noted then waits for the next time."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            async with self._store.transaction() as uow:
                await uow.key_usage.write([_use(name, note) for name, note in noted.items()])
        except VersionConflict:
            self._noted = {**noted, **self._noted}  # another process wrote first; the later of the two is kept at the next time
        except KmsError:
            self._noted = {**noted, **self._noted}
            raise


def _use(name: tuple[str, str], note: Noted) -> KeyUse:
    (account, key_id), (operation, used_at, event_id, request_id) = name, note
    return KeyUse(account, key_id, operation, used_at, event_id, request_id)
