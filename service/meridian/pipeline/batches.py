"""The walk of a batch: each of its items walks as the single call that it is, from the entrance on, all of them together.

Rates, places, decisions, records and errors are each item's own. A batch that cannot be taken as a whole is refused like a call: it draws
on a rate and leaves a record under its own name. One that is taken leaves none; its items do.

An item that waits for nothing is walked in one go, with others of its turn; one that waits has a task of its own from there on.

The items share the time of the batch. Where the service ends it, what is done is answered, and the other items say why they are not; where
nobody hears the answer, what is not done is not begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from meridian.audit.record import Record
from meridian.call import Call
from meridian.contract.batches import batch_faults, item_rpcs, items_of
from meridian.errors import CUTS, Cut, KmsError, KMSInternalException, ThrottlingException, ValidationException
from meridian.pipeline.alike import Turn
from meridian.pipeline.batch_records import BatchRecords, GatheredItem
from meridian.pipeline.batch_turns import ITEMS_PER_TURN, BatchTurns
from meridian.pipeline.call_spans import CallSpans
from meridian.pipeline.entrance import Entrance
from meridian.pipeline.one_go import walk_in_one_go
from meridian.pipeline.telemetry import Telemetry
from meridian.ports.security_events import SecurityEvents

Outcome = Message | KmsError
"""What became of an item: its answer, or its error."""
CloseItems = Callable[[Sequence[tuple[Call, Record]]], Awaitable[KmsError | None]]
"""Returns once these calls have ended, their records with them; what is wrong with all of them, if anything is."""
UNHEARD: Final = frozenset({Cut.CALLER_LEFT, Cut.CALLER_DEADLINE})
"""Cuts after which nobody waits for the batch."""


@dataclass(slots=True, eq=False)
class _Item:
    call: Call
    place: GatheredItem
    outcome: Outcome | None = None
    """None until it has ended."""


class Batches:
    """Walks batches through the entrance of single calls."""

    def __init__(
        self,
        entrance: Entrance,
        new_turn: Callable[[], Turn],
        close: CloseItems,
        *,
        telemetry: Telemetry,
        spans: CallSpans,
        events: SecurityEvents,
    ) -> None:
        self._entrance = entrance
        self._new_turn = new_turn
        self._close = close
        self._telemetry = telemetry
        self._spans = spans
        self._events = events
        self._single = item_rpcs()
        self._turns = BatchTurns()

    async def walk(self, batch: Call) -> Sequence[Outcome]:
        """What became of each item, in their order, once every record is durable. Raises: KmsError for what concerns the batch whole."""
        faults = [] if batch.malformed else batch_faults(batch.rpc, batch.request)
        if batch.malformed or faults:
            batch.refusal = ValidationException.of_constraints(faults) if faults else None
            await self._entrance.walk(batch)
            raise KMSInternalException(reason="a batch that cannot be taken was let in")
        try:
            with self._spans.around(batch):
                return await self._walk_items(batch)
        except KmsError as error:
            batch.error = error.without_frames()
            raise
        finally:
            self._telemetry.finish(batch)

    async def _walk_items(self, batch: Call) -> Sequence[Outcome]:
        records, cut = BatchRecords(), None
        items = self._items_of(batch, records)
        try:
            async with asyncio.TaskGroup() as group:
                await self._begin(batch.caller.account, items, group)
                await records.complete()
                group.create_task(self._close_made(items))  # beside the items that wait outside: a cut ends them all
        except asyncio.CancelledError:
            cut = batch.why_cut()
            await self._close_made(items)  # what they did is done
        outcomes = [self._outcome_of(item) for item in items]
        if cut in UNHEARD:
            raise CUTS[cut]()
        return outcomes

    def _items_of(self, batch: Call, records: BatchRecords) -> list[_Item]:
        rpc = self._single[batch.rpc.name]
        items = []
        for index, request in enumerate(items_of(batch.request)):
            call = Call(rpc, request, batch.evidence, batch.request_id, batch.received_at)
            call.principal, call.started, call.why_cut = batch.principal, batch.started, batch.why_cut
            call.item = place = records.item(index)
            items.append(_Item(call, place))
        return items

    async def _begin(self, account: str, items: Sequence[_Item], group: asyncio.TaskGroup) -> None:
        """Return when every item has begun, or is refused."""
        beginning = self._turns.enter(account)
        begun = 0
        try:
            while begun < len(items):
                await self._turns.turn(beginning)
                self._walk_turn(items[begun : begun + ITEMS_PER_TURN], group)
                begun += ITEMS_PER_TURN
        except ThrottlingException as refusal:
            for item in items[begun:]:
                group.create_task(self._refuse_item(item, refusal))
        finally:
            self._turns.leave(beginning)

    def _walk_turn(self, items: Sequence[_Item], group: asyncio.TaskGroup) -> None:
        turn = self._new_turn()
        with self._entrance.one_turn():
            for item in items:
                item.place.turn = turn
                walk_in_one_go(self._walk_item(item), group)
        for item in items:
            item.place.turn = None  # from now on anything may have changed

    async def _walk_item(self, item: _Item) -> None:
        try:
            item.outcome = await self._entrance.walk_item(item.call)
        except KmsError as error:
            item.outcome = error.without_frames()
        except Exception as fault:
            self._events.report_fault(fault, during=item.call.rpc.name)
            item.outcome = KMSInternalException(reason=type(fault).__name__)
        if item.place.has_left:
            await self._close_made([item])
        item.place.leave()

    async def _refuse_item(self, item: _Item, refusal: KmsError) -> None:
        item.outcome = refusal
        item.place.leave()
        await self._entrance.refuse(item.call, refusal)

    async def _close_made(self, items: Sequence[_Item]) -> None:
        """Give the records that are made to the log; return once they are durable."""
        made = []
        for item in items:
            if item.place.record is not None:
                made.append((item, item.place.record))
                item.place.record = None
        fault = await self._close([(item.call, record) for item, record in made]) if made else None
        for item, _ in made:
            item.outcome = fault or item.outcome

    def _outcome_of(self, item: _Item) -> Outcome:
        """Its outcome; of one that was cut before it began, that it was."""
        if item.outcome is None:
            item.outcome = CUTS[item.call.why_cut()]()
            self._entrance.tell(item.call, item.outcome)
        return item.outcome
