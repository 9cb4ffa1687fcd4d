"""Compares audit directories with the Region's database: streams that are missing or end early, and changes without their record.

Compared are: every registered stream with its last record and the number of its digests; the id of every event that waits to be
written, and of every key's last use; every key with the record of its creation, and every such record with its key or the record of its
end; every key that is to be deleted with the record that scheduled it. The database is read first, so whatever it speaks of is in the
files already.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from meridian.audit.check_stream import Pin
from meridian.audit.copies import EVENTS_MAX as COUNTED_MAX
from meridian.audit.copies import Copies, Counted
from meridian.audit.ended import CLOCKS_APART_SECONDS, Ended, furthest, is_ended
from meridian.audit.findings import Report, StreamReport, Verdict
from meridian.audit.keys import AuditKeys
from meridian.audit.vanished_keys import CREATES, KeyLives
from meridian.audit.verify import Expected, verify_directories
from meridian.errors import KMSInternalException
from meridian.ports.store.audit_streams import KeyTrace, StreamRow
from meridian.ports.store.store import UnitOfWork

PAGE: Final = 1000
EVENTS_MAX: Final = 200_000
NAMED_MAX: Final = 20
"""How many missing records of a kind are named one by one."""
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SKEW: Final = timedelta(seconds=CLOCKS_APART_SECONDS)
SCHEDULES: Final = "ScheduleKeyDeletion"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the database speaks of."""

    streams: tuple[StreamRow, ...]
    events: Mapping[str, str]
    """Event ids, each with where it stands."""
    keys: tuple[KeyTrace, ...]
    used_at: Mapping[str, datetime]
    """When keys were last used, by the event id of that use."""
    read_at: datetime
    """By the database's clock."""
    incarnation: int
    """How often the database was restored."""


async def read_evidence(uow: UnitOfWork) -> Evidence:
    """Everything that is compared, as of one moment. Raises: KMSInternalException."""
    identity = await uow.region.identity()
    if identity is None:
        raise KMSInternalException(reason="the Region is not initialised")
    read_at = await uow.region.now()
    streams: list[StreamRow] = []
    while page := list(await uow.audit_streams.list(after=streams[-1].number if streams else 0, limit=PAGE)):
        streams += page
    keys: list[KeyTrace] = []
    while traces := list(await uow.audit_streams.keys_stored(after=(keys[-1].account, keys[-1].key_id) if keys else ("", ""), limit=PAGE)):
        keys += traces
    events = dict(await uow.audit_streams.events_stored(limit=EVENTS_MAX))
    uses = await uow.audit_streams.uses_stored(limit=EVENTS_MAX)
    return Evidence(tuple(streams), events, tuple(keys), uses, read_at, identity.incarnation)


class Mentions:
    """What records tell of."""

    def __init__(self, evidence: Evidence) -> None:
        self._wanted = set(evidence.events)
        self.copies = Copies()
        self.lives = KeyLives()
        self.events: set[str] = set()
        self.arns: dict[str, set[str]] = {CREATES: set(), SCHEDULES: set()}

    def visit(self, record: Mapping[str, Any]) -> None:
        """Take note of one record."""
        self.copies.visit(record)
        self.lives.visit(record)
        event_id = record.get("eventID")
        if event_id in self._wanted:
            self.events.add(event_id)
        arns = self.arns.get(record["eventName"])
        if arns is not None and "errorCode" not in record:
            arns.update(each["ARN"] for each in record.get("resources") or ())


def verify_against(directories: Sequence[Path], evidence: Evidence, keys: AuditKeys) -> list[Report]:
    """One report for each directory; what no single one is to blame for stands in the first.

    All directories of all processes of the Region must be given together.
    """
    mentions = Mentions(evidence)
    pins = {row.head.stream: [_pin(row)] for row in evidence.streams if row.head.sequence >= 0}
    reports = verify_directories([(path, Expected(keys, keys.names.region, pins, mentions.visit)) for path in directories])
    ended = furthest(each for report in reports for each in report.ended.values())
    found = {stream.stream: (report, stream) for report in reports for stream in report.streams}
    for row in evidence.streams:
        _compare_stream(reports[0], row, found.get(row.head.stream), ended)
    _check_registered(reports, {row.head.stream for row in evidence.streams})
    _compare_mentions(reports[0], evidence, mentions, ended)
    _tell_copies(reports[0], mentions.copies.count())
    return reports


