"""How long the end of a process takes, part by part: one table, so that the parts fit into the whole."""

from __future__ import annotations

from dataclasses import dataclass

from meridian.settings import Settings


@dataclass(frozen=True, slots=True)
class EndTimes:
    """Seconds, each a bound."""

    pause: float
    """Unready, and serving: until balancers send new callers elsewhere. Waited in full."""
    calls: float
    """For calls under way; then they are cut."""
    stop: float
    """For what was cut to be answered, jobs, the audit log and the database."""
    rest: float
    """For threads that have to return, and the interpreter. Then the process ends, whatever hangs."""

    @property
    def in_order(self) -> float:
        """Until everything is stopped."""
        return self.pause + self.calls + self.stop

    @property
    def total(self) -> float:
        """Until the process ends in any case."""
        return self.in_order + self.rest


def end_times(settings: Settings) -> EndTimes:
    """30 seconds with the pause of the defaults, as Kubernetes gives; under `meridian dev`, which gives nine, less than those."""
    pause = settings.limits.drain_pause_seconds
    return EndTimes(pause, calls=4.0, stop=3.0, rest=1.0) if settings.development else EndTimes(pause, calls=16.0, stop=6.0, rest=3.0)
