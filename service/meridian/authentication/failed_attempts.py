"""Who fails to authenticate again and again is answered late.

Each address has some failures a minute free; what comes on top fills a bucket, and its answers are delayed until the bucket has
room again. Only failures are counted and only their answers wait: a right credential from the same address, behind the same NAT,
is served at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from meridian.domain.addresses import network_of

ADDRESSES_MAX: Final = 10_000
DELAY_SECONDS_MAX: Final = 5.0
SLEEPING_ANSWERS_MAX: Final = 256
SECONDS_PER_MINUTE: Final = 60.0


@dataclass(slots=True)
class _Bucket:
    """Failures of one address that are not forgiven yet."""

    failures: float
    at: float


class FailedAttempts:
    """Failures by address, an IPv6 address by its /64. `now` is in monotonic seconds. At most 10,000 addresses are kept, the lately
    seen; `per_minute` 0 counts and delays nothing."""

    def __init__(self, per_minute: int) -> None:
        self._free = float(per_minute)
        self._forgiven_per_second = per_minute / SECONDS_PER_MINUTE
        self._most = self._free + DELAY_SECONDS_MAX * self._forgiven_per_second
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._sleeping = 0

    def note(self, address: str, now: float) -> None:
        """Count one failure."""
        if self._free <= 0.0:
            return
        name = network_of(address)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(0.0, now)
            if len(self._buckets) > ADDRESSES_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        # Bounded, so that an address that was busy for an hour is forgiven as soon as one that was busy for a minute.
        bucket.failures = min(self._left(bucket, now) + 1.0, self._most)
        bucket.at = now

    def is_delayed(self, address: str, now: float) -> float:
        """For how many seconds the answer to a failure of this address waits now, at most 5.0; 0.0 if it does not."""
        bucket = self._buckets.get(network_of(address))
        if bucket is None:
            return 0.0
        over = self._left(bucket, now) - self._free
        return over / self._forgiven_per_second if over > 0.0 else 0.0

    async def hold_back(self, address: str, now: float) -> None:
        """Count one failure and return when it may be answered; at once where 256 answers wait already."""
        self.note(address, now)
        seconds = self.is_delayed(address, now)
        if seconds == 0.0 or self._sleeping >= SLEEPING_ANSWERS_MAX:
            return
        self._sleeping += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._sleeping -= 1

    def _left(self, bucket: _Bucket, now: float) -> float:
        return max(0.0, bucket.failures - (now - bucket.at) * self._forgiven_per_second)
