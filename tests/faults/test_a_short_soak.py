"""A steady load with one fault after the other, each kind once; `make soak` is the long form, where growth is measured too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.histories.soak import FAULTS, SETTINGS, Held, growth, soak

EVERY_SECONDS, SECONDS = 6.0, 80.0


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_after_a_fault_of_each_kind_nothing_is_wrong(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME, AWAY], SETTINGS).prepare()
    try:
        found = soak(deployment, SECONDS, EVERY_SECONDS, 0.0, seed=1, told=lambda _: None)
    finally:
        deployment.stop_all()
    assert found.wrong == []
    assert found.faults >= len(FAULTS)
    assert found.calls > 100, "the load was no load"
    assert set(found.growth) == {"memory", "files", "threads"}


def test_growth_is_the_slope_of_all_moments_and_no_single_one() -> None:
    steady = [Held(at, 1000 + (400 if at == 50 else 0), 10, 4) for at in range(101)]
    assert abs(growth(steady)["memory"]) < 0.001
    leaking = [Held(at, 1000 + at, 10 + at // 10, 4) for at in range(101)]
    assert growth(leaking) == pytest.approx({"memory": 0.1, "files": 1.05, "threads": 0.0}, abs=0.06)
