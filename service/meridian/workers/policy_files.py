"""The Region's policy files, watched: a new set is read and checked as a whole before it counts, and the old one stays on any fault.

A folder that Kubernetes mounts from a ConfigMap changes by a switch of links; what the links lead to is what is looked at. Files that
are copied one by one are never taken half: a set counts only if nothing moved while it was read.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import told_of
from meridian.authorization.sets.policy_files import Fault, PolicySetError, PolicySource, PolicyTexts, read_texts, understand
from meridian.domain.fault_places import file_fault
from meridian.domain.policy_answer import PolicySetTold
from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvents
from meridian.short_turns import ShortTurns
from meridian.workers.periodic import PATIENT_SECONDS, Job

RELEASED_AT_ONCE: Final = 500
RELEASE_PAUSE_SECONDS: Final = 0.005
BREATH_SECONDS: Final = 0.002
"""A call hands the interpreter from thread to thread several times; each time it would wait for what is being read."""
SETTLE_SECONDS: Final = 0.25
"""How long changed files must lie still: an editor, or a copy of several files, is not done at its first write."""
OTHERS: Final = "policies of other accounts are refused"

Announce = Callable[[str, int], Awaitable[None]]
"""Writes digest and number of the policies to the audit log. Raises: KmsError, and then nothing changes."""

Look = tuple[tuple[str, int, int, int, int], ...]
"""Name, inode, size and the times of the last change of content and of rights, of each file."""


@dataclass(frozen=True, slots=True)
class PolicyFolder:
    """Where the files are, and how often they are looked at."""

    path: Path
    seconds: float


class PolicyFilesWorker:
    """Keeps the authorizer on what the files say. `changed` and `refused` count what came of changes."""

    def __init__(
        self,
        folder: PolicyFolder,
        *,
        authorizer: Authorizer,
        clock: Clock,
        announce: Announce,
        events: SecurityEvents,
        turns: ShortTurns,
    ) -> None:
        self._turns = turns
        self._events = events
        self._folder = folder.path
        self._authorizer = authorizer
        self._schema = authorizer.schema
        self._clock = clock
        self._announce = announce
        self._seconds = folder.seconds
        self._log = structlog.get_logger("meridian.policies")
        self._seen: Look | None = None
        self._faults: tuple[Fault, ...] = ()
        self.loaded_at = clock.now()
        self.refused_at: datetime | None = None
        self.changed = self.refused = 0

    @property
    def digest(self) -> str:
        """Digest of the policies in force."""
        return self._authorizer.digest

    def describe(self, account: str) -> PolicySetTold:
        """The policies in force, and what is wrong with the files, as far as they concern this account."""
        policies = tuple(told_of(policy) for policy in self._authorizer.policies_about(account))
        faults = [fault.text for fault in self._faults if fault.account in ("", account)]
        faults += [OTHERS] if len(faults) < len(self._faults) else []
        return PolicySetTold(self.digest, self.loaded_at, policies, self.refused_at, tuple(faults))

    def job(self) -> Job:
        """At intervals."""
        return Job("policy files", self._look_and_release, self._seconds, PATIENT_SECONDS)

    async def _look_and_release(self) -> None:
        await self.look()
        while self._authorizer.release(RELEASED_AT_ONCE):  # noqa: ASYNC110 - pauses between pieces of work, no waiting
            await asyncio.sleep(RELEASE_PAUSE_SECONDS)

    def reload(self) -> None:
        """Read the files at the next look, whether they show a change or not."""
        self._seen = None

    async def look(self) -> None:
        """Take the files where they have changed. Never raises: whatever is wrong with them, the old policies stay."""
        try:
            seen = await asyncio.to_thread(_look, self._folder)
            if seen == self._seen:
                return
            await asyncio.sleep(SETTLE_SECONDS)
            read = await asyncio.to_thread(read_texts, self._folder)
            if await asyncio.to_thread(_look, self._folder) == seen and await self._take(read):
                self._seen = seen
        except PolicySetError as fault:
            self._seen = seen
            self._refuse(fault.found)
        except Exception as fault:
            if not isinstance(fault, OSError):  # files that cannot be read now are foreseen
                self._events.report_fault(fault, during="reading of policy files")
            # Not remembered as seen: what could not be read may be readable at the next look, without any change that shows.
            self._refuse((Fault(_text(fault)),), again=True)

    async def _take(self, read: PolicyTexts) -> bool:
        """Use the texts if they are sound; False where the audit log did not take the change, which is tried again.

        Raises: PolicySetError.
        """
        if read.digest != self.digest:
            source = await self._understand(read)
            try:
                await self._announce(source.digest, len(source.policies))
            except KmsError as fault:
                self._log.warning("policies wait: the audit log does not take the change", fault=fault.reason, digest=source.digest)
                return False
            self._use(source)
        if self.refused_at is not None:
            self._log.info("policies are good again", digest=self.digest)
        self._faults, self.refused_at = (), None
        return True

    async def _understand(self, read: PolicyTexts) -> PolicySource:
        """Check the texts in a thread. Raises: PolicySetError.

        Meanwhile the collector rests: a look at half a million new values would stop every call for longer than anything else here; what
        stays is then kept out of its sight. And the interpreter changes hands often, since a call waits for it several times.
        """
        gc.disable()
        self._turns.begin()
        try:
            return await asyncio.to_thread(understand, read, self._schema, _breathe)
        finally:
            self._turns.end()
            gc.freeze()
            gc.enable()

    def _use(self, source: PolicySource) -> None:
        self._authorizer.use(source)
        self.loaded_at = self._clock.now()
        self.changed += 1
        self._log.info("policies changed", digest=source.digest, policies=len(source.policies))

    def _refuse(self, faults: tuple[Fault, ...], *, again: bool = False) -> None:
        """Tell what is wrong; the same fault is logged once, and counted once while it is only tried again."""
        if faults == self._faults and again:
            return
        self.refused += 1
        self.refused_at = self._clock.now()
        if faults != self._faults:
            texts = [fault.text for fault in faults]
            self._log.error("policies refused, the old ones stay in force", faults=texts, digest=self.digest)
        self._faults = faults


class PolicySetMetrics:
    """The policy set for Prometheus: its digest, its age, and what came of changes."""

    def __init__(self, worker: PolicyFilesWorker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("meridian_policy_set_info", "The live policy files.", labels=["digest"])
        info.add_metric([self._worker.digest], 1)
        yield info
        age = (self._clock.now() - self._worker.loaded_at).total_seconds()
        yield GaugeMetricFamily("meridian_policy_set_age_seconds", "Since when the live policies are in force.", value=age)
        refused = 0 if self._worker.refused_at is None else 1
        yield GaugeMetricFamily("meridian_policy_set_refused", "1 while the files hold something that cannot be used.", value=refused)
        reloads = CounterMetricFamily("meridian_policy_reloads", "Changes of the policy files, by outcome.", labels=["outcome"])
        reloads.add_metric(["taken"], self._worker.changed)
        reloads.add_metric(["refused"], self._worker.refused)
        yield reloads


def _breathe() -> None:
    time.sleep(BREATH_SECONDS)


def _look(folder: Path) -> Look:
    """What tells one state of the files from another, without reading them."""
    found = []
    for path in sorted(folder.glob("*.cedar")):
        try:
            stat = path.stat()
        except OSError:
            continue  # it went away while being looked at, or leads nowhere; reading will tell
        found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)


def _text(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return file_fault(fault)
    return str(fault) if isinstance(fault, OSError | ValueError) and str(fault) else type(fault).__name__
