"""Related keys become one again after restarts, lost messages and words that are passed on; `make convergence` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.histories.convergence import KINDS, SETTINGS, THIRD, converge

HEALED_WITHIN = 30.0


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_after_each_kind_of_fault_all_regions_agree(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME, AWAY, THIRD], SETTINGS).prepare()
    taken = converge(deployment, 2 * len(KINDS), lambda _: None)
    assert {name: len(seconds) for name, seconds in taken.items()} == dict.fromkeys(KINDS, 2)
    assert max(each for seconds in taken.values() for each in seconds) < HEALED_WITHIN
