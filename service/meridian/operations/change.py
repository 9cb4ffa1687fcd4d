"""How an operation changes one key: read, check again, write, in one transaction with its audit event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from google.protobuf.message import Message

from meridian.call import Call
from meridian.domain.applicability import require_applicable
from meridian.domain.key import Key
from meridian.domain.key_state import require_state
from meridian.operations.key_turns import KeyTurns
from meridian.operations.outcomes import Outcomes
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.decided import DecidedBeforeError
from meridian.replication.publish import SetPublisher

ATTEMPTS_MAX: Final = 4

Change = Callable[[UnitOfWork, Key], Awaitable[Key]]
Answer = TypeVar("Answer", bound=Message)


class KeyChanges:
    """Applies changes to keys, one winner per version."""

    def __init__(self, store: Store, directory: KeyDirectory, outcomes: Outcomes, publisher: SetPublisher, turns: KeyTurns) -> None:
        self._store = store
        self._directory = directory
        self._outcomes = outcomes
        self._publisher = publisher
        self._turns = turns

    async def apply(self, call: Call, resolved: Key, change: Change, answer: Callable[[Key], Answer]) -> Answer:
        """What `answer` makes of the key after the change, committed together with the call's audit event.

        The key's state is checked again on the row as it is now. A lost race reads again. Raises: what the checks and `change`
        raise, and `Outcomes.begin`; DecidedBeforeError after four lost races.
        """
        for _ in range(ATTEMPTS_MAX):
            try:
                async with self._turns.taken(call, [resolved]):
                    changed, answered = await self._attempt(call, resolved, change, answer)
            except VersionConflict:
                continue
            self._directory.forget(resolved.account, resolved.key_id)
            if changed.multi_region is not None:
                self._publisher.wake_outbox()
            return answered
        raise DecidedBeforeError

    def let_others(self, call: Call) -> None:
        """Let others change the call's keys while it waits for what is not here."""
        self._turns.let_others(call)

    def forget(self, key: Key) -> None:
        """Drop a key from memory that a change has touched beside its own."""
        self._directory.forget(key.account, key.key_id)

    async def _attempt(self, call: Call, resolved: Key, change: Change, answer: Callable[[Key], Answer]) -> tuple[Key, Answer]:
        async with self._store.transaction() as uow:
            key = (await self._outcomes.begin(uow, call))[resolved.arn]
            require_applicable(call.rpc.name, key)
            require_state(call.rpc.name, key)
            changed = await change(uow, key)
            stored = await uow.keys.update(changed) if changed != key else key
            await self._publisher.key_changed(uow, key, changed, request_id=call.request_id, now=await uow.region.now())
            answered = answer(stored)
            await self._outcomes.record(uow, call, answered)
            return stored, answered
