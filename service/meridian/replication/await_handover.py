"""The future primary's half of UpdatePrimaryRegion, after its own policies have allowed it: the key shows Updating.

The role itself comes with the set state that names this Region; until then nothing else has changed here.

Source: docs/spec/multi-region.md, handover.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from meridian.call import Call
from meridian.domain.key import Key, KeyState
from meridian.domain.key_state import require_state
from meridian.domain.multi_region import Term
from meridian.domain.newest import Newest
from meridian.errors import KMSInvalidStateException
from meridian.ports.audit import AuditTrail
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store.store import Store
from meridian.replication.decided import require_as_decided
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import require_primary

ASKED_MAX: Final = 10_000
NO_TERM: Final = Term(0, "", 0)


class Asked(NamedTuple):
    """When a key was last asked to become primary, and in which term; a term that has ended since had its handover."""

    term: Term
    at: datetime


class AwaitRole:
    """The operation at the end of the successor's walk."""

    def __init__(self, *, store: Store, directory: KeyDirectory, trail: AuditTrail, updating_seconds: float, refusals: Refusals) -> None:
        self._store = store
        self._refusals = refusals
        self._directory = directory
        self._trail = trail
        self._updating_seconds = updating_seconds
        self._asked: Newest[tuple[str, str], Asked] = Newest(ASKED_MAX)

    async def await_role(self, request: Any, call: Call) -> Key:  # noqa: ARG002 - the signature of every operation
        """The key in state Updating, for half a minute at most. Raises: what its state refuses with."""
        resolved = call.keys["key_id"]
        async with self._store.transaction() as uow:
            key = (await require_as_decided(uow, call))[resolved.arn]
            require_state(call.rpc.name, key)
            row = await uow.key_sets.find(key.account, key.key_id)
            sender = call.prepare.primary_region if call.prepare is not None else ""
            with self._refusals.telling(sender, key.account, key.key_id):
                require_primary(row, sender)
            until = self._until(key, row.view.term if row is not None and row.view is not None else NO_TERM, await uow.region.now())
            waiting = await uow.keys.update(replace(key, state=KeyState.UPDATING, updating_until=until))
            call.response_elements = {"keyId": key.arn}
            await self._trail.record(uow, call)
        self._directory.forget(key.account, key.key_id)
        return waiting

    def _until(self, key: Key, term: Term, now: datetime) -> datetime:
        """When the key ends to show Updating. A primary that asks again and again and never hands its role over makes it no longer, and
        leaves it alone for as long afterwards: the local switch works then. Raises: KMSInvalidStateException."""
        name, span = (key.account, key.key_id), timedelta(seconds=self._updating_seconds)
        if key.state is KeyState.UPDATING and key.updating_until is not None and key.updating_until > now:
            return key.updating_until
        asked = self._asked.get(name)
        if asked is not None and asked.term == term and asked.at <= now < asked.at + 2 * span:
            self._asked.put(name, asked)
            raise KMSInvalidStateException(f"{key.arn} was asked to become primary a moment ago; try again in a minute.", key_arn=key.arn)
        self._asked.put(name, Asked(term, now))
        return now + span
