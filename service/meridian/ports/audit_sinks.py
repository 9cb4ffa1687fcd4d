"""Where the audit log is shipped to beside its files: no call waits for it, and what it has not taken is kept."""

from __future__ import annotations

from typing import Protocol


class SinkFaultError(Exception):
    """A sink did not take what it was given, or not in time. The text says why, and holds no secret."""


class SinkStanding(Protocol):
    """How far a sink has come. May be asked from any thread, and touches neither disk nor network."""

    @property
    def name(self) -> str:
        """As operators know it."""
        ...

    @property
    def failures(self) -> int:
        """How often it did not take something."""
        ...

    def seconds_behind(self) -> float:
        """How long ago it had everything."""
        ...

    def segments_behind(self) -> int:
        """How many segments hold something that it does not have."""
        ...


class AuditSink(Protocol):
    """Ships the log somewhere, piece by piece, and remembers durably how far it has come: after a death a piece may come twice, none is
    left out. `ship` and `close` are for one thread at a time."""

    @property
    def name(self) -> str:
        """As operators know it."""
        ...

    def ship(self) -> bool:
        """Ship the next piece. The answer is whether anything is left of what there was when this began. Blocks.

        Raises: SinkFaultError, OSError, DamagedSegmentError; then the same piece comes again.
        """
        ...

    def segments_behind(self) -> int:
        """As in `SinkStanding`."""
        ...

    def holds(self, segment: str) -> bool:
        """Whether it does not yet have this segment, told by its plain name, to the end: then the files stay. From any thread."""
        ...

    def close(self) -> None:
        """Give up what is under way; `ship` then fails. May be called from any thread."""
        ...
