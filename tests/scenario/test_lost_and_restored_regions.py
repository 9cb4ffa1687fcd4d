"""A Region is detached, lost, comes back, or is restored from a backup: the others go on, and the set becomes one again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

THIRD = "ap-south-1"
TAKEN_SECONDS = 60.0
OUT_OF_TIME = ("DEADLINE_EXCEEDED", "DependencyTimeoutException")
PRIMARY, REPLICA = t.MULTI_REGION_KEY_TYPE_PRIMARY, t.MULTI_REGION_KEY_TYPE_REPLICA


@pytest.fixture
def three_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    added = "limits.compare_seconds = 0.5\n"
    deployment = Deployment(tmp_path_factory.mktemp("three"), [HOME, AWAY, THIRD], settings_added=added).prepare()
    with deployment.serving():
        yield deployment


def operate(deployment: Deployment, region: str, *words: str, code: int = 0) -> str:
    """Run `meridian region …` with this Region's settings; the answer is what it printed."""
    command = [sys.executable, "-m", "meridian", "region", *words, "--config", str(deployment.place(region).settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def related(deployment: Deployment) -> str:
    with deployment.client() as alice:
        key_id: str = alice.create_key(multi_region=True).key_metadata.key_id
        for region in deployment.regions[1:]:
            alice.replicate_key(key_id=key_id, replica_region=region)
    for region in deployment.regions[1:]:
        deployment.wait_for_state(region, key_id, t.KEY_STATE_ENABLED)
    return key_id


def encrypted(deployment: Deployment, region: str, key_id: str, text: bytes) -> bytes:
    with deployment.client(region, "app") as app:
        return bytes(app.encrypt(key_id=key_id, plaintext=text).ciphertext_blob)


def decrypted(deployment: Deployment, region: str, blob: bytes) -> bytes:
    with deployment.client(region, "app") as app:
        return bytes(app.decrypt(ciphertext_blob=blob).plaintext)


def _decrypts(deployment: Deployment, region: str, blob: bytes) -> bytes | None:
    try:
        return decrypted(deployment, region, blob)
    except errors.InvalidCiphertextException:
        return None


def role(deployment: Deployment, region: str, key_id: str) -> int:
    with deployment.client(region) as client:
        return int(client.describe_key(key_id=key_id).key_metadata.multi_region_configuration.multi_region_key_type)


def material(deployment: Deployment, region: str, key_id: str) -> str:
    with deployment.client(region) as client:
        return str(client.describe_key(key_id=key_id).key_metadata.current_key_material_id)


def has_switched(deployment: Deployment, region: str, key_id: str, before: str) -> bool:
    return material(deployment, region, key_id) != before


def rotate(deployment: Deployment, region: str, key_id: str, *seen_in: str) -> str:
    before = material(deployment, region, key_id)
    with deployment.client(region) as client:
        deployment.wait_until(lambda: _takes_rotation(client, key_id, before), seconds=TAKEN_SECONDS)
    for each in (region, *seen_in):
        deployment.wait_until(partial(has_switched, deployment, each, key_id, before))
    return material(deployment, region, key_id)


def _takes_rotation(client: Client, key_id: str, before: str) -> bool:
    """Whether a rotation has begun. A Region that has just started makes calls wait for its one writer to the database, on a busy machine
    for longer than this caller; his call may have been taken all the same, and is not made again then."""
    try:
        client.rotate_key_on_demand(key_id=key_id)
    except errors.KmsServiceError as fault:
        if fault.code not in OUT_OF_TIME:
            raise
        status = client.get_key_rotation_status(key_id=key_id)
        now = client.describe_key(key_id=key_id).key_metadata.current_key_material_id
        return status.HasField("on_demand_rotation_start_date") or now != before
    return True


def log(deployment: Deployment, region: str) -> str:
    return (deployment.place(region).folder / "log").read_text()[-3000:]


def test_a_set_goes_on_without_a_detached_region_and_takes_it_back(three_regions: Deployment) -> None:
    key_id = related(three_regions)
    three_regions.stop(THIRD)
    with three_regions.client() as home:
        before = material(three_regions, HOME, key_id)
        home.rotate_key_on_demand(key_id=key_id)
        assert material(three_regions, HOME, key_id) == before, "the switch waits for the Region that is away"
    operate(three_regions, HOME, "detach", THIRD)
    for region in (HOME, AWAY):
        three_regions.wait_until(partial(has_switched, three_regions, region, key_id, before))
    new = encrypted(three_regions, HOME, key_id, b"made without it")
    three_regions.start(THIRD)
    with pytest.raises(errors.InvalidCiphertextException):
        decrypted(three_regions, THIRD, new)
    operate(three_regions, HOME, "take-back", THIRD)
    three_regions.wait_until(lambda: material(three_regions, THIRD, key_id) == material(three_regions, HOME, key_id))
    assert decrypted(three_regions, THIRD, new) == b"made without it"
    rotate(three_regions, HOME, key_id, AWAY, THIRD)  # it counts again
    told = {"DetachRegion", "DetachMultiRegionReplica", "TakeBackRegion", "TakeBackMultiRegionReplica"}
    three_regions.wait_until(lambda: told <= {record["eventName"] for record in three_regions.audit(HOME)})


def test_a_lost_primary_is_succeeded_and_joins_again(three_regions: Deployment) -> None:
    key_id = related(three_regions)
    single = related(three_regions)
    old = encrypted(three_regions, HOME, key_id, b"before the loss")
    three_regions.stop(HOME, signal.SIGKILL)
    operate(three_regions, AWAY, "takeover", HOME, code=3)  # nobody has given it up
    operate(three_regions, AWAY, "lost", HOME, "--successor", AWAY)
    said = operate(three_regions, AWAY, "takeover", HOME, "--wait", "3", code=1)
    assert "not done" in said, "the third Region has not said the same"
    assert role(three_regions, AWAY, key_id) == REPLICA
    operate(three_regions, THIRD, "lost", HOME, "--successor", AWAY)
    operate(three_regions, AWAY, "takeover", HOME)
    for each in (key_id, single):
        assert role(three_regions, AWAY, each) == PRIMARY
    new = rotate(three_regions, AWAY, key_id, THIRD)
    made = encrypted(three_regions, THIRD, key_id, b"after the loss")
    assert decrypted(three_regions, AWAY, made) == b"after the loss"
    assert decrypted(three_regions, AWAY, old) == b"before the loss"

    three_regions.start(HOME)
    with three_regions.client() as home:
        three_regions.wait_until(lambda: "SetGoneOn" in {record["eventName"] for record in three_regions.audit(HOME)})
        three_regions.wait_until(lambda: f"rejoin {AWAY}" in operate(three_regions, HOME, "doctor", "-o", "text", code=1))
        three_regions.wait_until(lambda: _refuses_changes(home, key_id) and _refuses_changes(home, single))
        for region in (AWAY, THIRD):
            said = operate(three_regions, region, "found", HOME)
            assert "no set waited to be taken over; those that were come back by `region rejoin` there" in said
        three_regions.wait_until(lambda: "2 sets" in operate(three_regions, HOME, "rejoin", AWAY))
        with pytest.raises(errors.KMSInvalidStateException, match="is updating"):
            home.enable_key_rotation(key_id=key_id)
    assert decrypted(three_regions, HOME, old) == b"before the loss", "its data plane goes on"
    operate(three_regions, AWAY, "take-back", HOME)
    three_regions.wait_until(lambda: material(three_regions, HOME, key_id) == new)
    assert role(three_regions, HOME, key_id) == REPLICA
    assert decrypted(three_regions, HOME, made) == b"after the loss"
    with three_regions.client(AWAY) as away:
        three_regions.wait_until(lambda: _moves(away, key_id, HOME))
    three_regions.wait_until(lambda: role(three_regions, HOME, key_id) == PRIMARY)
    rotate(three_regions, HOME, key_id, AWAY, THIRD)


def _refuses_changes(client: Client, key_id: str) -> bool:
    """Every change that is passed on by a primary."""
    changes = (partial(client.enable_key_rotation, key_id=key_id), partial(client.rotate_key_on_demand, key_id=key_id))
    refused = 0
    for change in changes:
        try:
            change()
        except errors.KMSInvalidStateException as fault:
            refused += "is updating" in fault.message
    return refused == len(changes)


def _moves(client: Client, key_id: str, region: str) -> bool:
    try:
        client.update_primary_region(key_id=key_id, primary_region=region)
    except errors.KMSInvalidStateException:
        return False
    return True


def test_material_that_only_the_lost_region_had_comes_back_with_it(three_regions: Deployment) -> None:
    with three_regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    three_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    three_regions.stop(AWAY)
    three_regions.stop(THIRD)
    operate(three_regions, HOME, "detach", AWAY)  # alone, the primary goes on and rotates
    rotate(three_regions, HOME, key_id)
    alone = encrypted(three_regions, HOME, key_id, b"made alone")
    three_regions.stop(HOME)
    three_regions.start(AWAY, THIRD)
    for region in (AWAY, THIRD):
        operate(three_regions, region, "lost", HOME, "--successor", AWAY)
    operate(three_regions, AWAY, "takeover", HOME)
    rotate(three_regions, AWAY, key_id)
    with pytest.raises(errors.InvalidCiphertextException):
        decrypted(three_regions, AWAY, alone)
    three_regions.start(HOME)
    for region in (AWAY, THIRD):
        operate(three_regions, region, "found", HOME)
    three_regions.wait_until(lambda: "1 sets" in operate(three_regions, HOME, "rejoin", AWAY))
    operate(three_regions, AWAY, "take-back", HOME)
    three_regions.wait_until(lambda: material(three_regions, HOME, key_id) == material(three_regions, AWAY, key_id))
    three_regions.wait_until(lambda: _decrypts(three_regions, AWAY, alone) == b"made alone")
    made = encrypted(three_regions, AWAY, key_id, b"since then")
    assert decrypted(three_regions, HOME, made) == b"since then"


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
def test_a_restored_primary_serves_but_does_not_act_until_it_has_reconciled(three_regions: Deployment, announced: bool) -> None:
    key_id = related(three_regions)
    folder: Path = three_regions.place(HOME).folder
    three_regions.stop(HOME)
    backup = folder.parent / "backup"
    shutil.copytree(folder, backup, ignore=shutil.ignore_patterns("audit"))
    three_regions.start(HOME)
    old = material(three_regions, HOME, key_id)
    new = rotate(three_regions, HOME, key_id, AWAY, THIRD)
    later = encrypted(three_regions, AWAY, key_id, b"after the backup")
    three_regions.stop(HOME)
    for each in folder.glob("region.sqlite3*"):
        each.unlink()
    for each in backup.glob("region.sqlite3*"):
        shutil.copy(each, folder / each.name)
    if announced:
        three_regions.stop(THIRD)
        assert "older than the audit log" in operate(three_regions, HOME, "restored", code=3), (
            "the rotation is lost, and that is told first"
        )
        operate(three_regions, HOME, "restored", "--accept-loss")
        three_regions.start(HOME)
        assert material(three_regions, HOME, key_id) == old
        with three_regions.client() as home, pytest.raises(errors.KMSInvalidStateException, match="is updating"):
            home.rotate_key_on_demand(key_id=key_id)
        with pytest.raises(errors.KeyUnavailableException):
            decrypted(three_regions, HOME, later)
        assert encrypted(three_regions, HOME, key_id, b"it serves what it has")
        three_regions.start(THIRD)
    else:
        three_regions.start(HOME)
        assert three_regions.wait_dead(HOME) == 0, "it learns from the others that its database is an older one"
        assert "older than what it has told others" in log(three_regions, HOME)
        (told,) = [each["serviceEventDetails"] for each in three_regions.audit(HOME) if each["eventName"] == "DatabaseStale"]
        assert told["subject"] == "database"
        assert told["toldBy"] in (AWAY, THIRD)
        three_regions.start(HOME)
    three_regions.wait_until(lambda: material(three_regions, HOME, key_id) == new)
    assert decrypted(three_regions, HOME, later) == b"after the backup"
    assert role(three_regions, HOME, key_id) == PRIMARY
    rotate(three_regions, HOME, key_id, AWAY, THIRD)
