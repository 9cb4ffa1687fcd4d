"""What verification says: findings with their verdicts, and what could not be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

from meridian.audit.chain import NO_HASH
from meridian.audit.copies import Counted
from meridian.audit.ended import Ended

OVERDUE = 2
"""How many intervals a digest may be late."""
OVERLAP = ": two processes wrote at once"
"""What two things mean that follow on one and are both signed by the Region: nobody else signs."""


class Verdict(IntEnum):
    """The values are the command's exit codes."""

    CLEAN = 0
    TAMPERED = 1
    UNREADABLE = 3
    INCOMPLETE = 9


WORST_FIRST = (Verdict.UNREADABLE, Verdict.TAMPERED, Verdict.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written."""

    verdict: Verdict
    path: Path
    text: str
    line: int = 0
    """The line of the file, from 1; 0 for the file as a whole."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


@dataclass(slots=True)
class StreamReport:
    """One stream, as far as it could be read."""

    stream: str
    paths: list[Path]
    opening: dict[str, Any] = field(default_factory=dict)
    """`meridian` of its StreamOpen."""
    records: int = 0
    last_hash: str = NO_HASH
    last_time: str = ""
    signed: int = 0
    """How many records the last digest covers."""
    signed_until: str = ""
    vouched: int = 0
    """How many records end at one that the database, or a later stream, knows by its hash."""
    is_closed: bool = False
    ended_at: dict[str, int] = field(default_factory=dict)
    """How many records it had where a later stream says that it ended, by the hash of the last of them."""
    finding: Finding | None = None
    """Where reading stopped."""

    @property
    def previous_stream(self) -> str:
        return str(self.opening.get("previousStream", ""))

    @property
    def missing_stream(self) -> str:
        """The stream that was known to come before this one, and whose files were not all there; empty where they were."""
        said = self.opening.get("missing")
        return str(said["stream"]) if isinstance(said, dict) else ""

    def signed_after(self, last_hash: str) -> int:
        """How many records the Region signed behind the one with this hash, where a later stream says that it ended; 0 for none."""
        at = self.ended_at.get(last_hash)
        return max(0, self.signed - at) if at is not None else 0

    @property
    def is_overdue(self) -> bool:
        """Whether its next digest should have been there when its last record was written."""
        seconds = self.opening.get("digestSeconds")
        if not isinstance(seconds, int | float) or not self.signed_until or not self.last_time:
            return False
        try:
            last, signed = (datetime.fromisoformat(moment) for moment in (self.last_time, self.signed_until))
        except ValueError:
            return True
        return last - signed > OVERDUE * timedelta(seconds=seconds)


@dataclass(slots=True)
class Report:
    """One directory, or one file."""

    path: Path
    streams: list[StreamReport] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    """The stream of each digest that nothing speaks against."""
    findings: list[Finding] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    """What was not shown, in sentences; nothing speaks against it."""
    ended: dict[str, Ended] = field(default_factory=dict)
    """By stream, the records that retention has ended."""
    copies: Counted | None = None
    """Events that stand more than once; None where nobody counted."""

    @property
    def verdict(self) -> Verdict:
        found = {finding.verdict for finding in self.findings}
        return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.CLEAN)

    @property
    def records(self) -> int:
        return sum(stream.records for stream in self.streams)

    def take(self, stream: StreamReport) -> None:
        """A stream that was checked, and what speaks against it."""
        self.streams.append(stream)
        if stream.finding is not None:
            self.findings.append(stream.finding)

    def add(self, verdict: Verdict, path: Path, text: str, line: int = 0) -> None:
        self.findings.append(Finding(verdict, path, text, line))


def word(reports: list[Report]) -> str:
    """The verdict on several directories. Clean is only what nothing was left open of."""
    found = {report.verdict for report in reports}
    worst = next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.CLEAN)
    if worst is Verdict.CLEAN and any(report.unproven for report in reports):
        return "consistent"
    return worst.name.lower()
