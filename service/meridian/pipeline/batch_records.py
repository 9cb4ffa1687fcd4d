"""The records of one batch are given to the audit log together, so that its calls wait for one sync, or for two where the log was idle.

A call whose record is made waits for the others of its batch, and gives up its place meanwhile: nothing is left to do for it. What asks a
key store outside the Region leaves: nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class BatchRecords:
    """The calls of one batch whose records are awaited. Belongs to one event loop."""

    def __init__(self) -> None:
        self._expected: set[GatheredItem] = set()
        self._ready: dict[GatheredItem, asyncio.Future[None]] = {}

    def item(self, index: int) -> GatheredItem:
        """The next call; all are there before the first has begun."""
        made = GatheredItem(self, index)
        self._expected.add(made)
        return made

    def leave(self, item: GatheredItem) -> None:
        """Nobody waits for this one any more; leaving twice is leaving once."""
        if item in self._expected:
            self._expected.discard(item)
            self._ready.pop(item, None)
            self._go_if_all_are_ready()

    async def wait_for_others(self, item: GatheredItem) -> None:
        """Return when all that are expected are ready, or at once for one that has left."""
        if item not in self._expected:
            return
        go = self._ready[item] = asyncio.get_running_loop().create_future()
        self._go_if_all_are_ready()
        try:
            await (asyncio.sleep(0) if go.done() else go)  # the last one wakes the others, and goes with them
        except asyncio.CancelledError:
            self.leave(item)  # what it did is done: its record is written, and its answer stands

    def _go_if_all_are_ready(self) -> None:
        if not self._ready or len(self._ready) < len(self._expected):
            return
        ready, self._ready = self._ready, {}
        self._expected.clear()
        for go in ready.values():
            if not go.done():
                go.set_result(None)


class GatheredItem:
    """Implements `call.BatchItem`."""

    __slots__ = ("_leave_place", "_records", "index")

    def __init__(self, records: BatchRecords, index: int) -> None:
        self._records = records
        self._leave_place: Callable[[], None] | None = None
        self.index = index

    def when_done(self, leave_place: Callable[[], None]) -> None:
        self._leave_place = leave_place

    def leave(self) -> None:
        self._records.leave(self)

    def gathered(self) -> Awaitable[None]:
        if self._leave_place is not None:
            self._leave_place()
        return self._records.wait_for_others(self)
