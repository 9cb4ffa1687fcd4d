"""How often an account calls. A flood is refused before anything of it is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, Metric

from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.contract.enums import enum_of, enum_values
from meridian.contract.fields import descriptor_of
from meridian.contract.rates import BURST_MIN, RATES, class_said
from meridian.domain.token_bucket import Rate, TokenBucket
from meridian.errors import ThrottlingException, UnrecognizedClientException
from meridian.ports.clock import Clock

BUCKETS_MAX: Final = 100_000
ONE_CALL: Final = 1.0

Said = dict[int, str]
"""Class by the number of an enum's value."""


class Throttle:
    """Token buckets, one per account and rate class. A rate of 0 means no limit.

    Raises: ThrottlingException; UnrecognizedClientException for a call whose caller is not known, which no edge lets in.
    """

    def __init__(self, clock: Clock, overrides: Mapping[str, float], rpcs: Mapping[str, Rpc]) -> None:
        rates = {**RATES, **overrides}
        self._rates = {kind: _rate(per_second) for kind, per_second in rates.items()}
        saying = {name: rpc for name, rpc in rpcs.items() if rpc.algorithm_fields}
        self._said = {name: tuple((field, classes_said(rpc, field)) for field in rpc.algorithm_fields) for name, rpc in saying.items()}
        self._clock = clock
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._refused = dict.fromkeys(rates, 0)
        """How many calls, by class."""

    def __call__(self, call: Call) -> None:
        if call.principal is None:
            raise UnrecognizedClientException(reason="a call without a caller")
        account, kind = call.principal.account, call.rpc.rate
        said = self._said.get(call.rpc.name)
        if said is None:
            self._draw(account, kind)
        elif len(said) == 1:
            ((field, classes),) = said
            self._draw(account, classes.get(getattr(call.request, field), kind))
        else:
            self._draw_all(account, kind, said, call.request)

    def _draw_all(self, account: str, default: str, said: tuple[tuple[str, Said], ...], request: Any) -> None:
        """One call from each class, or none from any."""
        kinds = {classes.get(getattr(request, field), default) for field, classes in said}
        for kind in kinds:
            self._require(account, kind)
        for kind in kinds:
            self._draw(account, kind)

    def _draw(self, account: str, kind: str) -> None:
        bucket = self._require(account, kind)
        if bucket is None:
            return
        self._buckets[account, kind] = bucket.drawn(ONE_CALL)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.pop(next(iter(self._buckets)))

    def _require(self, account: str, kind: str) -> TokenBucket | None:
        """The bucket now; None where there is no limit. Raises: ThrottlingException if it holds less than one call."""
        rate = self._rates[kind]
        if rate is None:
            return None
        now, known = self._clock.monotonic(), self._buckets.get((account, kind))
        bucket = TokenBucket.full(rate, now) if known is None else known.filled(rate, now)
        missing = bucket.lacks(ONE_CALL)
        if missing:
            self._buckets[account, kind] = bucket
            self._refused[kind] += 1
            raise ThrottlingException(retry_after_seconds=missing / rate.per_second)
        return bucket

    def collect(self) -> Iterator[Metric]:
        """The metric as Prometheus wants it."""
        family = CounterMetricFamily("meridian_calls_throttled", "Calls refused for their account's rate, by rate class.", labels=["class"])
        for kind, count in self._refused.items():
            family.add_metric([kind], count)
        yield family


def _rate(per_second: float) -> Rate | None:
    return Rate(per_second, max(per_second, BURST_MIN)) if per_second > 0 else None


def classes_said(rpc: Rpc, field: str) -> Said:
    """The rate class that each value of this request field means."""
    descriptor = descriptor_of(rpc.request_class).fields_by_name[field]
    named = {number: class_said(field, value) for number, value in enum_values(enum_of(descriptor)).items()}
    return {number: kind for number, kind in named.items() if kind}
