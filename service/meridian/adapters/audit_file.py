"""One audit stream on disk: chained lines in segments, and signed digests of them.

INVARIANT: the chain's position moves only when a batch is durable. After a failed write the segment is cut back to that position
before anything else is written, so a record is in the chain exactly if it was acknowledged, or belongs to the last batch.

INVARIANT: what is promised to changes that may be committed already (`kept`) is set aside on the disk before anything else is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from meridian.adapters.audit_batch import Batch, Place, Position
from meridian.adapters.audit_compression import ClosedSegments
from meridian.adapters.audit_digests import Opening, SignedDigests
from meridian.adapters.audit_ended_streams import Own
from meridian.adapters.audit_retention import Holds, KeepRules, Retention
from meridian.adapters.audit_segment import AuditDirectory, Segment
from meridian.audit.chain import NO_HASH, Tree, leaf_hash
from meridian.audit.digest import LogFile
from meridian.audit.ended import Ended
from meridian.audit.keys import AuditSigner
from meridian.audit.log_end import end_of_log
from meridian.audit.record import Record, event_time
from meridian.audit.record_bounds import RECORD_BYTES_MAX, shortened
from meridian.audit.stream_files import segment_name
from meridian.ports.clock import Clock
from meridian.ports.store.audit_streams import StreamHead

ROOM_BYTES: Final = RECORD_BYTES_MAX + 1
"""What is set aside for one record."""
TRY_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """When a segment is closed and a digest signed, and how much of the disk is left free."""

    bytes: int
    seconds: float
    reserve_bytes: int


class AuditFile:
    """A stream that is open for writing. Used by one thread at a time, but for `chain` and `head`."""

    def __init__(self, directory: AuditDirectory, opening: Opening, rules: SegmentRules, signer: AuditSigner, clock: Clock) -> None:
        self._directory = directory
        self._opening = opening
        self._rules = rules
        self._clock = clock
        self._stamp = f"{clock.now():%Y%m%dT%H%M%S.%fZ}"
        self._segment: Segment | None = None
        self._segments = 0
        self._end = Place("", 0)
        self._digests = SignedDigests(directory, opening, self._stamp, signer, clock)
        self._position = Position(0, NO_HASH)
        self._tree = Tree()
        self._due = clock.monotonic() + rules.seconds
        self._not_before = clock.monotonic()
        self._closed: ClosedSegments | None = None
        self.on_fault: Callable[[OSError], None] = lambda fault: None
        """Told of a digest that could not be written; calls go on, and it is tried again."""
        self.syncs = 0
        self.records = 0
        self.free_bytes = directory.free_bytes()
        """What the disk had left when room was looked for last, every second at least."""
        self._signed_at = clock.monotonic()

    @classmethod
    def open(cls, directory: AuditDirectory, opening: Opening, rules: SegmentRules, signer: AuditSigner, clock: Clock) -> AuditFile:
        """Begin a stream with its StreamOpen record, which names the stream before it, and sign that. Raises: OSError."""
        log = end_of_log(directory.path, opening.registered)
        made = cls(directory, opening, rules, signer, clock)
        record, tail = made._opening_record(), log.tail
        made._digests.follow_on(log)
        if tail is not None:
            record["meridian"] |= {"previousStream": tail.stream, "previousHash": tail.last_hash, "tornBytes": tail.torn_bytes}
        if log.missing is not None:
            record["meridian"]["missing"] = {"stream": log.missing.stream, "seq": log.missing.lastSeq, "hash": log.missing.lastHash}
        made.write([record])
        made._sign(())
        return made

    @property
    def directory(self) -> AuditDirectory:
        return self._directory

    @property
    def signer(self) -> AuditSigner:
        """The audit key that the next digest is signed with."""
        return self._digests.signer

    @property
    def head(self) -> StreamHead:
        """The last durable record."""
        position = self._position
        return StreamHead(self._opening.stream, position.sequence - 1, position.last_hash, self._digests.count)

    def durable_end(self) -> Place:
        """Up to where its newest segment may be read by others. May be asked from any thread."""
        segment = self._segment
        return self._end if segment is None else Place(segment.path.name, segment.length)

    def digest_age(self) -> float:
        """Seconds since the last digest was signed. May be asked from any thread."""
        return self._clock.monotonic() - self._signed_at

    def hand_closed_to(self, closed: ClosedSegments, rules: KeepRules, holds: Holds) -> None:
        """Give segments away when they are closed, and those that the rules end and nobody holds; `close` stops who gets them."""
        self._closed = closed
        own = Own(self._directory.path, self._opening.stream, self._opening.names)
        self._digests.retention = Retention(own, rules, self._clock, closed, holds)

    @property
    def retention(self) -> Retention:
        """What it is told comes from any thread."""
        return self._digests.retention

    def use_signer(self, signer: AuditSigner) -> None:
        """Sign with another key from now on."""
        self._digests.signer = signer

    def _opening_record(self) -> Record:
        opening, names, registered = self._opening, self._opening.names, self._opening.registered
        inner: Record = {
            "deployment": names.deployment,
            "partition": names.partition,
            "region": names.region,
            "replica": opening.replica,
            "epoch": opening.epoch,
            "digestSeconds": self._rules.seconds,
            "segment": segment_name(self._stamp, opening.stream, 1),
        }
        if registered is not None:
            inner["registered"] = {"stream": registered.stream, "seq": registered.sequence, "hash": registered.hash}
        return {"eventName": "StreamOpen", "eventTime": event_time(self._clock.now()), "meridian": inner}

    # ------------------------------------------------------------ records

    def chain(self, records: Sequence[Record], *, is_committed: bool = False) -> Batch:
        """The lines of these records, chained to what is durable now."""
        stream, lines, leaves = self._opening.stream, [], []
        sequence, last_hash = self._position
        oldest = newest = ""
        for record in records:
            inner: dict[str, Any] = record["meridian"]
            inner["stream"], inner["seq"], inner["prevHash"] = stream, sequence, last_hash
            line = shortened(orjson.dumps(record), RECORD_BYTES_MAX)
            last_hash = leaf_hash(line)
            leaves.append(last_hash)
            sequence += 1
            lines.append(line)
            moment: str = record.get("eventTime", "")
            if moment > newest:
                newest = moment
            if moment < oldest or not oldest:
                oldest = moment
        lines.append(b"")
        return Batch(b"\n".join(lines), tuple(leaves), sequence, last_hash, (oldest, newest), is_committed)

    def write(self, records: Sequence[Record]) -> None:
        """Append records and return when they are durable. Raises: OSError; then none of them is in the chain."""
        self.write_batch(self.chain(records), 0)

    def write_batch(self, batch: Batch, kept: int) -> None:
        """Append a batch that follows on what is durable now, with space left for `kept` records more.

        Raises: OSError; then none of it is in the chain.
        """
        segment = self._segment_for(len(batch.data), kept)
        segment.cut()
        try:
            segment.require_room(len(batch.data), kept * ROOM_BYTES, strictly=False)
        except OSError:
            if not (batch.is_committed and segment.has_room(len(batch.data))):
                raise
        segment.write(batch.data)
        self.syncs += 1
        self.records += len(batch.leaves)
        segment.oldest = min(segment.oldest or batch.times[0], batch.times[0])
        segment.newest = max(segment.newest, batch.times[1])
        for leaf in batch.leaves:
            self._tree.add(leaf)
        self._position = Position(batch.sequence, batch.last_hash)

    def require_room(self, kept: int) -> None:
        """Set space aside for so many records. Raises: OSError where that cannot be had, or the files are not where they were."""
        self.free_bytes = self._directory.free_bytes()
        self._directory.require_in_place()
        segment = self._segment_for(0, kept)
        segment.cut()
        segment.require_in_place()
        segment.require_room(0, kept * ROOM_BYTES, strictly=True)

    def close(self) -> None:
        """Write StreamClose, sign the last digest, close the file, give up the directory. Raises: OSError; all is closed all the same."""
        closed, self._closed = self._closed, None  # the last segment stays plain
        try:
            self.write([{"eventName": "StreamClose", "eventTime": event_time(self._clock.now()), "meridian": {}}])
            self._end_segment(None)
        finally:
            if self._segment is not None:
                self._segment.close()
            if closed is not None:
                closed.stop()  # before the directory may be another's
            self._directory.close()

    # ------------------------------------------------------------ segments and digests

    def tick(self, kept: int) -> None:
        """Close the segment and sign, if it is time and no change waits for its record."""
        if self._clock.monotonic() >= self._due and self._may_try() and not kept:
            self._try(lambda: self._end_segment(None))

    def seconds_until_due(self) -> float:
        """How long `tick` has nothing to do."""
        return max(0.01, max(self._due, self._not_before) - self._clock.monotonic())

    def _segment_for(self, size: int, kept: int) -> Segment:
        """The segment that takes the next bytes: a new one where the present one is old, or would grow over its bound."""
        segment = self._segment
        if segment is None:
            self._segment = self._new_segment(size, kept)
            return self._segment
        is_due = self._clock.monotonic() >= self._due or segment.length + size > self._rules.bytes
        if is_due and segment.length and self._may_try():
            self._try(lambda: self._turn(size, kept))
        return self._segment or segment

    def _turn(self, size: int, kept: int) -> None:
        """Go on in a new segment. It has its space before the old one is given up, and the old one its digest."""
        new = self._new_segment(size, kept)
        try:
            self._end_segment(new)
        finally:
            if self._segment is not new:
                self._segments -= 1
                new.remove()

    def _new_segment(self, size: int, kept: int) -> Segment:
        name = segment_name(self._stamp, self._opening.stream, self._segments + 1)
        made = Segment(self._directory, name, self._rules.reserve_bytes)
        try:
            made.require_room(size, kept * ROOM_BYTES, strictly=False)
            self._directory.sync()
        except OSError:
            made.remove()
            raise
        self._segments += 1
        return made

    def _end_segment(self, following: Segment | None) -> None:
        """Sign what the stream holds now, its last segment with it, and close that."""
        segment = self._segment
        if segment is None or not segment.length:
            self._sign(())
            return
        size, last_hash = self._tree.size, self._position.last_hash
        segment.cut()
        segment.require_in_place()  # a file that is gone is not signed and passed over: the stream stops with it
        self._sign((LogFile(segment.path.name, segment.sha256, segment.oldest, segment.newest),))
        self._end = Place(segment.path.name, segment.length)
        self._segment = following
        segment.close()
        if self._closed is not None:
            self._closed.add(segment.path, segment.sha256)
        self._digests.retention.note_closed(segment.path, Ended(self._opening.stream, size - 1, last_hash, segment.newest))

    def _sign(self, log_files: tuple[LogFile, ...]) -> None:
        self._digests.sign(log_files, self._tree, self._position.last_hash)
        self._signed_at = self._clock.monotonic()
        self._due = self._signed_at + self._rules.seconds

    def _may_try(self) -> bool:
        return self._clock.monotonic() >= self._not_before

    def _try(self, work: Callable[[], None]) -> None:
        """Do what can wait: a failure is told, and tried again soon."""
        try:
            work()
        except OSError as fault:
            self._not_before = self._clock.monotonic() + TRY_AGAIN_SECONDS
            self.on_fault(fault)
