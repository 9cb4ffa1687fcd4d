"""What the operator has said about other Regions, carried out set by set.

Whatever cannot be done now, because a Region does not answer or a set does not allow it, is tried again at the next look.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final, NamedTuple

from meridian.domain.multi_region import MemberStatus, OperatorWord, RowStatus, SetRow
from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import STILL_SECONDS_MAX, Store
from meridian.replication.recover_sets import MendSets
from meridian.replication.sets.state import SetRefusal
from meridian.replication.silent_regions import Silence
from meridian.workers.periodic import PATIENT_SECONDS, Job
from meridian.workers.set_aside import SetAside, UnreadableRowError
from meridian.workers.unless_still import UnlessStill, rests_where

LOOK_SECONDS: Final = 1.0
ROWS_PER_READING: Final = 500
SETS_AT_ONCE: Final = 16
"""Sets that are mended at the same time: each waits for answers, and a third of what another Region answers at once is left to deliveries
and comparisons."""
ROUND_SECONDS: Final = 20.0
"""Of mending sets: what is not begun by then is done in the next round."""
START: Final = ("", "")


class Turn(NamedTuple):
    """One round of mending."""

    silence: Silence
    ends_at: float
    """Monotonic seconds; no set is begun later."""


class Walked(NamedTuple):
    """How far a round came with some sets."""

    is_whole: bool
    """Whether each was tried."""
    is_done: bool
    """Whether each is mended."""


class MembershipWorker:
    """One per process. Two processes of a Region that mend one set do it once: the row's version decides."""

    def __init__(
        self, *, store: Store, mend: MendSets, region: str, wake_outbox: Callable[[], None], aside: SetAside, clock: Clock
    ) -> None:
        self._aside = aside
        self._clock = clock
        self._left_at: dict[str, tuple[str, str]] = {}
        """The last set that a round began with where its time was over, by what it did; at most one for each word and Region."""
        self._store = store
        self._mend = mend
        self._region = region
        self._wake_outbox = wake_outbox
        self._is_settled = False
        """Whether the last round found nothing that waits for another Region."""
        self._log = structlog.get_logger("meridian.membership")

    def job(self) -> Job:
        """Every second; where nothing is left to do, when something was said or changed."""
        look = UnlessStill(self.settle, self._store, self._clock, rests_where(lambda: self._is_settled, STILL_SECONDS_MAX))
        return Job("membership", look, LOOK_SECONDS, PATIENT_SECONDS)

    async def settle(self) -> bool:
        """Carry out what was said and not yet done; true where time was over before every set was tried.

        What waits for a silent or a slow Region keeps nothing else waiting; all of it waits once. Raises: KmsError if the store fails.
        """
        async with self._store.reading() as uow:
            words = await uow.operator_words.said()
        turn = Turn(Silence(self._clock), self._clock.monotonic() + ROUND_SECONDS)
        unsettled = await self._rows(unsettled=True)
        stale = [row for row in unsettled if row.stale]
        lost = [row for row in unsettled if not row.stale and row.lost & words[OperatorWord.TAKE_OVER]]
        self._is_settled = not (unsettled or any(words.values()))
        is_whole = (await self._each(stale, "reconcile", self._mend.reconcile, turn)).is_whole
        is_whole = (await self._each(lost, "take over", self._mend.take_over, turn)).is_whole and is_whole
        for word, wanted in ((OperatorWord.DETACH, self._mend.detach), (OperatorWord.TAKE_BACK, self._mend.take_back)):
            for region in words[word]:
                is_whole = await self._walk(word, region, wanted, turn) and is_whole
        for region in words[OperatorWord.TAKE_OVER]:
            if not any(region in row.lost for row in await self._rows(unsettled=True) if row.status is RowStatus.LIVE):
                await self._done(OperatorWord.TAKE_OVER, region)
        return not is_whole

    async def _walk(self, word: OperatorWord, region: str, mend: Callable[[SetRow, str, Silence], Awaitable[None]], turn: Turn) -> bool:
        """Whether every set that this word is about was tried."""
        rows = [row for row in await self._rows() if _is_meant(row, word, region, self._region)]
        walked = await self._each(rows, f"{word} {region}", lambda row, silence: mend(row, region, silence), turn)
        if walked.is_done:
            await self._done(word, region)
        return walked.is_whole

    async def _each(self, rows: Collection[SetRow], what: str, mend: Callable[[SetRow, Silence], Awaitable[None]], turn: Turn) -> Walked:
        """Mend these sets, some at a time, from where the last round ended."""
        after = self._left_at.pop(what, START)
        waiting = deque(sorted(rows, key=lambda row: (_name(row) <= after, _name(row))))
        tried: list[bool] = []

        async def walk() -> None:
            while waiting and self._clock.monotonic() < turn.ends_at:
                row = waiting.popleft()
                self._left_at[what] = _name(row)
                tried.append(await self._try(mend(row, turn.silence), row, what))

        await asyncio.gather(*[walk() for _ in range(SETS_AT_ONCE)])
        if not waiting:
            self._left_at.pop(what, None)
        return Walked(is_whole=not waiting, is_done=not waiting and all(tried))

    async def _done(self, word: OperatorWord, region: str) -> None:
        async with self._store.transaction() as uow:
            await uow.operator_words.unsay(word, region)
        self._log.info("done", word=word, region=region)

    async def _rows(self, *, unsettled: bool = False) -> Collection[SetRow]:
        found: list[SetRow] = []
        after = ("", "")
        while True:
            async with self._store.reading() as uow:
                page = await uow.key_sets.list_members(after=after, limit=ROWS_PER_READING, unsettled=unsettled)
            found.extend(page.rows)
            for account, key_id, fault in page.unreadable:
                self._aside.set_aside_once((account, key_id), UnreadableRowError(fault))
            if page.next is None:
                return found
            after = page.next

    async def _try(self, mending: Awaitable[None], row: SetRow, what: str) -> bool:
        try:
            await mending
        except (SetRefusal, VersionConflict, KmsError) as fault:
            reason = f"{fault.code}: {fault.message} {fault.reason}" if isinstance(fault, KmsError) else str(fault)
            self._log.warning("set not mended", what=what, account=row.account, key_id=row.key_id, reason=reason)
            return False
        except Exception as fault:
            self._aside.set_aside_once(_name(row), fault)
            return False
        self._wake_outbox()
        return True


def _name(row: SetRow) -> tuple[str, str]:
    return row.account, row.key_id


def _is_meant(row: SetRow, word: OperatorWord, region: str, own: str) -> bool:
    """Whether the word about this Region asks something of this set here."""
    member = row.view.find_member(region) if row.view is not None and row.acts_as_primary(own) else None
    if member is None:
        return False
    return (member.status is MemberStatus.OFF) == (word is OperatorWord.TAKE_BACK)
