"""Each Region may call so often, and takes nothing from the others."""

from __future__ import annotations

import pytest

from meridian.errors import ThrottlingException
from meridian.transport.peer_server import CALLS_BURST, CALLS_PER_SECOND, PeerRate


class SteppedClock:
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_region_that_calls_too_often_is_refused_and_the_others_are_not() -> None:
    clock = SteppedClock()
    rate = PeerRate(clock)  # type: ignore[arg-type]
    for _ in range(int(CALLS_BURST)):
        rate.draw("eu-west-1")
    with pytest.raises(ThrottlingException):
        rate.draw("eu-west-1")
    rate.draw("us-east-1")
    clock.seconds += 1.5 / CALLS_PER_SECOND
    rate.draw("eu-west-1")
    with pytest.raises(ThrottlingException):
        rate.draw("eu-west-1")
