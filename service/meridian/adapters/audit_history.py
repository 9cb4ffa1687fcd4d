"""Looks back through the files of the audit log: each log is walked backwards, and the logs are merged by the time of their records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from meridian.adapters.audit_log_backwards import Allowance, LogBackwards, Period
from meridian.adapters.audit_logs_seen import SeenLogs
from meridian.adapters.audit_reader import WrittenLog
from meridian.audit.backwards import is_segment_name
from meridian.errors import DependencyTimeoutException, InvalidMarkerException
from meridian.ports.audit_history import Found, Record, Wanted
from meridian.ports.heavy_work import HeavyWork

LOOK_RECORDS: Final = 2048
"""What one look goes through, all logs together; each takes 16 KiB at most."""
LOOK_FILES: Final = 64
"""That one look goes back to, however little is in them."""
KEPT_BYTES: Final = 2 << 20
"""What the records of one answer take, as they are shown, and one more."""

Places = dict[str, tuple[str, int | None]]
"""By the name of a log: a segment, and how many of its bytes were not gone through; None for all of them."""


class FileAuditHistory:
    """Implements `ports.audit_history.AuditHistory`. `own` is the log that this process writes, of which only what is durable is read."""

    def __init__(self, seen: SeenLogs, own: WrittenLog, heavy: HeavyWork) -> None:
        self._seen = seen
        self._own = own
        self._heavy = heavy

    async def look(self, account: str, wanted: Wanted, *, most: int, place: str) -> Found:
        places = _read_places(place) if place else None
        return await self._heavy.run(account, partial(self._look, wanted, most, places))

    def _look(self, wanted: Wanted, most: int, places: Places | None) -> Found:
        try:
            directories = self._seen.directories()
        except OSError as fault:
            raise DependencyTimeoutException(reason=f"the audit logs cannot be listed: {fault.strerror or fault}") from fault
        if places is not None:
            directories = {label: path for label, path in directories.items() if label in places}
            if not directories:
                raise InvalidMarkerException(reason="a place in logs that this process does not see")
        allowance = Allowance(LOOK_RECORDS, LOOK_FILES, len(directories))
        period = Period.of(wanted.since, wanted.until)
        logs = {label: self._log(path, wanted, period, allowance) for label, path in directories.items()}
        for label, log in logs.items():
            log.begin(*(places or {}).get(label, ("", None)))
        found = _merged(logs, most)
        records, own_places = tuple(record for record, _ in found), tuple(place for _, place in found)
        return Found(records, own_places, _written_places(logs), allowance.unreadable)

    def _log(self, path: Path, wanted: Wanted, period: Period, allowance: Allowance) -> LogBackwards:
        durable = self._own.durable if path == self._own.directory else None
        return LogBackwards(path, durable, wanted, period, allowance)


def _merged(logs: Mapping[str, LogBackwards], most: int) -> list[tuple[Record, str]]:
    """The newest of what is next in each log, again and again; it ends where nobody can say which that is without reading on."""
    found: list[tuple[Record, str]] = []
    labels, kept = {log: label for label, log in logs.items()}, 0
    for log in logs.values():
        log.find_next()
    while len(found) < most and kept < KEPT_BYTES and not any(log.is_interrupted for log in logs.values()):
        newest = max((log for log in logs.values() if log.next is not None), key=lambda log: log.next_time, default=None)
        if newest is None or newest.next is None:
            break
        found.append((newest.next, _written_places({labels[newest]: newest})))
        kept += newest.next_bytes
        newest.find_next()
    return found


def _written_places(logs: Mapping[str, LogBackwards]) -> str:
    left = {label: (log.segment, log.end) for label, log in logs.items() if log.segment}
    return orjson.dumps(left).decode() if left else ""


def _read_places(place: str) -> Places:
    """Raises: InvalidMarkerException."""
    try:
        said: Any = orjson.loads(place)
        places = {str(label): (segment, end) for label, (segment, end) in said.items()}
    except (ValueError, TypeError, AttributeError) as fault:
        raise InvalidMarkerException(reason="a place of another form") from fault
    if not all(isinstance(name, str) and is_segment_name(name) and (end is None or _is_count(end)) for name, end in places.values()):
        raise InvalidMarkerException(reason="a place of another form")
    return places


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
