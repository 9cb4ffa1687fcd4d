"""Work by time, and the one place where background tasks are born.

A job is a round that is walked again and again. What a round may raise is told apart: a `KmsError` says that something the Region
needs is away (the job is late, and says so); every other exception is a fault that no code foresaw (it is reported with its place,
and the round is tried again with growing pauses). A job that is late past its bound makes the Region unready; a fault that lasts as
long ends it, with the reason. A task that ends unasked ends the Region at once.

Nothing here knows what a job does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvents

URGENT_SECONDS: Final = 30.0
"""Bound of what everything else relies on: the change feed, the shipping of audit records."""
PATIENT_SECONDS: Final = 300.0
"""Bound of every other job."""
PAUSE_SECONDS_MAX: Final = 30.0
WATCH_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 0.05
"""Between two moments at which waits end."""
LIVE_SECONDS: Final = 30.0
"""A supervisor that has looked at nothing for so long is dead, whatever else still answers."""


class Wake:
    """Asks for a round now instead of at its time."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: asyncio.Future[None] | None = None

    def __call__(self) -> None:
        self._is_set = True
        self._end_wait()

    def is_set(self) -> bool:
        """Whether somebody asked since the last round began."""
        return self._is_set

    def clear(self) -> None:
        """A round begins: what asked for it is served by it."""
        self._is_set = False

    async def wait(self, seconds: float) -> None:
        """Return when somebody asks, or after so many seconds. For one job alone."""
        if self._is_set:
            return
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_at(end_of_wait(loop.time(), seconds), self._end_wait)
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _end_wait(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def end_of_wait(now: float, seconds: float) -> float:
    """When a wait of so many seconds ends, rather a little too early than too late: waits end at moments that they have in common, so that
    a process that does nothing else wakes once for all of them. Shorter ones end at their own."""
    until = now + seconds
    return until - until % BEAT_SECONDS if seconds >= BEAT_SECONDS else until


class Pause(Protocol):
    """Waits between rounds; a test with its own clock passes its own."""

    async def __call__(self, wake: Wake, seconds: float) -> None: ...


async def wait_for_real(wake: Wake, seconds: float) -> None:
    """The `Pause` of a Region that runs."""
    await wake.wait(seconds)


@dataclass(frozen=True, slots=True)
class Job:
    """A round, how often it is walked, and how long it may fail.

    `once` answers whether there is more to do at once. `bound_seconds` is measured from the end of the last good round, so a round
    that hangs is late too.
    """

    name: str
    once: Callable[[], Awaitable[bool | None]]
    every_seconds: float
    bound_seconds: float
    wake: Wake = field(default_factory=Wake)


class Standing:
    """How a job fares; the supervisor alone changes it."""

    __slots__ = ("fault", "faults", "good_at", "in_a_row", "job", "reason", "rounds")

    def __init__(self, job: Job, now: float) -> None:
        self.job = job
        self.good_at = now
        self.rounds = 0
        self.faults = 0
        self.in_a_row = 0
        self.reason = ""
        """Why the last round failed; empty after a good one."""
        self.fault = False
        """Whether the last round failed by a fault that no code foresaw."""

    def is_late(self, now: float) -> bool:
        """Whether the last good round is longer ago than the job's bound allows."""
        return now - self.good_at > self.job.bound_seconds + self.job.every_seconds


class Supervisor:
    """Runs jobs and servers. `ended` returns the reason once the Region cannot go on; `troubles` says what keeps it from being ready."""

    def __init__(self, *, clock: Clock, events: SecurityEvents, pause: Pause) -> None:
        self._clock = clock
        self._events = events
        self._pause = pause
        self._standings: dict[str, Standing] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._to_the_end: set[str] = set()
        """Names of tasks that `stop` leaves alone."""
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self._looked_at = clock.monotonic()
        self._log = structlog.get_logger("meridian.supervisor")

    def run(self, job: Job) -> None:
        """Walk this job's rounds until the end. Raises: ValueError for a second job of one name."""
        if job.name in self._standings:
            raise ValueError(f"two jobs are called {job.name}")
        standing = self._standings[job.name] = Standing(job, self._clock.monotonic())
        self.serve(job.name, self._walk(standing))

    def serve(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run what must not end by itself. Raises: ValueError for a second task of one name."""
        if name in self._tasks:
            work.close()
            raise ValueError(f"two tasks are called {name}")
        task = self._tasks[name] = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._note_end)

    def serve_to_the_end(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """The same for what goes on while everything else is stopped; whoever began it ends it."""
        self.serve(name, work)
        self._to_the_end.add(name)

    async def watch(self) -> None:
        """Look every second whether a fault has lasted for its bound."""
        wake = Wake()
        while True:
            await self._pause(wake, WATCH_SECONDS)
            self.look()

    def look(self) -> None:
        """End the Region where a fault has lasted for its job's bound."""
        now = self._looked_at = self._clock.monotonic()
        for standing in self._standings.values():
            if standing.fault and standing.is_late(now):
                self._end(f"{standing.job.name} has failed for {standing.job.bound_seconds:g} s: {standing.reason}")

    def troubles(self) -> list[str]:
        """A line for each job that is late past its bound, and for an end that has come."""
        now = self._clock.monotonic()
        late = [s for s in self._standings.values() if s.is_late(now)]
        lines = [f"{s.job.name}: no good round for {now - s.good_at:.0f} s{f' ({s.reason})' if s.reason else ''}" for s in late]
        return [*lines, *([f"ending: {self._ended.result()}"] if self._ended.done() else [])]

    def deaths(self) -> list[str]:
        """Why this process does nothing by itself any more: an end that has come, or nobody who looks for one."""
        if self._ended.done():
            return [f"ending: {self._ended.result()}"]
        silent = self._clock.monotonic() - self._looked_at
        return [f"supervisor: has not looked for {silent:.0f} s"] if silent > LIVE_SECONDS else []

    async def ended(self) -> str:
        """Wait until the Region cannot go on; the answer is the reason."""
        return await asyncio.shield(self._ended)

    def begin_stop(self) -> None:
        """From now on a task may end."""
        self._stopping = True

    async def stop(self, seconds: float) -> None:
        """Cancel everything and wait for it, so many seconds at most; what is still running then is named in the log."""
        self.begin_stop()
        tasks = [task for name, task in self._tasks.items() if name not in self._to_the_end]
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                self._log.error("task does not end", task=task.get_name())

    async def _walk(self, standing: Standing) -> None:
        job = standing.job
        while True:
            job.wake.clear()
            more = await self._round(standing)
            if not more:
                await self._pause(job.wake, self._seconds_until_next(standing))

    async def _round(self, standing: Standing) -> bool:
        job = standing.job
        standing.rounds += 1
        try:
            more = bool(await job.once())
        except KmsError as away:
            self._note_failure(standing, f"{away.code} {away.reason}".strip(), fault=False)
            return False
        except Exception as fault:
            self._events.report_fault(fault, during=job.name)
            standing.faults += 1
            self._note_failure(standing, type(fault).__name__, fault=True)
            return False
        if standing.reason:
            self._log.info("job goes on", job=job.name, failed_rounds=standing.in_a_row)
        standing.good_at, standing.in_a_row, standing.reason, standing.fault = self._clock.monotonic(), 0, "", False
        return more

    def _note_failure(self, standing: Standing, reason: str, *, fault: bool) -> None:
        if not standing.reason:
            self._log.warning("job fails", job=standing.job.name, reason=reason)
        standing.in_a_row += 1
        standing.reason, standing.fault = reason, fault

    def _seconds_until_next(self, standing: Standing) -> float:
        every = standing.job.every_seconds
        if not standing.fault:
            return every
        return max(every, min(PAUSE_SECONDS_MAX, standing.job.bound_seconds / 4, every * 2.0 ** min(standing.in_a_row, 16)))

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        if self._stopping or task.cancelled():
            return
        fault = task.exception()
        if fault is not None:
            self._events.report_fault(fault, during=task.get_name())
        self._end(f"{task.get_name()} ended{f' by {type(fault).__name__}' if fault is not None else ''}")

    def _end(self, reason: str) -> None:
        if not self._ended.done():
            self._log.critical("ends", reason=reason)
            self._ended.set_result(reason)

    def collect(self) -> Iterator[Metric]:
        """Rounds, faults and the age of the last good round, by job; for Prometheus."""
        rounds = CounterMetricFamily("meridian_job_rounds", "Rounds of background jobs.", labels=["job"])
        faults = CounterMetricFamily("meridian_job_faults", "Rounds that ended by a fault no code foresaw.", labels=["job"])
        age = GaugeMetricFamily("meridian_job_age_seconds", "Seconds since the last good round.", labels=["job"])
        now = self._clock.monotonic()
        for name, standing in list(self._standings.items()):
            rounds.add_metric([name], standing.rounds)
            faults.add_metric([name], standing.faults)
            age.add_metric([name], now - standing.good_at)
        yield from (rounds, faults, age)
