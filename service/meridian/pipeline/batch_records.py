"""The records of one batch are given to the audit log together, so that its items wait for one sync.

Nothing is left to do for an item whose record is made. What asks a key store outside the Region leaves: nobody waits for it.
"""

from __future__ import annotations

import asyncio

from meridian.audit.record import Record
from meridian.call import Call
from meridian.pipeline.alike import Turn


class BatchRecords:
    """The items of one batch whose records are awaited. Belongs to one event loop."""

    def __init__(self) -> None:
        self._expected: set[GatheredItem] = set()
        self._complete: asyncio.Future[None] | None = None

    def item(self, index: int) -> GatheredItem:
        """The next item; all are there before the first has begun."""
        made = GatheredItem(self, index)
        self._expected.add(made)
        return made

    def leave(self, item: GatheredItem) -> None:
        """Nobody waits for this one any more; leaving twice is leaving once."""
        self._expected.discard(item)
        if not self._expected and self._complete is not None and not self._complete.done():
            self._complete.set_result(None)

    async def complete(self) -> None:
        """Return when nobody is waited for any more."""
        if self._expected:
            self._complete = asyncio.get_running_loop().create_future()
            await self._complete


class GatheredItem:
    """Implements `call.BatchItem`. `record` is what it has kept, until somebody gives it to the log; `turn` its turn of the event
    loop, None once that is over."""

    __slots__ = ("_records", "has_left", "index", "record", "turn")

    def __init__(self, records: BatchRecords, index: int) -> None:
        self._records = records
        self.index = index
        self.record: Record | None = None
        self.has_left = False
        self.turn: Turn | None = None

    def takes_over(self, call: Call) -> bool:
        return self.turn is not None and self.turn.takes_over(call)

    def decided(self, call: Call) -> None:
        if self.turn is not None:
            self.turn.keep(call)

    async def apart(self) -> None:
        try:
            await asyncio.sleep(0)  # `walk_in_one_go` makes a task of what is left
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None:
                current.cancel()  # once more: what the call is about to wait for sees to its own end

    def leave(self) -> None:
        self.has_left = True
        self._records.leave(self)

    def keep(self, record: Record) -> None:
        self.record = record
        self._records.leave(self)
