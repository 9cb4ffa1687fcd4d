"""A Region with much audit history starts and serves as one with little: what its process reads is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.audit_logs import plant_history
from tests.deployment import HOME, Deployment

pytestmark = pytest.mark.deep

MEBIBYTE = 1 << 20
HISTORY = 300 * MEBIBYTE
MORE_MAX = 8 * MEBIBYTE


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("history"), [HOME]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def read_by_a_run(deployment: Deployment) -> int:
    """Bytes that a Region reads from its start to a change; then it is killed."""
    deployment.start()
    with deployment.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
        alice.disable_key(key_id=key_id)
    fields = dict(line.split(": ") for line in Path(f"/proc/{deployment.processes[HOME].pid}/io").read_text().splitlines())
    deployment.stop(HOME, 9)
    return int(fields["rchar"])


def test_a_region_reads_as_much_with_history_as_without(alone: Deployment) -> None:
    first = read_by_a_run(alone)
    little = read_by_a_run(alone)
    plant_history(alone.place(HOME).folder / "audit", 6, HISTORY // 6)
    much = read_by_a_run(alone)
    assert little < first + MORE_MAX
    assert much < little + MORE_MAX
