"""Rounds of mending go on, whatever the word of one Region takes: here time passes only while everything waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from tests.reported_events import ReportedEvents

from meridian.domain.multi_region import OperatorWord, RowStatus, SetRow
from meridian.errors import DependencyTimeoutException
from meridian.replication.silent_regions import SLOW_ANSWER_SECONDS, SLOW_SECONDS_MAX, Question, Silence
from meridian.workers.operator_words import ROUND_SECONDS, SETS_AT_ONCE, MembershipWorker
from meridian.workers.periodic import PATIENT_SECONDS
from meridian.workers.set_aside import SetAside

SLOW = "ca-central-1"
OTHER = "eu-west-1"
SLOW_SECONDS = 3.7
"""Just under what a call to another Region waits for."""


class LoopOfIdleTime(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while there is work, and leaps to the next timer when there is none."""

    leap = 0.0

    def time(self) -> float:
        return self.leap

    def _run_once(self) -> None:
        own: Any = self
        if not own._ready and own._scheduled:
            self.leap = max(self.leap, own._scheduled[0].when())
        super()._run_once()  # type: ignore[misc]  # asyncio does not publish its turn


class LoopClock:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.monotonic: Callable[[], float] = loop.time


def run(steps: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    loop = LoopOfIdleTime()
    try:
        loop.run_until_complete(steps(LoopClock(loop)))
    finally:
        loop.close()


class Sets:
    """Stands for the store and for `MendSets`: a set is mended when the Region that it waits for has answered."""

    def __init__(self, clock: Any, waits_for: dict[str, str], seconds: dict[str, float]) -> None:
        self.clock, self.waits_for, self.seconds = clock, waits_for, seconds
        self.mended: dict[str, float] = {}
        self.together = self.most_together = 0
        self.asked: list[str] = []
        self.operator_words = self.key_sets = self

    @asynccontextmanager
    async def reading(self) -> Any:
        yield self

    async def said(self) -> dict[OperatorWord, frozenset[str]]:
        return {word: frozenset() for word in OperatorWord}

    async def list_members(self, *, after: Any, limit: int, unsettled: bool) -> Any:
        names = sorted(set(self.waits_for) - set(self.mended))
        rows = [SetRow(account="1", key_id=name, status=RowStatus.LIVE, serial="b", stale=True) for name in names]
        return SimpleNamespace(rows=rows, unreadable=(), next=None)

    async def reconcile(self, row: SetRow, silence: Silence) -> None:
        region = self.waits_for[row.key_id]
        silence.require_heard([region], Question.SET)
        self.asked.append(region)
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        try:
            await silence.note(region, Question.SET, asyncio.sleep(self.seconds[region]))
        finally:
            self.together -= 1
        self.mended[row.key_id] = self.clock.monotonic()

    async def take_over(self, row: SetRow, silence: Silence) -> None: ...
    async def detach(self, row: SetRow, region: str, silence: Silence) -> None: ...
    async def take_back(self, row: SetRow, region: str, silence: Silence) -> None: ...


def worker_of(sets: Any, clock: Any) -> MembershipWorker:
    aside = SetAside("sets", clock=clock, events=ReportedEvents())
    return MembershipWorker(store=sets, mend=sets, region="us-east-1", wake_outbox=lambda: None, aside=aside, clock=clock)


def test_many_sets_that_wait_for_a_slow_region_are_mended_in_rounds_that_end() -> None:
    async def steps(clock: Any) -> None:
        sets = Sets(clock, {f"{n:04}": SLOW for n in range(1000)}, {SLOW: SLOW_SECONDS})
        worker, rounds = worker_of(sets, clock), []
        while len(sets.mended) < 1000:
            began, before = clock.monotonic(), len(sets.mended)
            await worker.settle()
            rounds.append(clock.monotonic() - began)
            assert len(sets.mended) > before, "each round makes progress"
        assert max(rounds) < PATIENT_SECONDS / 10, "a Region whose rounds end is ready"
        assert clock.monotonic() < 1000 * SLOW_SECONDS / 10
        assert sets.most_together == SETS_AT_ONCE

    run(steps)


def test_sets_that_wait_for_a_slow_region_keep_no_other_set_waiting() -> None:
    async def steps(clock: Any) -> None:
        waits_for = {f"{n:04}": SLOW for n in range(1000)} | {f"z{n}": OTHER for n in range(100)}
        sets = Sets(clock, waits_for, {SLOW: SLOW_SECONDS, OTHER: 0.01})
        await worker_of(sets, clock).settle()
        assert max(at for name, at in sets.mended.items() if name.startswith("z")) < ROUND_SECONDS
        assert sum(name.startswith("z") for name in sets.mended) == 100

    run(steps)


def test_a_round_that_is_cut_short_is_gone_on_with_at_once_where_it_ended() -> None:
    async def steps(clock: Any) -> None:
        count = round(ROUND_SECONDS / SLOW_ANSWER_SECONDS) * SETS_AT_ONCE + 50
        sets = Sets(clock, {f"{n:04}": SLOW for n in range(count)}, {SLOW: SLOW_ANSWER_SECONDS})
        worker = worker_of(sets, clock)
        assert await worker.settle(), "there is more to do now"
        assert clock.monotonic() <= ROUND_SECONDS + SLOW_ANSWER_SECONDS
        sets.mended.clear()  # as if none could be mended
        await worker.settle()
        assert f"{count - 1:04}" in sets.mended, "the last set has its turn"
        assert not await worker_of(Sets(clock, {"1": OTHER}, {OTHER: 0.01}), clock).settle()

    run(steps)


@pytest.mark.parametrize("at_once", [1, SETS_AT_ONCE])
def test_slow_answers_are_waited_for_some_seconds_a_round(at_once: int) -> None:
    async def steps(clock: Any) -> None:
        silence = Silence(clock)
        for _ in range(round(SLOW_SECONDS_MAX / SLOW_SECONDS) + 1):
            silence.require_heard([SLOW], Question.SET)
            await asyncio.gather(*[silence.note(SLOW, Question.SET, asyncio.sleep(SLOW_SECONDS)) for _ in range(at_once)])
        for question in Question:
            with pytest.raises(DependencyTimeoutException):
                silence.require_heard([SLOW], question)
        silence.require_heard([OTHER], Question.SET)
        Silence(clock).require_heard([SLOW], Question.SET)

    run(steps)


def test_any_number_of_quick_answers_is_waited_for() -> None:
    async def steps(clock: Any) -> None:
        silence = Silence(clock)
        for _ in range(1000):
            await silence.note(OTHER, Question.SET, asyncio.sleep(SLOW_ANSWER_SECONDS / 2))
        silence.require_heard([OTHER], Question.SET)

    run(steps)
