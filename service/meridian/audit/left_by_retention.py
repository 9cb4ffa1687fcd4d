"""What verification makes of a directory in which retention has ended something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from meridian.audit.digest import Digest
from meridian.audit.ended import Ended, is_ended
from meridian.audit.findings import Report, Verdict
from meridian.audit.segments import DamagedSegmentError, content_hash, plain_name
from meridian.audit.stream_files import Head


def left_by_retention(report: Report, streams: Mapping[str, list[Head]], digests: Sequence[Digest]) -> dict[str, list[Head]]:
    """The streams to verify: without those of which only ended files are left, and not from their beginning. Such a file is the one that
    a digest signed, or it is reported.
    """
    signed = {file.name: file.sha256 for digest in digests for file in digest.log_files}
    left = {}
    for stream, segments in streams.items():
        if _is_rest(segments, report.ended, digests):
            for segment in segments:
                _check_rest(report, segment.path, signed.get(plain_name(segment.path), ""))
        else:
            left[stream] = segments
    return left


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


def _check_rest(report: Report, path: Path, signed: str) -> None:
    try:
        is_own = content_hash(path) == signed
    except DamagedSegmentError as fault:
        report.add(Verdict.TAMPERED, path, str(fault))
        return
    except FileNotFoundError:
        return  # it has gone since, as it was to
    except OSError as fault:
        report.add(Verdict.UNREADABLE, path, fault.strerror or str(fault))
        return
    if not is_own:
        report.add(Verdict.TAMPERED, path, "the file is of a stream that was ended, and is not one that a digest signed")


def _is_rest(segments: Sequence[Head], ended: Mapping[str, Ended], digests: Sequence[Digest]) -> bool:
    first, last = segments[0], segments[-1]
    is_from_within = first.sequence > 0 and start_of(first, ended, digests) is None
    return is_from_within and is_ended(ended, last.stream, last.sequence)
