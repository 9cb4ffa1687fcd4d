"""What verification makes of a directory in which retention has ended something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meridian.audit.digest import Digest
from meridian.audit.ended import Ended, is_ended
from meridian.audit.findings import Report
from meridian.audit.stream_files import Head


def left_by_retention(streams: Mapping[str, list[Head]], ended: Mapping[str, Ended], digests: Sequence[Digest]) -> dict[str, list[Head]]:
    """The streams to verify: without those of which only ended files are left, and not from their beginning."""
    return {stream: segments for stream, segments in streams.items() if not _is_rest(segments, ended, digests)}


def start_of(first: Head, ended: Mapping[str, Ended], digests: Sequence[Digest]) -> Digest | None:
    """The digest that says how the stream stood before its first segment that is left; None where nothing before it was ended."""
    if first.sequence == 0 or not is_ended(ended, first.stream, first.sequence - 1):
        return None
    said = (digest for digest in digests if digest.extent.stream == first.stream and digest.extent.treeSize == first.sequence)
    return next((digest for digest in said if digest.kept.last_hash), None)


def tell_ended(report: Report) -> None:
    """Say what can be shown no more."""
    for each in report.ended.values():
        text = f"stream {each.stream} was ended by retention up to record {each.lastSeq}, of {each.newest}"
        report.unproven.append(f"{report.path}: {text}: what it told can be shown no more")


def _is_rest(segments: Sequence[Head], ended: Mapping[str, Ended], digests: Sequence[Digest]) -> bool:
    first, last = segments[0], segments[-1]
    is_from_within = first.sequence > 0 and start_of(first, ended, digests) is None
    return is_from_within and is_ended(ended, last.stream, last.sequence)
