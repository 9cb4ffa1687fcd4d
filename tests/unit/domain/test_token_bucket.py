"""A bucket holds a burst, fills at its rate, and gives no more than it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meridian.domain.token_bucket import Rate, TokenBucket

RATE = Rate(per_second=10.0, burst=20.0)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket.full(RATE, 5.0).drawn(20.0)
    assert bucket == TokenBucket(0.0, 5.0)
    assert bucket.lacks(1.0) == 1.0
    with pytest.raises(ValueError, match=r"1\.0"):
        bucket.drawn(1.0)
    assert bucket.filled(RATE, 5.5) == TokenBucket(5.0, 5.5)
    assert bucket.filled(RATE, 5.5).lacks(5.0) == 0.0
    assert bucket.filled(RATE, 1000.0) == TokenBucket(20.0, 1000.0)


def test_a_clock_that_went_back_fills_nothing() -> None:
    assert TokenBucket(3.0, 5.0).filled(RATE, 4.0) == TokenBucket(3.0, 4.0)


@given(steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 25)), max_size=40))
def test_no_more_is_given_than_a_burst_and_what_filled(steps: list[tuple[float, float]]) -> None:
    bucket, now, given_out = TokenBucket.full(RATE, 0.0), 0.0, 0.0
    for seconds, cost in steps:
        now += seconds
        bucket = bucket.filled(RATE, now)
        if not bucket.lacks(cost):
            bucket, given_out = bucket.drawn(cost), given_out + cost
        assert 0.0 <= bucket.level <= RATE.burst
    assert given_out <= RATE.burst + now * RATE.per_second + 1e-6
