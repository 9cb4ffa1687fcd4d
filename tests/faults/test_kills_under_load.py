"""Nothing acknowledged is lost, and each key's life is one story, whenever a Region is killed. `make kills` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.examples import often
from tests.histories.kills import CHANGES_A_LIFE, SETTINGS, kill_under_load

KILLS = often(12, 20)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_what_was_acknowledged_outlives_every_kill(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME, AWAY], SETTINGS).prepare()
    try:
        judged = kill_under_load(deployment, KILLS, seed=1, told=lambda _: None)
    finally:
        deployment.stop_all()
    assert judged.faults == []
    assert judged.acknowledged >= CHANGES_A_LIFE * KILLS, "the load was no load"
