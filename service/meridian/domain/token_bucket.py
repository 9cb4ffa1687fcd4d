"""A token bucket, as a value: what is left of a burst, and since when it fills again. It knows no clock and waits for nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a bucket fills, and how much it holds; both more than 0."""

    per_second: float
    burst: float


@dataclass(slots=True)
class TokenBucket:
    """What it held at a moment, in monotonic seconds."""

    level: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> TokenBucket:
        """One that nobody has drawn from."""
        return cls(rate.burst, now)

    def filled(self, rate: Rate, now: float) -> TokenBucket:
        """The bucket now, with nothing drawn. A clock that went back fills nothing."""
        return TokenBucket(min(rate.burst, self.level + max(0.0, now - self.at) * rate.per_second), now)

    def lacks(self, cost: float) -> float:
        """How much is missing for so much; 0.0 where nothing is."""
        return cost - self.level if cost > self.level else 0.0

    def drawn(self, cost: float) -> TokenBucket:
        """The bucket without so much. Raises: ValueError where it holds less."""
        if cost > self.level:
            raise ValueError(cost)
        return TokenBucket(self.level - cost, self.at)
