"""Segments that lie there in both forms: a process ended before it had removed the plain one, or somebody has put one beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meridian.audit.findings import Report, Verdict
from meridian.audit.segments import DamagedSegmentError, compressed_path, content_hash, is_compressed


def check_doubles(report: Report, segments: Iterable[Path]) -> None:
    """Both forms say the same; whoever unpacks the compressed one would read something else otherwise."""
    for path in segments:
        compressed = compressed_path(path)
        if is_compressed(path) or not compressed.exists():
            continue
        try:
            is_same = content_hash(compressed) == content_hash(path)
        except DamagedSegmentError as fault:
            report.add(Verdict.TAMPERED, compressed, str(fault))
            continue
        except FileNotFoundError:
            continue  # retention has removed it meanwhile
        if not is_same:
            report.add(Verdict.TAMPERED, compressed, "the compressed file does not hold what the plain one beside it holds")
