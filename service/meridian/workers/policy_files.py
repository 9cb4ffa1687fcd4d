"""The Region's policy files, watched: a new set is read and checked as a whole before it counts, and the old one stays on any fault.

A folder that Kubernetes mounts from a ConfigMap changes by a switch of links; what the links lead to is what is looked at.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.authorization.authorizer import Authorizer
from meridian.authorization.evaluator import SchemaHandle
from meridian.authorization.explain import told_of
from meridian.authorization.policy_files import PolicySetError, PolicySource, load_policies
from meridian.domain.policy_answer import PolicySetTold
from meridian.errors import KmsError
from meridian.ports.clock import Clock

SWITCH_SECONDS: Final = 0.0005
RELEASED_AT_ONCE: Final = 500
RELEASE_PAUSE_SECONDS: Final = 0.005

Announce = Callable[[str, int], Awaitable[None]]
"""Writes digest and number of the policies to the audit log. Raises: KmsError, and then nothing changes."""


class PolicyFilesWorker:
    """Keeps the authorizer on what the files say. `changed` and `refused` count what came of changes."""

    def __init__(self, *, folder: Path, authorizer: Authorizer, clock: Clock, announce: Announce, seconds: float) -> None:
        self._folder = folder
        self._authorizer = authorizer
        self._schema = SchemaHandle(authorizer.model.text)
        self._clock = clock
        self._announce = announce
        self._seconds = seconds
        self._log = structlog.get_logger("meridian.policies")
        self._seen: tuple[tuple[str, int, int, int], ...] | None = None
        self._faults: tuple[str, ...] = ()
        self._refused_at: datetime | None = None
        self.loaded_at = clock.now()
        self.changed = self.refused = 0

    def describe(self) -> PolicySetTold:
        """The policies in force."""
        policies = tuple(told_of(policy) for policy in self._authorizer.policies)
        return PolicySetTold(self._authorizer.digest, self.loaded_at, policies, self._refused_at, self._faults)

    async def run(self) -> None:
        """Look at intervals, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            seen = _look(self._folder)
            if seen != self._seen and await self._take():
                self._seen = seen
            while self._authorizer.release(RELEASED_AT_ONCE):
                await asyncio.sleep(RELEASE_PAUSE_SECONDS)

    async def _take(self) -> bool:
        """Read the files and use them if they are sound; False where the audit log did not take the change, which is tried again."""
        try:
            source = await self._load()
        except (PolicySetError, OSError, ValueError) as fault:
            self._refuse(tuple(fault.faults) if isinstance(fault, PolicySetError) else (str(fault),))
            return True
        if source.digest != self._authorizer.digest:
            try:
                await self._announce(source.digest, len(source.policies))
            except KmsError:
                return False
            self._authorizer.use(source)
            self.loaded_at = self._clock.now()
            self.changed += 1
            self._log.info("policies changed", digest=source.digest, policies=len(source.policies))
        self._faults, self._refused_at = (), None
        return True

    async def _load(self) -> PolicySource:
        """Read and check in a thread. Raises: PolicySetError, OSError, ValueError.

        Meanwhile the collector rests: a look at half a million new values would stop every call for longer than anything else here; what
        stays is then kept out of its sight. And the interpreter changes hands often, since a call waits for it several times.
        """
        interval = sys.getswitchinterval()
        gc.disable()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            return await asyncio.to_thread(load_policies, self._folder, self._schema)
        finally:
            sys.setswitchinterval(interval)
            gc.freeze()
            gc.enable()

    def _refuse(self, faults: tuple[str, ...]) -> None:
        self.refused += 1
        self._refused_at = self._clock.now()
        if faults != self._faults:
            self._log.error("policies refused, the old ones stay in force", faults=list(faults), digest=self._authorizer.digest)
        self._faults = faults


class PolicySetMetrics:
    """The policy set for Prometheus: its digest, its age, and what came of changes."""

    def __init__(self, worker: PolicyFilesWorker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        told = self._worker.describe()
        info = GaugeMetricFamily("meridian_policy_set_info", "The live policy files.", labels=["digest"])
        info.add_metric([told.digest], 1)
        yield info
        age = (self._clock.now() - told.loaded_at).total_seconds()
        yield GaugeMetricFamily("meridian_policy_set_age_seconds", "Since when the live policies are in force.", value=age)
        refused = 0 if told.refused_at is None else 1
        yield GaugeMetricFamily("meridian_policy_set_refused", "1 while the files hold something that cannot be used.", value=refused)
        reloads = CounterMetricFamily("meridian_policy_reloads", "Changes of the policy files, by outcome.", labels=["outcome"])
        reloads.add_metric(["taken"], self._worker.changed)
        reloads.add_metric(["refused"], self._worker.refused)
        yield reloads


def _look(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What tells one state of the files from another, without reading them."""
    found = []
    for path in sorted(folder.glob("*.cedar")):
        try:
            stat = path.stat()
        except OSError:
            continue  # it went away while being looked at
        found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)
