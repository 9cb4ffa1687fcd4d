"""Reads one stream from its first record to its last, and compares it with everything that vouches for it.

50,000 records a second and more: one parse and two hashes for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from meridian.audit.chain import NO_HASH, Tree, leaf_hash
from meridian.audit.digest import Digest
from meridian.audit.findings import Finding, StreamReport, Verdict
from meridian.audit.line import OPENS, read_line
from meridian.audit.segments import LINE_BYTES_MAX, DamagedSegmentError, lines_of, plain_name
from meridian.audit.stream_files import Head, is_followed

Visit = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Pin:
    """Somebody who has seen a record of the stream."""

    sequence: int
    hash: str
    who: str


@dataclass(slots=True)
class Vouchers:
    """Everything that vouches for one stream."""

    digests: Sequence[Digest] = ()
    pins: list[Pin] = field(default_factory=list)
    start: Digest | None = None
    """The digest behind which what retention has left begins; None for a stream from its first record."""
    ends: set[str] = field(default_factory=set)
    """Hashes of the record that it ended with, as the streams that follow on it say."""


class StreamCheck:
    """The state of reading one stream."""

    def __init__(self, stream: str, segments: Sequence[Head], vouchers: Vouchers, visit: Visit | None) -> None:
        self.report = StreamReport(stream, [segment.path for segment in segments])
        self._segments = segments
        self._visit = visit
        self._tree = Tree()
        self._roots: dict[int, list[Digest]] = {}
        for digest in vouchers.digests:
            self._roots.setdefault(digest.extent.treeSize, []).append(digest)
        self._pins: dict[int, list[Pin]] = {}
        for pin in vouchers.pins:
            self._pins.setdefault(pin.sequence, []).append(pin)
        self._changed: Finding | None = None
        self._start = vouchers.start
        self._ends = vouchers.ends
        self._hashes = {file.name: (file.sha256, digest) for digest in vouchers.digests for file in digest.log_files}

    def run(self) -> StreamReport:
        """The report; `finding` says where reading stopped, if it did."""
        report = self.report
        report.finding = self._go_on_from(self._start) if self._start is not None else None
        if report.finding is not None:
            return report
        for segment in self._segments:
            report.finding = self._begin(segment) or self._read(segment)
            if report.finding is not None:
                return report
        report.finding = self._missing_end() or self._changed
        return report

    def _go_on_from(self, digest: Digest) -> Finding | None:
        size, report = digest.extent.treeSize, self.report
        try:
            self._tree = Tree.grown(size, digest.kept.peaks)
        except ValueError as fault:
            return Finding(Verdict.TAMPERED, digest.path, str(fault))
        if self._tree.root() != digest.extent.rootHash:
            return Finding(Verdict.TAMPERED, digest.path, "the tree that it goes on with is not the one that it signed")
        report.records, report.last_hash = size, digest.kept.last_hash
        report.signed, report.signed_until = size, digest.end
        return None

    def _begin(self, segment: Head) -> Finding | None:
        expected = self.report.records
        if segment.sequence < expected:
            return Finding(Verdict.TAMPERED, segment.path, f"record {segment.sequence} stands twice: it is in an earlier file, too", 1)
        if segment.sequence > expected:
            text = f"records {expected} to {segment.sequence - 1} of stream {segment.stream} are missing before it"
            return Finding(Verdict.INCOMPLETE, segment.path, text, 1)
        return None

    def _read(self, segment: Head) -> Finding | None:
        path, content = segment.path, sha256()
        try:
            for number, line in enumerate(lines_of(path), 1):
                verdict, fault = self._accept(line)
                if fault:
                    return Finding(verdict, path, fault, number)
                content.update(line)
        except DamagedSegmentError as damage:
            return Finding(Verdict.TAMPERED, path, str(damage))
        except OSError as fault:
            return Finding(Verdict.UNREADABLE, path, fault.strerror or str(fault))
        expected, digest = self._hashes.get(plain_name(path), (None, None))
        if digest is not None and expected != content.hexdigest():
            # Whatever else is wrong says more than this.
            self._changed = Finding(Verdict.TAMPERED, path, f"the file is not the one that digest {digest.name} signed")
        return None

    def _accept(self, line: bytes) -> tuple[Verdict, str]:
        """Take one line into the chain; the answer's text is empty if it belongs there."""
        report = self.report
        if len(line) >= LINE_BYTES_MAX:
            return Verdict.TAMPERED, "the line is no audit record"
        if not line.endswith(b"\n"):
            return Verdict.INCOMPLETE, "the last line was not written whole"
        said = read_line(line)
        if said is None:
            return Verdict.TAMPERED, "the line is no audit record"
        record, name, stream, sequence, previous = said
        fault = self._fault_of(name, stream, sequence, previous)
        if fault:
            return Verdict.TAMPERED, fault
        if sequence == 0:
            report.opening = record["meridian"]
        report.records = sequence + 1
        report.last_hash = leaf_hash(line[:-1])
        report.last_time = record.get("eventTime") or ""
        if report.last_hash in self._ends:
            report.ended_at[report.last_hash] = report.records
        report.is_closed = name == "StreamClose"
        self._tree.add(report.last_hash)
        if self._visit is not None:
            self._visit(record)
        if sequence in self._pins or sequence + 1 in self._roots:
            return Verdict.TAMPERED, self._vouched(sequence)
        return Verdict.CLEAN, ""

    def _fault_of(self, name: str, stream: str, sequence: int, previous: str) -> str:
        report = self.report
        if report.is_closed:
            return "a record after StreamClose"
        if (name == OPENS) is not (report.records == 0):
            return "the stream does not begin with StreamOpen" if report.records == 0 else "a second StreamOpen"
        if stream != report.stream:
            return "the record is of another stream"
        if sequence != report.records:
            return f"sequence {sequence} where {report.records} should be"
        if previous != report.last_hash:
            return "the record before it was changed" if report.records else f"the stream does not begin with {NO_HASH[:8]}…"
        return ""

    def _vouched(self, sequence: int) -> str:
        """What speaks against the stream up to this record; empty if everybody who has seen it agrees."""
        for pin in self._pins.get(sequence, ()):
            if pin.hash != self.report.last_hash:
                return f"this is not record {sequence} as {pin.who} has seen it"
            self.report.vouched = sequence + 1
        for digest in self._roots.get(sequence + 1, ()):
            if digest.extent.rootHash != self._tree.root():
                first = min(digest.extent.firstSeq, sequence)
                return f"records {first} to {sequence}, or some before, are not those that digest {digest.name} signed"
            self.report.signed, self.report.signed_until = sequence + 1, digest.end
        return ""

    def _missing_end(self) -> Finding | None:
        """Whoever has seen more than there is."""
        report = self.report
        seen = [(size, f"digest {digest.name} signed {size}") for size, found in self._roots.items() for digest in found]
        seen += [(at + 1, f"{pin.who} has seen {at + 1}") for at, pins in self._pins.items() for pin in pins]
        missing = max((each for each in seen if each[0] > report.records), default=None)
        if missing is None:
            return None
        text = f"the stream ends early: it has {report.records} records, but {missing[1]}"
        if self._changed is None and plain_name(report.paths[-1]) in self._hashes and not is_followed(report.paths[-1]):
            return Finding(Verdict.INCOMPLETE, report.paths[-1], f"{text}; this file is whole: what came after it is missing")
        return Finding(Verdict.TAMPERED, report.paths[-1], text, self._lines_in_last() + 1)

    def _lines_in_last(self) -> int:
        return self.report.records - self._segments[-1].sequence
