"""Half a minute of churn before Envoy: connections opened and cut, calls given up and past their deadline, garbage, certificates renewed,
one of two processes killed, beside honest callers whose every call is answered and recorded. `make churn` is the long form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.histories.churn import CALLERS, CHURN, PROCESSES, QUIET, SETTINGS, churn
from tests.several import Several, served

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

QUIET_SECONDS, SECONDS, SETTLED_SECONDS = 5.0, 30.0, 15.0
GROWTH_MAX = 0.05
"""Of memory in the second half; over ten minutes, and after the first, it is 0.02."""
DONE = {"hasty", "cut", "garbage", "malformed", "renewed", "killed"}


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Several]:
    yield from served(tmp_path, PROCESSES, SETTINGS)


def test_churn_costs_no_honest_caller_an_answer(several: Several) -> None:
    found = churn(several, QUIET_SECONDS, SECONDS, SETTLED_SECONDS, print)
    assert found.wrong == []
    assert {name for name, count in found.done.items() if count} == DONE
    assert found.done["killed"] == 1
    assert found.lost <= CALLERS
    assert len(found.waited[QUIET]) > 100
    assert len(found.waited[CHURN]) > 100, "the load was no load"
    for name, (_, _, growth) in found.memory.items():
        assert growth <= GROWTH_MAX, f"{name}: {found.memory}"
