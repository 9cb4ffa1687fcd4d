"""Which refusals are held back, and for how long."""

from __future__ import annotations

from collections import Counter
from math import ceil

from meridian.domain.gates import RETRY_SECONDS
from meridian.domain.held_refusals import (
    ADVISED_TIMES,
    HELD_MAX,
    HELD_TIMES_MAX,
    PROMPT_MAX,
    SPREAD,
    TOGETHER_SECONDS,
    HeldRefusals,
    advice_after,
)

NOW = 100.0


def test_who_does_not_heed_refusals_gets_them_late_and_nobody_else_does() -> None:
    held = HeldRefusals()
    assert [held.begin("a", NOW) for _ in range(PROMPT_MAX)] == [0.0] * PROMPT_MAX
    assert RETRY_SECONDS * (1 - SPREAD) <= held.begin("a", NOW) <= RETRY_SECONDS
    assert not held.begin("b", NOW)
    assert not held.begin("a", NOW + RETRY_SECONDS), "it counts anew"


def test_the_more_refusals_an_account_gets_the_longer_each_is_held_back_up_to_a_bound() -> None:
    held = HeldRefusals()
    seconds = [held.begin("a", NOW) for _ in range(9 * PROMPT_MAX)]
    steps = [ceil(seconds[number * PROMPT_MAX + PROMPT_MAX // 2] / RETRY_SECONDS) for number in range(9)]
    assert steps == [0, 1, 2, 3, 4, 4, 4, 4, 4]
    assert HELD_TIMES_MAX * RETRY_SECONDS * 0.99 < max(seconds) <= HELD_TIMES_MAX * RETRY_SECONDS


def test_refusals_of_a_moment_are_answered_evenly_over_a_while() -> None:
    held = HeldRefusals()
    longest = HELD_TIMES_MAX * RETRY_SECONDS
    seconds = sorted([held.begin("a", NOW) for _ in range(9 * PROMPT_MAX)][-4 * PROMPT_MAX :])
    assert seconds[0] >= longest * (1 - SPREAD)
    assert {advice_after(each) for each in seconds} == {ADVISED_TIMES * longest}, "callers spread themselves"
    moments = Counter(round((NOW + each) / TOGETHER_SECONDS, 3) for each in seconds)
    assert all(moment.is_integer() for moment in moments), "those of a moment are answered together"
    even = len(seconds) * TOGETHER_SECONDS / (longest * SPREAD)
    assert max(moments.values()) < 2 * even, "no moment has many of them"


def test_no_more_refusals_are_held_back_than_the_bound() -> None:
    held = HeldRefusals()
    late = [held.begin("a", NOW) for _ in range(PROMPT_MAX + HELD_MAX + 1)]
    assert ([seconds > 0 for seconds in late].count(True), late[-1]) == (HELD_MAX, 0.0)
    held.end()
    assert held.begin("a", NOW)
