"""When the items of batches begin. In each turn of the event loop a few do, of one batch, so that no batch holds it up; accounts have their
turns one after the other, and so have the batches of an account.

Batches whose items have not all begun are bounded: beyond, the newest of the account with the most is refused what has not begun.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from meridian.domain.gates import RETRY_SECONDS
from meridian.errors import ThrottlingException

ITEMS_PER_TURN: Final = 16
"""A millisecond of work with symmetric keys where they ask for the same, and two where each asks for something else."""
BATCHES_MAX: Final = 64
"""Batches whose items have not all begun: 16 MiB of requests."""


@dataclass(slots=True, eq=False)
class Beginning:
    """A batch whose items have not all begun."""

    account: str
    waits: asyncio.Future[None] | None = None
    is_refused: bool = False


class BatchTurns:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, deque[Beginning]] = OrderedDict()
        """Batches by account; of each, the next one first."""
        self._count = 0
        self._is_due = False

    def enter(self, account: str) -> Beginning:
        """A batch has come; where there are too many now, one of them is refused."""
        batch = Beginning(account)
        self._accounts.setdefault(account, deque()).append(batch)
        self._count += 1
        if self._count > BATCHES_MAX:
            self._refuse_newest(account)
        return batch

    async def turn(self, batch: Beginning) -> None:
        """Return when the next few items of the batch may begin. Raises: ThrottlingException where it is refused."""
        if not batch.is_refused:
            batch.waits = asyncio.get_running_loop().create_future()
            self._call_next()
            await batch.waits
            batch.waits = None
        if batch.is_refused:
            raise ThrottlingException(retry_after_seconds=RETRY_SECONDS)

    def leave(self, batch: Beginning) -> None:
        """All of its items have begun, or none will any more."""
        batches = self._accounts.get(batch.account)
        if batches is None or batch not in batches:
            return
        batches.remove(batch)
        self._count -= 1
        if not batches:
            del self._accounts[batch.account]

    def _refuse_newest(self, account: str) -> None:
        most = max(map(len, self._accounts.values()))
        greedy = account if len(self._accounts[account]) == most else next(a for a, b in self._accounts.items() if len(b) == most)
        batch = self._accounts[greedy][-1]
        self.leave(batch)
        batch.is_refused = True
        _wake(batch)

    def _call_next(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._give_turn)

    def _give_turn(self) -> None:
        self._is_due = False
        for account, batches in self._accounts.items():
            batch = next((each for each in batches if each.waits is not None and not each.waits.done()), None)
            if batch is None:
                continue
            _wake(batch)
            batches.remove(batch)
            batches.append(batch)
            self._accounts.move_to_end(account)
            self._call_next()
            return


def _wake(batch: Beginning) -> None:
    if batch.waits is not None and not batch.waits.done():
        batch.waits.set_result(None)
