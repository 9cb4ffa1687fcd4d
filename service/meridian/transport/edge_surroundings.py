"""What every edge is made of at which callers come in, whatever they speak."""

from __future__ import annotations

from dataclasses import dataclass

from meridian.domain.limits import Limits
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvents
from meridian.transport.under_way import CallsUnderWay


@dataclass(frozen=True, slots=True)
class EdgeSurroundings:
    """One for all edges of a Region."""

    clock: Clock
    entropy: Entropy
    limits: Limits
    unauthenticated: Unauthenticated
    """What becomes of callers who are nobody."""
    events: SecurityEvents
    under_way: CallsUnderWay
    """Where calls are found that must end with the process."""
