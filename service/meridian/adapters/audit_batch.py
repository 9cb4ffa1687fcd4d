"""What the audit stream hands to its file: lines, and where the chain stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines ready to be written, and where the chain stands after them."""

    data: bytes
    leaves: tuple[str, ...]
    sequence: int
    last_hash: str
    times: tuple[str, str]
    """Oldest and newest `eventTime`."""
    is_committed: bool
    """Whether a change that stands already waits for one of the records; they may use the space that is set aside."""


class Position(NamedTuple):
    """Where the chain stands: the next sequence number, and the hash of the last line."""

    sequence: int
    last_hash: str


class Place(NamedTuple):
    """A segment by its plain name, and a number of its bytes."""

    segment: str
    length: int
