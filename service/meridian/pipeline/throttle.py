"""Second step: how often an account calls. A flood is refused before anything of it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meridian.domain.call import Call
from meridian.domain.rates import BURST_MIN, CLASS_OF, RATES
from meridian.errors import ThrottlingException
from meridian.ports.clock import Clock

BUCKETS_MAX: Final = 100_000


class Throttle:
    """Token buckets, one per account and rate class. A rate of 0 means no limit. Raises: ThrottlingException."""

    def __init__(self, clock: Clock, overrides: Mapping[str, float]) -> None:
        rates = {**RATES, **overrides}
        self._rate_of = {name: (kind, rates[kind]) for name, kind in CLASS_OF.items() if rates[kind] > 0}
        self._other = ("other", rates["other"])
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def __call__(self, call: Call) -> None:
        name = call.rpc.name
        kind, rate = self._rate_of.get(name, ("", 0.0) if name in CLASS_OF else self._other)
        if rate <= 0 or call.principal is None:
            return
        burst = max(rate, BURST_MIN)
        now = self._clock.monotonic()
        bucket = (call.principal.account, kind)
        level, since = self._buckets.get(bucket, (burst, now))
        level = min(burst, level + (now - since) * rate)
        if level < 1:
            self._buckets[bucket] = (level, now)
            raise ThrottlingException(retry_after_seconds=(1 - level) / rate)
        self._buckets[bucket] = (level - 1, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.pop(next(iter(self._buckets)))
