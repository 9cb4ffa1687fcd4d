"""The design of the sets of related keys, searched exhaustively; each of its guards, left out, must be missed."""

from __future__ import annotations

import pytest
from tests.model.handover_model import MUTATIONS, SCENARIOS, Model

pytestmark = pytest.mark.deep


@pytest.mark.parametrize("line", SCENARIOS)
def test_every_interleaving_is_safe_and_settles(line: str) -> None:
    *words, members = line.split()
    count, fault, _ = Model({w[:-1]: int(w[-1]) for w in words}, members).search()
    assert fault is None
    assert count > 1000


@pytest.mark.parametrize("line", MUTATIONS)
def test_a_guard_left_out_is_found(line: str) -> None:
    without, *words, members = line.split()
    _, fault, path = Model({w[:-1]: int(w[-1]) for w in words}, members, without).search()
    assert fault
    assert path
