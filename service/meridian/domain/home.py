"""Where a Region's keys are at home."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Home:
    """Where new keys are made."""

    partition: str
    region: str
