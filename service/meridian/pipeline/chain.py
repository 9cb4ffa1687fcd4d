"""The walk of one call, the same for every transport: through its steps in their order, then its operation.

Where a key or a grant has changed between the decision and the operation's transaction, the call is decided anew on what is there now; then
nobody else of this process changes its keys until it has.

Telemetry and audit surround the walk and are closed whatever happens. A warm cryptographic call suspends once, for its durable
audit record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn

from meridian.audit.record import Record
from meridian.audit.trail import Audit
from meridian.call import Call
from meridian.domain.algorithms import TABLE
from meridian.domain.gates import RETRY_SECONDS
from meridian.domain.key import Key
from meridian.errors import CUTS, DependencyTimeoutException, DryRunOperationException, KmsError, KMSInternalException, ThrottlingException
from meridian.operations.key_turns import KeyTurns
from meridian.operations.outcomes import AnsweredBeforeError
from meridian.pipeline.binding import Bound
from meridian.pipeline.repeats import Repeats
from meridian.pipeline.telemetry import Telemetry
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.faults import VersionConflict
from meridian.replication.decided import DecidedBeforeError

DECISIONS_MAX: Final = 16
"""Of one call whose key changes meanwhile, in another process or by itself."""
PAUSE_SECONDS: Final = 0.01
"""At most, before the second decision anew; before each further one it may be as much longer."""

OVERTAKEN: Final = (DecidedBeforeError, VersionConflict)
"""What an operation raises that has changed nothing, because something that it changes is not what it was."""

Step = Callable[[Call], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """What a call goes through before its operation, in this order."""

    before: tuple[Step, ...]
    """Before a key is looked for."""
    deciding: tuple[Step, ...]
    """Again where the decision was overtaken."""
    after: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """Who notes each walk, however it ends."""

    telemetry: Telemetry
    audit: Audit
    events: SecurityEvents


class Pipeline:
    """Walks calls: telemetry → audit → the steps before a key is looked for → those that decide → those after → operation."""

    def __init__(
        self,
        *,
        notes: Notes,
        repeats: Repeats,
        steps: Steps,
        forget: Callable[[str, str], None],
        turns: KeyTurns,
        operations: Mapping[str, Bound],
    ) -> None:
        self._turns = turns
        self._repeats = repeats
        self._events = notes.events
        self._telemetry = notes.telemetry
        self._audit = notes.audit
        self._steps = (*steps.before, *steps.deciding, *steps.after)
        self._deciding = steps.deciding
        self._forget = forget
        self._operations = operations

    async def walk(self, call: Call) -> Any:
        """The answer of the operation as its wire sends it, once its audit record is durable. Raises: KmsError, and nothing else."""
        answer = await self._ended(call)
        try:
            await self._audit.close(call)
        except KmsError as error:
            call.error = error.without_frames()
        except asyncio.CancelledError:
            call.error = CUTS[call.why_cut()]()
        finally:
            self._telemetry.finish(call)
        if call.error is not None:
            raise call.error
        return answer

    async def walk_item(self, call: Call) -> Any:
        """The answer of an item of a batch, whose place there keeps its record. Raises: as `walk`."""
        answer = await self._ended(call)
        if call.item is not None:
            call.item.keep(self._audit.record_of(call))
        if call.error is not None:
            raise call.error
        return answer

    async def close_items(self, items: Sequence[tuple[Call, Record]]) -> KmsError | None:
        """Return once the records of these items, of one batch, are durable; or what keeps them from it, the error of each then."""
        error: KmsError | None = None
        try:
            await self._audit.close_items(items)
        except KmsError as fault:
            error = fault.without_frames()
        except asyncio.CancelledError:
            error = CUTS[items[0][0].why_cut()]()
        finally:
            for call, _ in items:
                call.error = error or call.error
                self._telemetry.finish(call)
        return error

    async def _ended(self, call: Call) -> Any:
        """What is answered; None where the call has an error."""
        try:
            answer = await self._answered(call)
            return answer if call.error is not None else call.write_answer(call, answer)
        except TimeoutError:
            call.error = DependencyTimeoutException("The request timed out.", reason="something that the call needs did not answer")
        except asyncio.CancelledError:
            call.error = CUTS[call.why_cut()]()
        except Exception as error:
            self._events.report_fault(error, during=call.rpc.name)
            call.error = KMSInternalException(reason=f"{type(error).__name__}")
        return None

    async def _answered(self, call: Call) -> Any:
        """What the operation answers, or answered before; None where the call has an error. Raises: whatever a step raises but KmsError."""
        try:
            item = call.item
            if item is not None and item.takes_over(call):
                return await self._operate(call)
            for step in self._steps:
                waiting = step(call)
                if waiting is not None:
                    if item is not None:
                        await item.apart()
                    await waiting
            if item is not None:
                item.decided(call)
            return await self._operate(call)
        except AnsweredBeforeError as before:
            return self._repeats.given_again(call, before)
        except KmsError as error:
            call.error = error.without_frames()  # or the call would hold itself, and what its frames held, until a collector comes by
            return await self._repeats.after_failure(call)

    async def _operate(self, call: Call) -> Any:
        """What the operation answers. Raises: what it raises; ThrottlingException where its decision was overtaken again and again."""
        operation, keys = self._operations[call.rpc.name], call.keys.values()
        if call.dry_run:
            operation = partial(_would_have, operation)
        if call.item is not None and not _are_quick(keys):
            await call.item.apart()
        if call.rpc.read_only or not self._turns.are_taken(keys):
            try:
                return await operation(call.request, call)
            except OVERTAKEN:
                pass
        if call.item is not None:
            await call.item.apart()
        async with self._turns.taken(call, keys):
            for decisions in range(1, DECISIONS_MAX):
                await self._decide_anew(call)
                try:
                    return await operation(call.request, call)
                except OVERTAKEN:
                    await asyncio.sleep(_pause(call, decisions))
        raise ThrottlingException(retry_after_seconds=RETRY_SECONDS, reason="what the call was decided on changed again and again")

    async def _decide_anew(self, call: Call) -> None:
        for key in call.keys.values():  # another process may have changed it, and memory not have heard of that
            self._forget(key.account, key.key_id)
        self._audit.withdraw(call)
        call.begin_anew()
        for step in self._deciding:
            waiting = step(call)
            if waiting is not None:
                await waiting


def _are_quick(keys: Collection[Key]) -> bool:
    """Whether nothing is waited for where these are used."""
    return all(TABLE[key.key_spec].is_quick_to_use and not key.custom_key_store_id for key in keys)


async def _would_have(operation: Bound, request: Any, call: Call) -> NoReturn:
    """A dry run that comes to its end. Raises: DryRunOperationException, and what the operation raises."""
    await operation(request, call)
    raise DryRunOperationException


def _pause(call: Call, decisions: int) -> float:
    """Seconds, not the same for two calls, so that processes do not go in step."""
    return decisions * PAUSE_SECONDS * (hash((call.request_id, decisions)) % 1000) / 1000
