"""How much may be sent again where most tries fail."""

from __future__ import annotations

from meridian.client.retry_budget import TOKENS_MAX, RetryBudget


def test_ten_calls_that_are_answered_make_room_for_one_more_try() -> None:
    budget = RetryBudget()
    assert [budget.failed() for _ in range(TOKENS_MAX // 2)] == [True] * (TOKENS_MAX // 2 - 1) + [False]
    for _ in range(20):
        budget.succeeded()
    assert [budget.failed(), budget.failed()] == [True, False]
