"""What each configured Region may ask of this one: how often, with how much, and how many calls at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from google.protobuf.message import Message

from meridian.domain.token_bucket import Rate, TokenBucket
from meridian.errors import ThrottlingException
from meridian.peer.v1 import replication_pb2 as wire
from meridian.ports.clock import Clock
from meridian.replication.wire.message_bounds import entries_of

CALLS_PER_SECOND: Final = 500.0
CALLS_BURST: Final = 1_000.0
CALLS: Final = Rate(CALLS_PER_SECOND, CALLS_BURST)
CALLS_AT_ONCE: Final = 48
"""Of one Region: what two of its processes deliver at the same time, and half as much again for questions."""
COMPARISONS_AT_ONCE: Final = 4
"""Of one Region: each reads for hundreds of sets, and a process asks one at a time."""
BUSY_SECONDS: Final = 1.0
"""After so long a Region that has too many calls in hand may try again."""


BYTES_PER_CALL: Final = 4096
"""Of a message: every so many draw like a call of their own, since they are read, verified and kept."""


def cost_of(request: Message) -> int:
    """What a call draws: for itself, for every entry of its lists, and for its bytes."""
    return 1 + entries_of(request) + request.ByteSize() // BYTES_PER_CALL


class PeerRate:
    """How often each configured Region may call, and with how much. Raises: ThrottlingException."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def draw(self, region: str, cost: int) -> None:
        """Draw for one call of this cost; one that costs more than a burst takes the whole of it."""
        drawn, now = min(float(cost), CALLS_BURST), self._clock.monotonic()
        bucket = self._buckets.get(region, TokenBucket.full(CALLS, now)).filled(CALLS, now)
        missing = bucket.lacks(drawn)
        self._buckets[region] = bucket if missing else bucket.drawn(drawn)
        if missing:
            raise ThrottlingException(retry_after_seconds=missing / CALLS_PER_SECOND)


class PeerCallsAtOnce:
    """How many calls of each configured Region are answered at the same time. Raises: ThrottlingException."""

    def __init__(self) -> None:
        self._in_hand: Counter[tuple[str, bool]] = Counter()

    @contextmanager
    def one_more(self, region: str, request: Any) -> Iterator[None]:
        """While this call is answered it counts; refused where its Region has as many in hand as it may."""
        is_comparison = isinstance(request, wire.CompareRequest)
        place = region, is_comparison
        if self._in_hand[place] >= (COMPARISONS_AT_ONCE if is_comparison else CALLS_AT_ONCE):
            raise ThrottlingException(retry_after_seconds=BUSY_SECONDS)
        self._in_hand[place] += 1
        try:
            yield
        finally:
            self._in_hand[place] -= 1
