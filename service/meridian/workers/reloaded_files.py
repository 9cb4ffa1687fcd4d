"""Files that are read again while the Region serves: certificates, authorities, principals, the deny list, TLS towards proxies.

New files are read and checked as a whole before they count, and the old ones stay in force on any fault. Files of one kind are never
taken half: they count only if nothing moved while they were read. A folder that Kubernetes mounts changes by a switch of links; what the
links lead to is what is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.engine.secret_files import FileFault
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.workers.periodic import URGENT_SECONDS, Job

LOOK_SECONDS: Final = 0.2
SETTLE_SECONDS: Final = 0.2
"""How long changed files must lie still. With the look before it this keeps what was removed to less than a second."""
RETRY_SECONDS: Final = 5.0

Look = tuple[tuple[str, int, int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ReloadedFiles:
    """Files of one kind, and what becomes of them."""

    name: str
    """The setting that names them."""
    paths: Callable[[], tuple[Path, ...]]
    read: Callable[[], tuple[str, Any]]
    """In a thread: the digest of what was read, and a value for `use`. Raises: FileFault."""
    use: Callable[[Any], None]
    """On the loop, at once: the value counts from now on."""


@dataclass(slots=True)
class _State:
    files: ReloadedFiles
    digest: str
    seen: Look = ()
    fault: str = ""
    retry_at: float = 0.0
    taken: int = 0
    refused: int = 0


class ReloadedFilesWorker:
    """Looks at every kind of files five times a second; `reload` reads them all again whether they changed or not."""

    def __init__(
        self, kinds: Sequence[tuple[ReloadedFiles, str]], clock: Clock, events: SecurityEvents, registry: CollectorRegistry
    ) -> None:
        """`kinds`: each with the digest of what is in force."""
        self._states = [_State(files, digest) for files, digest in kinds]
        self._clock = clock
        self._events = events
        self._log = structlog.get_logger("meridian.identity")
        self._job = Job("identity files", self.look, LOOK_SECONDS, URGENT_SECONDS)
        registry.register(self)

    def reload(self) -> None:
        """Read everything again now."""
        for state in self._states:
            state.seen = ()
        self._job.wake()

    def job(self) -> Job:
        """Five times a second, and when `reload` asks."""
        return self._job

    async def look(self) -> None:
        """Take what has changed. Never raises: whatever is wrong with the files, what was in force stays so."""
        still = await asyncio.to_thread(lambda: [_lies_still(state) for state in self._states])
        now = self._clock.monotonic()
        moved = [each for each, is_still in zip(self._states, still, strict=True) if not is_still or (each.fault and now >= each.retry_at)]
        await asyncio.gather(*[self._look(state) for state in moved])

    async def _look(self, state: _State) -> None:
        seen = state.seen
        try:
            paths = state.files.paths()
            seen = await asyncio.to_thread(_look_at, paths)
            if seen == state.seen and not (state.fault and self._clock.monotonic() >= state.retry_at):
                return
            await asyncio.sleep(SETTLE_SECONDS)
            digest, value = await asyncio.to_thread(state.files.read)
            if await asyncio.to_thread(_look_at, paths) != seen:
                return  # it moves on: looked at again soon
            self._take(state, digest, value)
            # Where the new files name further ones, these were not looked at before they were read: all is read once more.
            state.seen = seen if state.files.paths() == paths else ()
        except FileFault as fault:
            self._refuse(state, seen, str(fault))
        except Exception as fault:
            self._events.report_fault(fault, during=f"reading {state.files.name}")
            self._refuse(state, seen, type(fault).__name__)

    def _take(self, state: _State, digest: str, value: Any) -> None:
        if state.fault:
            self._log.info("files are good again", files=state.files.name, changed=digest != state.digest)
        state.fault = ""
        if digest == state.digest:
            return
        state.files.use(value)
        state.digest = digest
        state.taken += 1
        self._events.report(SecurityEvent.IDENTITY_FILES_CHANGED, subject=state.files.name, digest=digest)

    def _refuse(self, state: _State, seen: Look, text: str) -> None:
        """Told once for each change of the files, however often they are tried again."""
        if (text, seen) != (state.fault, state.seen):
            state.refused += 1
            self._events.report(SecurityEvent.IDENTITY_FILES_REFUSED, subject=state.files.name, fault=text)
            self._log.error("files refused, what was in force stays", files=state.files.name, fault=text)
        state.fault, state.seen = text, seen
        state.retry_at = self._clock.monotonic() + RETRY_SECONDS

    def collect(self) -> Iterator[Metric]:
        """For Prometheus: what came of changes, and what is refused now."""
        reloads = CounterMetricFamily("meridian_identity_reloads", "Changes of identity files, by outcome.", labels=["files", "outcome"])
        refused = GaugeMetricFamily("meridian_identity_files_refused", "1 while these files cannot be used.", labels=["files"])
        for state in self._states:
            reloads.add_metric([state.files.name, "taken"], state.taken)
            reloads.add_metric([state.files.name, "refused"], state.refused)
            refused.add_metric([state.files.name], 1 if state.fault else 0)
        yield reloads
        yield refused


def _lies_still(state: _State) -> bool:
    """Whether the files are what they were; what cannot be told is looked at again."""
    try:
        return _look_at(state.files.paths()) == state.seen
    except Exception:  # `_look` meets it again, and reports it
        return False


def _look_at(paths: Sequence[Path]) -> Look:
    """What tells one state of files from another, without reading them; a file that is not there has no numbers."""
    found = []
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            found.append((str(path), 0, 0, 0, 0, 0))
            continue
        found.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_mode))
    return tuple(found)
