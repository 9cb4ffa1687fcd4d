"""All of a Region's processes under one parent: whether they are well, and what they count, as if they were one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.log import structlog
from meridian.parent.merged_metrics import MergedMetrics, Shown
from meridian.parent.one_process import OneProcess
from meridian.parent.private_admin import OK, Said, ask
from meridian.transport.metrics_text import KEPT_SECONDS, written

LOOK_SECONDS: Final = 0.5
SILENT_SECONDS: Final = 30.0
"""A process that has not answered for so long has its part of the callers wait for nothing: it is killed, and started again."""
KILL_SECONDS: Final = 5.0
"""A process that has not ended so long after all its time is killed."""


class AllProcesses:
    """Built of processes that `run` starts."""

    def __init__(self, processes: Sequence[OneProcess]) -> None:
        self._processes = processes
        self._unready = {each.name: "starts" for each in processes}
        self._dead = {each.name: "" for each in processes}
        self._heard_at: dict[str, float] = {}
        """By the loop's clock: when each answered last, or was not expected to."""
        self._is_stopping = False
        self._merged = MergedMetrics()
        self._text, self._until = b"", 0.0
        self._one_at_a_time = asyncio.Lock()
        self._log = structlog.get_logger("meridian.parent")

    async def have_tried(self) -> bool:
        """Wait until each has once become ready or failed to; whether one is ready."""
        await asyncio.gather(*[each.tried.wait() for each in self._processes])
        return not all(each.first_fault for each in self._processes)

    def first_faults(self) -> list[str]:
        """Why first starts led to nothing, a line each, with the names of the processes."""
        return [f"{each.name}: {each.first_fault}" for each in self._processes if each.first_fault]

    def troubles(self) -> list[str]:
        """Why no call would work now; none where one process is ready."""
        if self._is_stopping:
            return ["stopping"]
        return self._all_of(self._unready)

    def deaths(self) -> list[str]:
        """Why none will until all are started again: no process that is there is alive."""
        return self._all_of(self._dead)

    async def look(self) -> None:
        """See how each is, as long as they serve."""
        while True:
            await self.look_now()
            await asyncio.sleep(LOOK_SECONDS)

    async def look_now(self) -> None:
        """See how each is."""
        await asyncio.gather(*[self._look_at(each) for each in self._processes])

    async def read(self) -> bytes:
        """The metrics of all, at most a second old."""
        async with self._one_at_a_time:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._until:
                answers = await asyncio.gather(*[self._shown(each) for each in self._processes])
                shown = {each.name: answer for each, answer in zip(self._processes, answers, strict=True) if answer is not None}
                self._text = await asyncio.to_thread(self._written, shown)
                self._until = loop.time() + KEPT_SECONDS
            return self._text

    def send(self, number: signal.Signals) -> None:
        """Give each that serves a signal."""
        for each in self._processes:
            if each.says_ready:
                each.send(number)

    def stop(self) -> None:
        """Ask each to end."""
        self._is_stopping = True
        for each in self._processes:
            each.stop()

    def kill(self) -> None:
        """End what has not ended."""
        for each in self._processes:
            each.send(signal.SIGKILL)

    def _all_of(self, told: dict[str, str]) -> list[str]:
        return [f"{name}: {why}" for name, why in told.items()] if all(told.values()) else []

    async def _look_at(self, process: OneProcess) -> None:
        now, start = asyncio.get_running_loop().time(), process.starts
        if process.why_not:
            self._unready[process.name] = self._dead[process.name] = process.why_not
            self._heard_at[process.name] = now
            return
        try:
            live, ready = await asyncio.gather(ask(process.admin, "/livez"), ask(process.admin, "/readyz"))
        except OSError as fault:
            self._unready[process.name] = self._dead[process.name] = f"does not answer: {fault.strerror or type(fault).__name__}"
            if now - self._heard_at.get(process.name, now) > SILENT_SECONDS and process.starts == start and not self._is_stopping:
                self._log.error("a process does not answer, and is killed", process=process.name)
                process.send(signal.SIGKILL)
            return
        self._heard_at[process.name] = now
        self._unready[process.name], self._dead[process.name] = _why(ready), _why(live)

    async def _shown(self, process: OneProcess) -> Shown | None:
        start = process.starts
        if process.why_not:
            return None
        try:
            said = await ask(process.admin, "/metrics")
        except OSError:
            return None  # what it counted last stays in the sums, and `look` tells that it does not answer
        return Shown(start, said.text) if said.status == OK and process.starts == start else None

    def _written(self, shown: dict[str, Shown]) -> bytes:
        return written([*self._merged.of(shown), *self.own()])

    def own(self) -> list[Metric]:
        """What the parent counts itself."""
        counts = GaugeMetricFamily("meridian_processes", "Processes of the Region under this parent.", labels=["state"])
        counts.add_metric(["wanted"], len(self._processes))
        counts.add_metric(["ready"], sum(1 for why in self._unready.values() if not why))
        starts = CounterMetricFamily("meridian_process_starts", "Starts of processes, the first of each among them.")
        starts.add_metric([], sum(each.starts for each in self._processes))
        return [counts, starts]


def _why(said: Said) -> str:
    return "" if said.status == OK else "; ".join(said.text.splitlines()) or f"status {said.status}"
