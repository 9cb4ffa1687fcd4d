"""What the long runs about Regions that stand alone, and that become one again, fail for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from alone import wrong
from convergence import HEALTHY_SECONDS, LOST_SECONDS, judged, p99
from tests.histories.alone import HEALED_SECONDS, KINDS, Alone
from tests.histories.convergence import KINDS as FAULTS

WELL = Alone(calls=Counter(KINDS), healed=1.0)


def test_regions_that_stood_alone_as_promised() -> None:
    assert wrong(WELL) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(WELL, failed=["_encrypt in us-east-1: x"]), "_encrypt in us-east-1: x"),
        (replace(WELL, calls=Counter(KINDS - {"make"})), "make: no call"),
        (replace(WELL, healed=HEALED_SECONDS), "30 s after their return the Regions do not agree"),
        (Alone(calls=Counter(KINDS)), "30 s after their return the Regions do not agree"),
    ],
)
def test_each_promise_of_standing_alone_can_be_missed(found: Alone, said: str) -> None:
    assert wrong(found) == [said]


def taken(**longer: float) -> dict[str, list[float]]:
    """Twenty runs of each kind, one of some taking so long."""
    slow = {name: seconds for name in FAULTS for part, seconds in longer.items() if part in name}
    return {name: [*[1.0] * 18, *[slow.get(name, 1.0)] * 2] for name in FAULTS}


def test_one_slow_percent_misses_the_goal_of_its_links() -> None:
    assert [judged(taken(**longer))[1] for longer in ({}, {"lost": LOST_SECONDS - 1}, {"lost": LOST_SECONDS + 1})] == [True, True, False]
    assert [judged(taken(passed=seconds))[1] for seconds in (HEALTHY_SECONDS - 1, HEALTHY_SECONDS + 1)] == [True, False]
    assert not judged({})[1]


def test_of_few_runs_the_slowest_percent_is_no_more_than_the_longest() -> None:
    assert p99([1.0]) == 1.0
    assert 1.9 < p99([1.0, 1.0, 1.0, 1.0, 2.0]) <= 2.0
