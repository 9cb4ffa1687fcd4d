"""Verification of audit directories, from files and public keys alone.

What it cannot see is what no file speaks of any more: records, digests and streams cut off the end together. `against_database` can.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meridian.audit.check_digests import check_digests
from meridian.audit.check_doubles import check_doubles
from meridian.audit.check_ended import check_ended
from meridian.audit.check_links import check_links
from meridian.audit.check_stream import Pin, StreamCheck, Visit, Vouchers
from meridian.audit.digest import SUFFIX as DIGEST_SUFFIX
from meridian.audit.digest import Digest, read_digest
from meridian.audit.directories import has_log
from meridian.audit.ended import is_ended
from meridian.audit.findings import Report, StreamReport, Verdict
from meridian.audit.keys import KEYS_FILE, KEYS_FILE_BYTES_MAX, AuditKeys, AuditKeysError, RegionNames
from meridian.audit.left_by_retention import left_by_retention, start_of, tell_ended
from meridian.audit.neighbours import ALONE, Neighbours, check_ends, missing_in, neighbours_of, registered_in
from meridian.audit.read_heads import read_head
from meridian.audit.segments import SUFFIX, plain_name
from meridian.audit.stream_files import Head, digests_in, segment_name, segments_in, streams_of
from meridian.regular_file import read_regular

TIMES_READ_MAX = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """What the reader knows of the log beforehand; without it a log can only be compared with itself."""

    keys: AuditKeys | None = None
    """Audit keys of the Region from a place that whoever changes the log cannot change."""
    region: str = ""
    pins: Mapping[str, Sequence[Pin]] = field(default_factory=dict)
    """Records that the database has seen, by stream."""
    visit: Visit | None = None
    """Sees every record that belongs to a chain."""


def verify_file(path: Path) -> Report:
    """The chain of one file alone; who wrote it, and what came before and after, is not looked at."""
    report = Report(path)
    head = read_head(report, path)
    if head is not None:
        check = StreamCheck(head.stream, [head], Vouchers(), None)
        if head.sequence == 0:
            report.take(check.run())
            report.add(Verdict.INCOMPLETE, path, "one file says nothing of its signatures: verify the directory")
        else:
            report.add(Verdict.INCOMPLETE, path, "the file is a later segment of its stream: verify the directory")
    return report


def verify_directory(directory: Path, expected: Expected, neighbours: Neighbours = ALONE) -> Report:
    """Everything in one directory. A log that grows meanwhile is read again, three times at most."""
    for _ in range(TIMES_READ_MAX):
        before = digests_in(directory)
        report = DirectoryCheck(directory, expected, neighbours).run()
        if digests_in(directory) == before:
            break
    return report


def verify_directories(wanted: Sequence[tuple[Path, Expected]]) -> list[Report]:
    """Several directories, whose streams may follow on each other's."""
    told = neighbours_of([directory for directory, _ in wanted])
    reports = [verify_directory(directory, expected, others) for (directory, expected), others in zip(wanted, told, strict=True)]
    check_ends(reports)
    return reports


