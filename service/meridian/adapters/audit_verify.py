"""Verification of audit streams, offline.

What is found: any changed, added, dropped or moved line within a stream, a stream that is missing, and a stream that ends
earlier than the next one says. A cut of the newest stream's end is not visible from the files alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import orjson

from meridian.adapters.audit_file import streams_in
from meridian.domain.audit_chain import NO_HASH, leaf_hash


class Verdict(IntEnum):
    """What verification says; the values are the command's exit codes."""

    CLEAN = 0
    TAMPERED = 1
    UNREADABLE = 3
    INCOMPLETE = 9


@dataclass(slots=True)
class StreamReport:
    """One stream."""

    path: Path
    stream: str = ""
    records: int = 0
    last_hash: str = NO_HASH
    previous_stream: str = ""
    previous_hash: str = ""
    closed: bool = False
    verdict: Verdict = Verdict.CLEAN
    bad_line: int = 0
    fault: str = ""


@dataclass(slots=True)
class Report:
    """Everything that was verified."""

    streams: list[StreamReport] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        worst = (Verdict.UNREADABLE, Verdict.TAMPERED, Verdict.INCOMPLETE)
        return next((v for v in worst if any(s.verdict is v for s in self.streams)), Verdict.CLEAN)


def verify_stream(path: Path) -> StreamReport:
    """Check one file from its first line to its last."""
    report = StreamReport(path)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not _accept(report, number, line):
                    return report
    except OSError as fault:
        report.verdict, report.fault = Verdict.UNREADABLE, fault.strerror or str(fault)
        return report
    if report.records == 0:
        report.verdict, report.fault, report.bad_line = Verdict.INCOMPLETE, "the stream has no records", 1
    return report


def verify_directory(directory: Path) -> Report:
    """Check every stream of a directory, and that each begins where the one before it ended."""
    report = Report([verify_stream(path) for path in streams_in(directory)])
    known = {s.stream: s for s in report.streams if s.stream}
    for stream in report.streams:
        if stream.verdict is Verdict.CLEAN and stream.previous_stream:
            _check_link(stream, known.get(stream.previous_stream))
    return report


def _check_link(stream: StreamReport, before: StreamReport | None) -> None:
    if before is None:
        stream.verdict, stream.bad_line = Verdict.INCOMPLETE, 1
        stream.fault = f"the stream before it, {stream.previous_stream}, is missing"
    elif before.verdict is Verdict.CLEAN and before.last_hash != stream.previous_hash:
        before.verdict, before.bad_line = Verdict.TAMPERED, before.records + 1
        before.fault = "the stream ends earlier, or otherwise, than the next stream says"


def _accept(report: StreamReport, number: int, line: bytes) -> bool:
    """Take one line into the chain; False when the stream is bad from here."""
    fault = _fault(report, number, line)
    if fault:
        report.bad_line, report.fault = number, fault
        report.verdict = Verdict.INCOMPLETE if not line.endswith(b"\n") else Verdict.TAMPERED
        return False
    report.records = number
    report.last_hash = leaf_hash(line[:-1])
    return True


def _fault(report: StreamReport, number: int, line: bytes) -> str:
    if not line.endswith(b"\n"):
        return "the last line was not written whole"
    try:
        record: Any = orjson.loads(line)
        inner = record["meridian"]
        stream, sequence, previous = inner["stream"], inner["seq"], inner["prevHash"]
    except (ValueError, KeyError, TypeError):
        return "the line is no audit record"
    if report.closed:
        return "a record after StreamClose"
    if number == 1:
        if record.get("eventName") != "StreamOpen":
            return "the stream does not begin with StreamOpen"
        report.stream = stream
        report.previous_stream = inner.get("previousStream", "")
        report.previous_hash = inner.get("previousHash", "")
    if stream != report.stream:
        return "the record is of another stream"
    if sequence != number - 1:
        return f"sequence {sequence} where {number - 1} should be"
    if previous != report.last_hash:
        return "the record before it was changed"
    report.closed = record.get("eventName") == "StreamClose"
    return ""
