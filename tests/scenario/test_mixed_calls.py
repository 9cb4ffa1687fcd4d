"""Some hundred calls of every kind, changes of keys among them: none fails, and keys are erased meanwhile. `make mixed` is the long form,
where growth is measured."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.histories.mixed import SETTINGS, Look, mixed

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

CALLS, LOOKS = 3_000, 4
CHANGES = {"replace", "rotate", "tag", "put_policy", "grant", "alias", "describe"}
USES = {"encrypt", "decrypt", "data_key", "look", "encrypt_batch", "decrypt_batch"}


def test_calls_of_every_kind_are_answered(tmp_path: Path) -> None:
    deployment, told = Deployment(tmp_path, [HOME], SETTINGS).prepare(), list[Look]()
    try:
        deployment.start()
        found = asyncio.run(mixed(deployment, CALLS, LOOKS, 1, told.append))
    finally:
        deployment.stop_all()
    assert found.wrong == []
    assert found.refused.total() < CALLS // 100
    assert {name for name, count in found.calls.items() if count} == CHANGES | USES
    assert found.calls.total() >= CALLS
    assert len(told) > LOOKS
    assert told[-1].in_caches > told[0].in_caches
    assert told[-1].anonymous < told[-1].held.memory
