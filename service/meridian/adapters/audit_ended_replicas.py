"""Ships what replicas that have ended left unshipped in folders of their own, as if each had gone on: a pod's name never comes again.

A folder is believed ended where nobody has its lock and nothing was written there for a while; a replica that lives signs a digest far more
often. It is locked for as long as it is shipped from, so that no two do that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meridian.adapters.audit_batch import Place
from meridian.adapters.audit_reader import WrittenLog
from meridian.adapters.audit_segment import AuditDirectory
from meridian.audit.segments import DamagedSegmentError
from meridian.audit.stream_files import cut_torn_tail, digests_in, segment_name, segments_in
from meridian.audit.written_order import ENDED
from meridian.domain.replica_name import NAME
from meridian.ports.audit_sinks import AuditSink
from meridian.ports.clock import Clock

LOOK_SECONDS: Final = 60.0
QUIET_DIGESTS: Final = 3
"""After so many intervals without a digest of its own a replica is believed ended."""
QUIET_SECONDS_MIN: Final = 600.0
"""A container that is started again and again waits five minutes at most, and must find its folder free."""
FOLDERS_MAX: Final = 10_000
"""Of one look; the next finds others, since those that are done are passed over."""

OpenSink = Callable[[str, WrittenLog], AuditSink | None]
"""(name of a replica, its log): what ships it; None where the replica never shipped it there."""
Tell = Callable[[str, Exception], None]
"""Takes the name of a replica, and why its folder cannot be shipped from."""
FOLDER_FAULTS: Final = (OSError, ValueError, DamagedSegmentError)
"""What a folder that is not as a replica left it comes to."""


def ended_log(directory: Path) -> WrittenLog:
    """The log of a directory that nobody writes to: all of it is of streams that have ended."""
    stamp, stream = ENDED.split("-", 1)
    end = Place(segment_name(stamp, stream, 1), 0)
    return WrittenLog(directory, lambda: end)


@dataclass(frozen=True, slots=True)
class ReplicaFolders:
    """Where every replica of the Region keeps its audit log, and how often it signs there."""

    path: Path
    """Holds a folder for each replica."""
    own: Path
    """The log of this replica; those of the others have the same name in their folders."""
    segment_seconds: float

    @property
    def quiet_seconds(self) -> float:
        """After so long without a word a replica is believed ended."""
        return max(QUIET_SECONDS_MIN, QUIET_DIGESTS * self.segment_seconds)


class EndedReplicas:
    """Implements `ports.audit_sinks.AuditSink` for one sink and the folders of all replicas that ended beside this one."""

    def __init__(self, name: str, folders: ReplicaFolders, open_sink: OpenSink, clock: Clock, tell: Tell) -> None:
        """A folder that cannot be read is told at each look, and keeps no other from being shipped."""
        self.name = name
        self._folder = folders.path
        self._log_name = folders.own.name
        self._open_sink = open_sink
        self._quiet_seconds = folders.quiet_seconds
        self._clock = clock
        self._tell = tell
        self._look_at = clock.monotonic()
        self._waiting: list[str] = []
        self._done: dict[str, float] = {}
        """When the newest file was written of those that are shipped to the end and still there."""
        self._taken: AuditDirectory | None = None
        self._sink: AuditSink | None = None
        self._newest = 0.0

    def ship(self) -> bool:
        if self._sink is None and not self._take_next():
            return False
        try:
            if self._sink is not None and self._sink.ship():
                return True
        except DamagedSegmentError as fault:
            self._pass_over(fault)
            return bool(self._waiting)
        except BaseException:
            self._release()
            raise
        self._done[self._waiting.pop(0)] = self._newest
        self._release()
        return bool(self._waiting)

    def segments_behind(self) -> int:
        """Of the replica that is shipped now, and one for each that waits: what they hold is known when they are opened."""
        sink = self._sink
        return (sink.segments_behind() if sink is not None else 0) + len(self._waiting)

    def holds(self, segment: str) -> bool:  # noqa: ARG002 - it ships no segment of this replica
        return False

    def close(self) -> None:
        self._release()

    def _take_next(self) -> bool:
        """Lock the next folder that needs it. The answer is whether there is one. Raises: OSError."""
        if not self._waiting and self._clock.monotonic() >= self._look_at:
            self._look_at = self._clock.monotonic() + LOOK_SECONDS
            self._waiting = self._quiet_folders()
        while self._waiting:
            try:
                if self._take(self._waiting[0]):
                    return True
            except FOLDER_FAULTS as fault:
                self._pass_over(fault)
            else:
                self._waiting.pop(0)
        return False

    def _pass_over(self, fault: Exception) -> None:
        """This folder is not as it was left: the next look tries again."""
        self._tell(self._waiting.pop(0), fault)
        self._release()

    def _take(self, replica: str) -> bool:
        directory = self._folder / replica / self._log_name
        try:
            taken = AuditDirectory.take(directory)
        except BlockingIOError:
            return False  # it lives, or another ships it
        self._taken = taken
        self._newest = _newest(directory)
        if not self._is_quiet(self._newest):
            self._release()
            return False
        cut_torn_tail(directory)
        self._sink = self._open_sink(replica, ended_log(directory))
        return True

    def _quiet_folders(self) -> list[str]:
        found, done = [], {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                log = self._folder / entry.name / self._log_name
                if not NAME.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False) or not log.is_dir():
                    continue
                try:
                    newest = _newest(log)
                except OSError as fault:
                    self._tell(entry.name, fault)
                    continue
                if self._done.get(entry.name) == newest:
                    done[entry.name] = newest
                elif newest and self._is_quiet(newest):
                    found.append(entry.name)
                if len(found) == FOLDERS_MAX:
                    break
        self._done = done
        return sorted(found)

    def _is_quiet(self, newest: float) -> bool:
        return self._clock.now().timestamp() - newest >= self._quiet_seconds

    def _release(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.close()


def _newest(directory: Path) -> float:
    """When the newest segment or digest was written to, in seconds of the wall clock; 0 where there is none."""
    return max((path.stat().st_mtime for path in (*segments_in(directory), *digests_in(directory))), default=0.0)
