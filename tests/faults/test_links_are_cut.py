"""Without any link between them two Regions are used as before, and agree when the links return; `make alone` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.histories.alone import HEALED_SECONDS, KINDS, stand_alone

SECONDS = 20.0


@pytest.mark.deep
def test_callers_of_both_notice_nothing(tmp_path: Path) -> None:
    found = stand_alone(Deployment(tmp_path, [HOME, AWAY]).prepare(), SECONDS)
    assert found.failed == []
    assert set(found.calls) == KINDS
    assert found.healed < HEALED_SECONDS
