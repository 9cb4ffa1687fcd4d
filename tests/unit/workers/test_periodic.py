"""A job that fails is told, tried again, and ends the Region only when its fault has lasted; time is the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.stepped_clock import SteppedClock

from meridian.errors import KMSInternalException
from meridian.ports.security_events import SecurityEvent
from meridian.workers.periodic import BEAT_SECONDS, Job, Supervisor, Wake, end_of_wait, wait_for_real
from meridian.workers.set_aside import SetAside


class Events:
    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        raise AssertionError("no other event is expected")

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.faults.append((type(fault).__name__, during))


class Stage:
    """A supervisor whose pauses end at once and move the time by what was asked for; it stops after `until` seconds."""

    def __init__(self, until: float) -> None:
        self.time, self.events, self.until = SteppedClock(), Events(), until
        self.pauses: list[float] = []
        self.supervisor = Supervisor(clock=self.time, events=self.events, pause=self.pause)

    async def pause(self, wake: Wake, seconds: float) -> None:
        if self.time.seconds >= self.until:
            await asyncio.Event().wait()
        self.pauses.append(seconds)
        self.time.seconds += seconds
        self.supervisor.look()
        await asyncio.sleep(0)

    async def settle(self, rounds: int = 200) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)


def job(once: Callable[[], Awaitable[bool | None]], bound: float = 30.0) -> Job:
    return Job("deletions", once, 1.0, bound)


def run(until: float, once: Callable[[], Awaitable[bool | None]], bound: float = 30.0) -> tuple[Stage, list[str], str | None]:
    async def main() -> tuple[Stage, list[str], str | None]:
        stage = Stage(until)
        stage.supervisor.run(job(once, bound))
        await stage.settle()
        troubles = stage.supervisor.troubles()
        try:
            reason = await asyncio.wait_for(stage.supervisor.ended(), 0.01)
        except TimeoutError:
            reason = None
        await stage.supervisor.stop(1)
        return stage, troubles, reason

    return asyncio.run(main())


def test_a_fault_is_reported_and_the_next_round_comes() -> None:
    rounds = 0

    async def once() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise ValueError("a spec that nobody knows")

    stage, troubles, reason = run(10, once)
    assert rounds > 5
    assert stage.events.faults == [("ValueError", "deletions")]
    assert troubles == []
    assert reason is None


def test_a_fault_that_lasts_makes_the_region_unready_and_ends_it_with_its_reason() -> None:
    async def once() -> None:
        raise ValueError("for ever")

    stage, troubles, reason = run(100, once)
    assert reason == "deletions has failed for 30 s: ValueError"
    assert "deletions: no good round for" in troubles[0]
    assert troubles[-1] == f"ending: {reason}"
    assert len(stage.events.faults) < 40, "rounds are tried again with growing pauses"
    assert max(stage.pauses) <= 30 / 4


def test_a_database_that_is_away_makes_the_region_unready_and_does_not_end_it() -> None:
    async def once() -> None:
        raise KMSInternalException(reason="the database does not answer")

    stage, troubles, reason = run(100, once)
    assert reason is None
    assert stage.events.faults == []
    assert "the database does not answer" in troubles[0]


def test_a_round_that_hangs_is_late() -> None:
    async def main() -> list[str]:
        stage = Stage(1000)

        async def once() -> None:
            await asyncio.Event().wait()

        stage.supervisor.run(job(once))
        await stage.settle(5)
        assert stage.supervisor.troubles() == []
        stage.time.seconds = 32
        troubles = stage.supervisor.troubles()
        await stage.supervisor.stop(1)
        return troubles

    assert asyncio.run(main()) == ["deletions: no good round for 32 s"]


@pytest.mark.parametrize("raises", [False, True])
def test_a_task_that_ends_unasked_ends_the_region(raises: bool) -> None:
    async def server() -> None:
        if raises:
            raise OSError("gone")

    async def main() -> tuple[str, list[tuple[str, str]]]:
        stage = Stage(1000)
        stage.supervisor.serve("aws wire", server())
        reason = await asyncio.wait_for(stage.supervisor.ended(), 1)
        return reason, stage.events.faults

    reason, faults = asyncio.run(main())
    assert reason == ("aws wire ended by OSError" if raises else "aws wire ended")
    assert faults == ([("OSError", "aws wire")] if raises else [])


def test_work_that_is_left_is_walked_without_a_pause_and_a_wake_is_never_lost() -> None:
    left = [True, True, False]
    seen: list[float] = []

    async def main() -> None:
        stage = Stage(2)
        wake = Wake()

        async def once() -> bool:
            seen.append(stage.time.seconds)
            if len(seen) == 1:
                wake()
            return left.pop(0) if left else False

        stage.supervisor.run(Job("outbox", once, 1.0, 30.0, wake))
        await stage.settle(20)
        await stage.supervisor.stop(1)

    asyncio.run(main())
    assert seen[:4] == [0.0, 0.0, 0.0, 1.0]


def test_two_jobs_of_one_name_are_refused() -> None:
    async def main() -> None:
        stage = Stage(0)

        async def once() -> None: ...

        stage.supervisor.run(job(once))
        with pytest.raises(ValueError, match="deletions"):
            stage.supervisor.run(job(once))
        await stage.supervisor.stop(1)

    asyncio.run(main())


def test_a_poisoned_row_waits_longer_each_time_and_is_named() -> None:
    time, events = SteppedClock(), Events()
    aside = SetAside("deletions", clock=time, events=events)
    waits = []
    for _ in range(12):
        aside.set_aside(("111122223333", "key-1"), ValueError("secret"))
        began = time.seconds
        while aside.is_waiting(("111122223333", "key-1")):
            time.seconds += 0.5
        waits.append(time.seconds - began)
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(waits) == 300.0
    assert events.faults[0] == ("ValueError", "deletions ('111122223333', 'key-1')")
    assert not aside.is_waiting(("111122223333", "key-2"))
    aside.release(("111122223333", "key-1"))
    assert len(aside) == 0


def test_a_supervisor_that_looks_no_more_is_dead_and_one_that_looks_is_not() -> None:
    async def run() -> None:
        stage = Stage(until=1000.0)
        stage.time.seconds = 29.0
        assert stage.supervisor.deaths() == []
        stage.time.seconds = 31.0
        assert stage.supervisor.deaths() == ["supervisor: has not looked for 31 s"]
        stage.supervisor.look()
        assert stage.supervisor.deaths() == []

    asyncio.run(run())


@pytest.mark.parametrize("seconds", [BEAT_SECONDS, 0.2, 0.25, 1.0, 5.0, 3600.0])
def test_waits_end_at_moments_that_they_have_in_common_and_never_late(seconds: float) -> None:
    for moment in range(1000):
        now = 86_400.0 + moment * 0.00137
        until = end_of_wait(now, seconds)
        assert now + seconds - BEAT_SECONDS <= until <= now + seconds
        assert abs(until / BEAT_SECONDS - round(until / BEAT_SECONDS)) < 1e-6
    # Who began a little after the moment at which the wait before ended waits whole times from then on.
    assert end_of_wait(100.0 + 0.001, seconds) == pytest.approx(100.0 + seconds)


def test_a_short_wait_ends_at_its_own_moment() -> None:
    assert end_of_wait(100.001, BEAT_SECONDS / 2) == 100.001 + BEAT_SECONDS / 2


def test_a_wait_ends_by_time_by_a_word_and_with_whoever_waits() -> None:
    async def story() -> None:
        loop, wake = asyncio.get_running_loop(), Wake()
        await wait_for_real(wake, 0.01)
        assert not wake.is_set(), "nobody asked"
        waiting = asyncio.ensure_future(wake.wait(3600.0))
        await asyncio.sleep(0)
        wake()
        wake()
        await asyncio.wait_for(waiting, 1.0)
        assert wake.is_set()
        await wake.wait(3600.0)  # asked for before it waits: at once
        wake.clear()
        left = asyncio.ensure_future(wake.wait(3600.0))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        assert all(timer.cancelled() for timer in loop._scheduled)  # type: ignore[attr-defined]  # what a loop shows nowhere else

    asyncio.run(story())
