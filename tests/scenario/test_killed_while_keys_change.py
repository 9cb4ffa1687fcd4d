"""A Region is killed at every commit point of import, rotation, deletion and handover, and started again: nothing acknowledged is
lost, there is one primary, and every blob ever made opens."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, parameters, random_material, wrap

from meridian.client import Client
from meridian.client.errors import KmsServiceError, NotFoundException
from meridian.fault_points import VARIABLE, FaultPoint
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

ADDED = "limits.day_seconds = 0.05\nlimits.updating_seconds = 1.5\nlimits.rotation_conflict_seconds = 0.0\n"
PRIMARY = t.MULTI_REGION_KEY_TYPE_PRIMARY
ROTATION = [p for p in FaultPoint if p.startswith(("rotate.", "schedule."))]
HANDOVER = [p for p in FaultPoint if p.startswith("handover.")]
AT_THE_SUCCESSOR = {FaultPoint.HANDOVER_TAKE_BEFORE_COMMIT, FaultPoint.HANDOVER_TAKE_AFTER_COMMIT}


@pytest.fixture
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("changing"), [HOME, AWAY], ADDED).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def strike(regions: Deployment, region: str, point: FaultPoint) -> None:
    """Start this Region again, armed."""
    if region in regions.processes:
        regions.stop(region)
    regions.start(region, environment={VARIABLE: point})


def revive(regions: Deployment, region: str) -> None:
    assert regions.wait_dead(region) == -signal.SIGKILL
    regions.start(region)


def require_clean_audit(regions: Deployment, *names: str) -> None:
    for region in names:
        done = regions.verify_audit(region)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("point", [FaultPoint.IMPORT_BEFORE_COMMIT, FaultPoint.IMPORT_AFTER_COMMIT])
def test_an_import_is_all_or_nothing(regions: Deployment, tmp_path: Path, point: FaultPoint) -> None:
    strike(regions, HOME, point)
    material = random_material()
    with regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        given = parameters(alice, key_id)
        fields = {
            "key_id": key_id,
            "import_token": given.import_token,
            "encrypted_key_material": wrap(tmp_path, given.public_key, material),
            "expiration_model": t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
        }
        with pytest.raises(KmsServiceError):
            alice.import_key_material(**fields)
    revive(regions, HOME)
    with regions.client() as alice, regions.client(caller="app") as app:
        state = alice.describe_key(key_id=key_id).key_metadata.key_state
        after = point is FaultPoint.IMPORT_AFTER_COMMIT
        assert state == (t.KEY_STATE_ENABLED if after else t.KEY_STATE_PENDING_IMPORT)
        alice.import_key_material(**fields)
        blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
    require_clean_audit(regions, HOME)


def test_a_deletion_of_material_is_all_or_nothing(regions: Deployment, tmp_path: Path) -> None:
    strike(regions, HOME, FaultPoint.DELETE_MATERIAL_BEFORE_COMMIT)
    with regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        bring(alice, tmp_path, key_id, random_material())
        with pytest.raises(KmsServiceError):
            alice.delete_imported_key_material(key_id=key_id)
    revive(regions, HOME)
    with regions.client(caller="app") as app:
        app.encrypt(key_id=key_id, plaintext=b"x")


@pytest.mark.parametrize("point", ROTATION)
def test_a_rotation_ends_once_and_everything_opens(regions: Deployment, point: FaultPoint) -> None:
    strike(regions, HOME, point)
    with regions.client() as alice, regions.client(caller="app") as app:
        key_id = alice.create_key().key_metadata.key_id
        blob = app.encrypt(key_id=key_id, plaintext=b"old").ciphertext_blob
        acknowledged = True
        try:
            alice.rotate_key_on_demand(key_id=key_id)
        except KmsServiceError:
            acknowledged = False
    revive(regions, HOME)
    with regions.client() as alice, regions.client(caller="app") as app:
        begun = acknowledged or point is not FaultPoint.ROTATE_BEFORE_COMMIT
        if not begun:
            alice.rotate_key_on_demand(key_id=key_id)
        regions.wait_until(lambda: len(alice.list_key_rotations(key_id=key_id).rotations) == 1)
        assert not alice.get_key_rotation_status(key_id=key_id).HasField("on_demand_rotation_start_date")
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"old"
    require_clean_audit(regions, HOME)


def test_an_erasure_is_all_or_nothing(regions: Deployment) -> None:
    strike(regions, HOME, FaultPoint.DELETE_KEY_BEFORE_COMMIT)
    with regions.client() as alice:
        arn = alice.create_key().key_metadata.arn
        alice.schedule_key_deletion(key_id=arn)
    revive(regions, HOME)
    with regions.client() as alice:
        regions.wait_for_event(HOME, "DeleteKey", arn)
        with pytest.raises(NotFoundException):
            alice.describe_key(key_id=arn)
    assert [r["eventName"] for r in regions.events_of(HOME, arn)].count("DeleteKey") == 1


def role(client: Client, key_id: str) -> int:
    return int(client.describe_key(key_id=key_id).key_metadata.multi_region_configuration.multi_region_key_type)


@pytest.mark.parametrize("point", HANDOVER)
def test_a_handover_ends_with_one_primary(regions: Deployment, point: FaultPoint) -> None:
    struck = AWAY if point in AT_THE_SUCCESSOR else HOME
    for region in (HOME, AWAY):
        regions.start(region, environment={VARIABLE: point} if region == struck else None)
    with regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        acknowledged = True
        try:
            alice.update_primary_region(key_id=key_id, primary_region=AWAY, timeout=12)
        except KmsServiceError:
            acknowledged = False
    revive(regions, struck)
    moved = acknowledged or point is FaultPoint.HANDOVER_AFTER_COMMIT
    with regions.client() as home, regions.client(AWAY) as away:
        regions.wait_until(lambda: role(away if moved else home, key_id) == PRIMARY)
        regions.wait_until(lambda: role(home if moved else away, key_id) != PRIMARY)
        for region in (HOME, AWAY):
            regions.wait_for_state(region, key_id, t.KEY_STATE_ENABLED)
        primary, before = (away if moved else home), home.describe_key(key_id=key_id).key_metadata.current_key_material_id
        primary.rotate_key_on_demand(key_id=key_id)
        regions.wait_until(lambda: home.describe_key(key_id=key_id).key_metadata.current_key_material_id != before)
        regions.wait_until(lambda: away.describe_key(key_id=key_id).key_metadata.current_key_material_id != before)
    with regions.client(HOME, "app") as here, regions.client(AWAY, "app") as there:
        assert there.decrypt(ciphertext_blob=here.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob).plaintext == b"x"
        assert here.decrypt(ciphertext_blob=there.encrypt(key_id=key_id, plaintext=b"y").ciphertext_blob).plaintext == b"y"
    require_clean_audit(regions, HOME, AWAY)
