"""Reads the first line of a segment, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from meridian.audit.findings import Report, Verdict
from meridian.audit.segments import DamagedSegmentError, first_line, is_compressed
from meridian.audit.stream_files import Head, head_of, number_of


def read_head(report: Report, path: Path) -> Head | None:
    """Where the segment belongs; None where its first line does not say so, which is reported."""
    try:
        head = head_of(path)
        if head is None and not is_compressed(path) and path.stat().st_size == 0:
            if number_of(path) <= 1:
                report.add(Verdict.INCOMPLETE, path, "the file is empty", 1)
            return None  # a later segment that is about to be written; what was in it before shows by what vouches for it
    except OSError as fault:
        report.add(Verdict.UNREADABLE, path, fault.strerror or str(fault))
        return None
    if head is None:
        verdict, text = _fault_of_first_line(path)
        report.add(verdict, path, text, 1)
    return head


def _fault_of_first_line(path: Path) -> tuple[Verdict, str]:
    try:
        is_whole = first_line(path).endswith(b"\n")
    except DamagedSegmentError as fault:
        return Verdict.TAMPERED, str(fault)
    return (Verdict.TAMPERED, "the line is no audit record") if is_whole else (Verdict.INCOMPLETE, "it has no whole line")
