"""How often another Region may change what this one keeps of a set: each change is rows, an audit record, and a message to others.

A rotation is four changes at most, and each key has its own rate; who needs more is refused for a moment and delivers what is newest then.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final, NamedTuple

from meridian.domain.token_bucket import Rate, TokenBucket
from meridian.errors import ThrottlingException
from meridian.ports.clock import Clock
from meridian.replication.refusals import Refusals

OF_A_SET: Final = Rate(per_second=0.2, burst=128.0)
"""Of one Region, in one set."""
OF_A_REGION: Final = Rate(per_second=200.0, burst=2_000.0)
"""Of one Region, in all sets together."""
BUCKETS_MAX: Final = 10_000
TOLD_SECONDS: Final = 60.0
"""Between two security events about one Region."""


class SetOfRegion(NamedTuple):
    """A set that a Region changes; without a name, all of them."""

    region: str
    account: str = ""
    key_id: str = ""


class ChangeRate:
    """Draws on both rates. Tells of refusals once a minute."""

    def __init__(self, clock: Clock, refusals: Refusals) -> None:
        self._clock = clock
        self._refusals = refusals
        self._buckets: OrderedDict[SetOfRegion, TokenBucket] = OrderedDict()
        """The one that was drawn on last is at the end."""
        self._refused: Counter[str] = Counter()
        """By Region, since it was told of last."""
        self._told_at: dict[str, float] = {}

    def draw(self, region: str, account: str, key_id: str) -> None:
        """One change of this set. Raises: ThrottlingException, which says when to try again; nothing is drawn then."""
        now = self._clock.monotonic()
        asked = {SetOfRegion(region): OF_A_REGION, SetOfRegion(region, account, key_id): OF_A_SET}
        filled = {whose: self._buckets.get(whose, TokenBucket.full(rate, now)).filled(rate, now) for whose, rate in asked.items()}
        wait = max(filled[whose].lacks(1.0) / rate.per_second for whose, rate in asked.items())
        if wait:
            self._refuse(region, account, key_id, now)
            raise ThrottlingException(retry_after_seconds=wait)
        for whose, bucket in filled.items():
            self._buckets[whose] = bucket.drawn(1.0)
            self._buckets.move_to_end(whose)
        while len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)

    def _refuse(self, region: str, account: str, key_id: str, now: float) -> None:
        self._refused[region] += 1
        if now - self._told_at.get(region, now - TOLD_SECONDS) >= TOLD_SECONDS:
            self._told_at[region] = now
            self._refusals.tell_too_many_changes(region, account, key_id, self._refused.pop(region))