def _pin(row: StreamRow) -> Pin:
    return Pin(row.head.sequence, row.head.hash, "the database")


def _compare_stream(first: Report, row: StreamRow, found: tuple[Report, StreamReport] | None, ended: Mapping[str, Ended]) -> None:
    if found is None:
        # One without a record was never answered under.
        if row.head.sequence >= 0 and not is_ended(ended, row.head.stream, row.head.sequence):
            text = f"stream {row.head.stream} of {row.replica}, opened {row.opened_at:%Y-%m-%dT%H:%M:%SZ}, is missing"
            first.add(Verdict.INCOMPLETE, first.path, f"{text}: the database has seen {row.head.sequence + 1} records of it")
        return
    report, stream = found
    digests = sum(1 for name in report.digests if name == stream.stream)
    if digests < row.head.digests:
        text = f"stream {stream.stream} has {digests} digests, and the database has seen {row.head.digests}"
        report.add(Verdict.INCOMPLETE, stream.paths[-1], text)
    if row.is_closed and stream.records > row.head.sequence + 1:
        text = f"the stream goes on after record {row.head.sequence}, with which it was closed"
        report.add(Verdict.TAMPERED, stream.paths[-1], text)


def _check_registered(reports: Sequence[Report], registered: set[str]) -> None:
    """A stream is known to the database, or is one that a known stream follows on: then it is of an earlier release, or the
    database was restored."""
    found = [(report, stream) for report in reports for stream in report.streams]
    known, by_name = set(registered), {stream.stream: stream for _, stream in found}
    for _, stream in found:
        waiting = [stream]
        while waiting and (each := waiting.pop()).stream in known:
            before = {each.previous_stream, each.missing_stream} & by_name.keys() - known
            known |= before
            waiting += [by_name[name] for name in before]
    for report, stream in found:
        if stream.stream not in known:
            report.add(Verdict.TAMPERED, stream.paths[0], f"the database does not know stream {stream.stream}")


def _kept_since(ended: Mapping[str, Ended]) -> datetime:
    """What the database tells of a time up to this may stand in records that retention has ended."""
    newest = [each.newest for each in ended.values() if each.newest]
    return datetime.fromisoformat(max(newest)) + SKEW if newest else EARLIEST


def _tell_copies(report: Report, counted: Counted) -> None:
    report.copies = counted
    if counted.unexplained:
        text = f"{counted.unexplained} events stand more than once, and no record of them says that it was taken over from another process"
        report.unproven.append(f"{report.path}: {text}: releases that did not lease events wrote such copies")
    if not counted.is_whole:
        report.unproven.append(f"{report.path}: copies were looked for among the first {COUNTED_MAX:,} events of changes alone")


def _compare_mentions(report: Report, evidence: Evidence, mentions: Mentions, ended: Mapping[str, Ended]) -> None:
    since = _kept_since(ended)
    keys = [key for key in evidence.keys if key.created_at > since]
    missing_events = [name for name in evidence.events if name not in mentions.events and evidence.used_at.get(name, LATEST) > since]
    events = [f"no record {name}: {evidence.events[name]}" for name in missing_events]
    created = [f"no record of the creation of {key.arn}" for key in keys if key.arn not in mentions.arns[CREATES]]
    scheduled = [
        f"no record that scheduled the deletion of {key.arn}"
        for key in keys
        if key.is_to_be_deleted and key.arn not in mentions.arns[SCHEDULES]
    ]
    stored = {key.arn for key in evidence.keys}
    vanished, before_restore = mentions.lives.vanished(stored, read_at=evidence.read_at, incarnation=evidence.incarnation)
    deleted = [f"no record of the end of {arn}, which is not in the database" for arn in vanished]
    if before_restore:
        text = f"{len(before_restore)} keys were made before the Region was restored and are not in the database, the first of them"
        report.unproven.append(f"{report.path}: {text} {before_restore[0]}: the backup may be older than they are")
    for missing in (events, created, scheduled, deleted):
        for text in missing[:NAMED_MAX]:
            report.add(Verdict.INCOMPLETE, report.path, text)
        if len(missing) > NAMED_MAX:
            report.add(Verdict.INCOMPLETE, report.path, f"{len(missing) - NAMED_MAX} more like the last")
