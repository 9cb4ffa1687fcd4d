"""One row that no code foresaw stops nobody else: it is set aside, named in the log and counted, also after a restart."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

SHORT = "limits.day_seconds = 0.05\nlimits.rotation_conflict_seconds = 0.0\nlimits.kek_settle_seconds = 0.2\n"
HEALTHY = 20


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, [HOME], settings_added=SHORT).prepare()
    with deployment.serving():
        yield deployment


def change(region: Deployment, statement: str, *values: object) -> None:
    with sqlite3.connect(region.place(HOME).folder / "region.sqlite3", timeout=20) as database:
        assert database.execute(statement, values).rowcount >= 1
    database.close()


def log_of(region: Deployment) -> str:
    return (region.place(HOME).folder / "log").read_text()


def is_gone(client: Client, key_id: str) -> bool:
    try:
        client.describe_key(key_id=key_id)
    except KmsServiceError as error:
        return error.code == "NotFoundException"
    return False


def test_a_key_of_unknown_spec_that_is_due_stops_no_other_deletion_or_rotation(region: Deployment) -> None:
    with region.client() as alice:
        poisoned = alice.create_key().key_metadata.key_id
        change(region, "update keys set key_spec = 'ROT13', state = 'PendingDeletion', deletion_at = created_at where key_id = ?", poisoned)
        for _ in range(2):  # the second time after a restart
            ending = [alice.create_key().key_metadata.key_id for _ in range(HEALTHY)]
            rotating = alice.create_key().key_metadata.key_id
            for key_id in ending:
                alice.schedule_key_deletion(key_id=key_id, pending_window_in_days=30)
            before = alice.describe_key(key_id=rotating).key_metadata.current_key_material_id
            alice.rotate_key_on_demand(key_id=rotating)
            region.wait_until(lambda: all(is_gone(alice, key_id) for key_id in ending))  # noqa: B023 - waited for within the round
            region.wait_until(lambda: alice.describe_key(key_id=rotating).key_metadata.current_key_material_id != before)  # noqa: B023 - too
            told = region.metrics(HOME)
            assert told['meridian_rows_set_aside{job="key schedule"}'] == 1
            assert told['meridian_security_events_total{event="UnforeseenFault"}'] >= 1
            assert f"'{poisoned}'" in log_of(region)
            region.stop(HOME)
            region.start(HOME)


def test_a_wrapped_row_that_does_not_open_keeps_no_other_from_the_new_key(region: Deployment) -> None:
    with region.client() as alice:
        keys = [alice.create_key().key_metadata.key_id for _ in range(HEALTHY)]
        change(
            region,
            "update materials set sealed_bytes = cast(substr(sealed_bytes, 1, 40) || zeroblob(40) as blob) where key_id = ?",
            keys[3],
        )
        command = [sys.executable, "-m", "meridian", "region", "rotate-kek", "--config", str(region.place(HOME).settings)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        folder = region.place(HOME).folder

        def left() -> bool:
            with sqlite3.connect(folder / "region.sqlite3", timeout=20) as database:
                rows = database.execute("select key_id from materials where row_version = 1").fetchall()
            database.close()
            return [key_id for (key_id,) in rows] == [keys[3]]

        region.wait_until(left)
        assert region.metrics(HOME)['meridian_rows_set_aside{job="rewrap"}'] == 1
        assert keys[3] in log_of(region)
        assert alice.describe_key(key_id=keys[4]).key_metadata.key_state == t.KEY_STATE_ENABLED


def test_a_set_that_cannot_be_read_keeps_no_other_from_being_compared(own_regions: Deployment) -> None:
    place = own_regions.place(HOME)
    place.settings.write_text("limits.compare_seconds = 0.5\n" + place.settings.read_text())
    own_regions.start()
    with own_regions.client() as alice:
        keys = sorted(alice.create_key(multi_region=True).key_metadata.key_id for _ in range(3))
        for key_id in keys:
            alice.replicate_key(key_id=key_id, replica_region=AWAY)
        for key_id in keys:
            own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        change(own_regions, "update key_sets set view = '{\"term\": 7}' where key_id = ?", keys[0])
        own_regions.wait_until(lambda: own_regions.metrics(HOME)['meridian_rows_set_aside{job="sets"}'] == 1)
        assert keys[0] in log_of(own_regions)
        before = alice.describe_key(key_id=keys[1]).key_metadata.current_key_material_id
        alice.rotate_key_on_demand(key_id=keys[1])
        with own_regions.client(AWAY) as there:
            own_regions.wait_until(lambda: there.describe_key(key_id=keys[1]).key_metadata.current_key_material_id != before)
        rounds = own_regions.metrics(HOME)[f'meridian_job_rounds_total{{job="comparing {AWAY}"}}']
        own_regions.wait_until(lambda: own_regions.metrics(HOME)[f'meridian_job_rounds_total{{job="comparing {AWAY}"}}'] > rounds + 1)
        assert own_regions.metrics(HOME)[f'meridian_job_faults_total{{job="comparing {AWAY}"}}'] == 0