class DirectoryCheck:
    """The state of verifying one directory."""

    def __init__(self, directory: Path, expected: Expected, neighbours: Neighbours) -> None:
        self._directory = directory
        self._expected = expected
        self._neighbours = neighbours
        self._report = Report(directory)

    def run(self) -> Report:
        report = self._report
        try:
            digests = self._digests()  # first of all: what they sign is on the disk before them
            paths = segments_in(self._directory)
            streams = streams_of(self._heads(paths))
            check_doubles(report, paths)
            self._foreign_files()
        except OSError as fault:
            report.add(Verdict.UNREADABLE, self._directory, fault.strerror or str(fault))
            return report
        if not streams and not report.findings:
            report.add(Verdict.UNREADABLE, self._directory, "there are no audit streams")
            return report
        keys = self._keys(are_needed=bool(digests))
        sound = check_digests(report, digests, keys)
        report.digests = [digest.extent.stream for digest in sound]
        report.ended = check_ended(report, sound)
        streams = left_by_retention(report, streams, sound)
        tell_ended(report)
        vouchers = self._vouchers(streams, sound)
        for stream, segments in streams.items():
            report.take(StreamCheck(stream, segments, vouchers[stream], self._expected.visit).run())
        self._check_names(streams)
        self._check_regions(keys)
        self._check_epochs(sound)
        check_links(self._report, self._is_here, are_checked=keys is not None)
        self._check_signed()
        return report

    # ---- what there is

    def _digests(self) -> list[Digest]:
        found = []
        for path in digests_in(self._directory):
            try:
                found.append(read_digest(path))
            except ValueError as fault:
                self._report.add(Verdict.TAMPERED, path, str(fault))
        return found

    def _heads(self, paths: Sequence[Path]) -> list[Head]:
        heads = [read_head(self._report, path) for path in paths]
        return [head for head in heads if head is not None]

    def _foreign_files(self) -> None:
        for path in sorted(self._directory.iterdir()):
            is_own = (
                plain_name(path).endswith(SUFFIX) or path.suffix == DIGEST_SUFFIX or path.name in (KEYS_FILE, "lost+found") or has_log(path)
            )
            if not is_own and not path.name.startswith("."):
                self._report.add(Verdict.TAMPERED, path, "this is no file of the audit log")

    def _keys(self, *, are_needed: bool) -> AuditKeys | None:
        """The keys that signatures are checked with: the ones that are pinned, and those beside the log that follow on them."""
        report, pinned, path = self._report, self._expected.keys, self._directory / KEYS_FILE
        beside: AuditKeys | None = None
        try:
            beside = AuditKeys.from_json(read_regular(path, KEYS_FILE_BYTES_MAX))
            if pinned is not None:
                return pinned.following(beside.keys)
            trusted = AuditKeys(beside.names, beside.keys[:1]).following(beside.keys)
        except FileNotFoundError:
            if pinned is None and are_needed:
                report.add(Verdict.INCOMPLETE, path, "there are no audit keys: signatures were not checked; give them with --keys")
            return pinned
        except (AuditKeysError, OSError) as fault:
            report.add(Verdict.TAMPERED, path, str(fault))
            return pinned
        report.unproven.append(
            f"{self._directory}: signatures were checked with the keys found beside the log, which whoever changes the log can change, "
            "too; pin them with --keys"
        )
        return trusted

    def _vouchers(self, streams: Mapping[str, Sequence[Head]], digests: Sequence[Digest]) -> dict[str, Vouchers]:
        """What digests, later streams and the database say of each stream."""
        found = {stream: Vouchers([d for d in digests if d.extent.stream == stream]) for stream in streams}
        for stream, segments in streams.items():
            found[stream].start = start_of(segments[0], self._report.ended, found[stream].digests)
        for digest in digests:
            if digest.extent.stream not in streams and not is_ended(self._report.ended, digest.extent.stream, digest.extent.treeSize - 1):
                text = f"stream {digest.extent.stream}, of which it signed {digest.extent.treeSize} records, is missing"
                self._report.add(Verdict.INCOMPLETE, digest.path, text)
        for segments in streams.values():
            self._pin(found, segments[0])
            if segments[0].previous_stream in found:
                found[segments[0].previous_stream].ends.add(str(segments[0].record["meridian"].get("previousHash")))
        for pinned in (self._expected.pins, self._neighbours.pins):
            for stream in found.keys() & pinned.keys():
                found[stream].pins += pinned[stream]
        return found

    def _pin(self, found: Mapping[str, Vouchers], opening: Head) -> None:
        told = dict[str, str]()
        for said, what in (
            (registered_in(opening), "which the database knew as the one before"),
            (missing_in(opening), "which was not there when this one began"),
        ):
            if said is not None and said.stream in found:
                found[said.stream].pins.append(said.pin)
            elif said is not None and not self._is_here(said.stream, found) and said.stream != opening.previous_stream:
                told.setdefault(said.stream, f"stream {said.stream}, {what}, is missing")
        for text in told.values():
            self._report.add(Verdict.INCOMPLETE, opening.path, text, 1)

    def _is_here(self, stream: str, own: Container[str]) -> bool:
        return stream in own or stream in self._neighbours.streams or stream in self._report.ended

    # ---- what fits together

    def _check_names(self, streams: Mapping[str, Sequence[Head]]) -> None:
        for stream, segments in streams.items():
            first = segments[0].record["meridian"].get("segment") if segments[0].is_opening else None
            for at, segment in enumerate(segments, 1):
                if first is None:
                    is_own = stream in segment.path.name
                    name = f"one with {stream} in it"
                else:
                    name = segment_name(str(first).split("-", 1)[0], stream, at)
                    is_own = plain_name(segment.path) == name
                if not is_own:
                    self._report.add(Verdict.TAMPERED, segment.path, f"the file was renamed: its name was {name}")

    def _check_regions(self, keys: AuditKeys | None) -> None:
        """Every stream is of the Region that is expected, or at least of the one that the others are of."""
        streams = [stream for stream in self._report.streams if stream.opening]
        names = keys.names if keys is not None else next((made for s in streams if (made := _names(s)) is not None), None)
        region = self._expected.region or (names.region if names else next((str(s.opening.get("region")) for s in streams), ""))
        for stream in streams:
            own = _names(stream)
            if own is not None and names is not None and own != names:
                self._report.add(Verdict.TAMPERED, stream.paths[0], f"the stream is of {own}, not of {names}", 1)
            elif stream.opening.get("region", region) != region:
                self._report.add(Verdict.TAMPERED, stream.paths[0], f"the stream is of {stream.opening['region']}, not of {region}", 1)

    def _check_epochs(self, digests: Sequence[Digest]) -> None:
        known = {stream.stream: stream for stream in self._report.streams if stream.opening}
        for digest in digests:
            stream = known.get(digest.extent.stream)
            if stream is not None and stream.opening.get("epoch") != digest.extent.epoch:
                text = f"the stream says epoch {stream.opening.get('epoch')}, digest {digest.name} {digest.extent.epoch}"
                self._report.add(Verdict.TAMPERED, stream.paths[0], text, 1)
        for stream in known.values():
            before = known.get(stream.previous_stream)
            if before is not None and int(stream.opening.get("epoch", 0)) < int(before.opening.get("epoch", 0)):
                self._report.add(Verdict.TAMPERED, stream.paths[0], "its epoch is lower than that of the stream before it", 1)

    def _check_signed(self) -> None:
        for stream in self._report.streams:
            covered = max(stream.signed, stream.vouched)
            if stream.finding is not None or covered == stream.records:
                continue
            path, tail = stream.paths[-1], stream.records - covered
            if not stream.signed and not stream.vouched:
                self._report.add(Verdict.INCOMPLETE, path, f"no digest speaks of stream {stream.stream}: its {tail} records are unsigned")
            elif stream.is_closed:
                text = f"the last {tail} records are unsigned: the digest that was made when the stream was closed is missing"
                self._report.add(Verdict.INCOMPLETE, path, text)
            elif stream.is_overdue:
                text = f"the last {tail} records are unsigned, although a digest was due after {stream.signed_until}"
                self._report.add(Verdict.INCOMPLETE, path, text)
            elif stream.stream not in self._expected.pins:
                self._report.unproven.append(f"{path}: the last {tail} records are not signed yet, so nobody vouches for them")
        if not self._expected.pins:
            self._report.unproven.append(
                f"{self._directory}: whether the log went on after its last record is not known from the files; compare with --against-db"
            )


def _names(stream: StreamReport) -> RegionNames | None:
    """The names in a StreamOpen; None in one of a release that wrote the Region alone."""
    opening = stream.opening
    if "deployment" not in opening:
        return None
    return RegionNames(str(opening["deployment"]), str(opening.get("partition")), str(opening.get("region")))
