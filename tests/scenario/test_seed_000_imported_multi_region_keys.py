"""Imported material in related keys: each Region gets the same bytes from their owner, and lives its own life with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, parameters, random_material, wrap

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

NEW, EXISTING = t.IMPORT_TYPE_NEW_KEY_MATERIAL, t.IMPORT_TYPE_EXISTING_KEY_MATERIAL
EVERYWHERE = t.KEY_MATERIAL_STATE_PENDING_ROTATION
NOT_YET = t.KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION


def in_seconds(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(seconds=seconds))
    return moment


def related(deployment: Deployment, folder: Path, material: bytes) -> str:
    """A primary with this material and a replica without any."""
    with deployment.client() as alice:
        key_id: str = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL, multi_region=True).key_metadata.key_id
        bring(alice, folder, key_id, material)
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_PENDING_IMPORT)
    return key_id


def states(client: Client, key_id: str) -> dict[str, tuple[int, int]]:
    listed = client.list_key_rotations(key_id=key_id, include_key_material=t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL)
    return {entry.key_material_id: (entry.key_material_state, entry.import_state) for entry in listed.rotations}


def is_current(client: Client, key_id: str, material: str) -> bool:
    return states(client, key_id)[material][0] == t.KEY_MATERIAL_STATE_CURRENT


def test_a_replica_takes_the_bytes_of_its_primary_and_no_others(two_regions: Deployment, tmp_path: Path) -> None:
    material = random_material()
    key_id = related(two_regions, tmp_path, material)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        primary, replica = (each.describe_key(key_id=key_id).key_metadata for each in (home, away))
        assert replica.current_key_material_id == primary.current_key_material_id
        assert states(away, key_id) == {primary.current_key_material_id: (t.KEY_MATERIAL_STATE_CURRENT, t.IMPORT_STATE_PENDING_IMPORT)}
        with pytest.raises(errors.IncorrectKeyMaterialException):
            bring(away, tmp_path, key_id, random_material())
        with pytest.raises(errors.ValidationException, match="cannot be used on replica"):
            bring(away, tmp_path, key_id, random_material(), import_type=NEW)
        with pytest.raises(errors.ValidationException, match="can only be specified on primary"):
            bring(away, tmp_path, key_id, material, key_material_description="mine")
        assert bring(away, tmp_path, key_id, material).key_material_id == primary.current_key_material_id
        assert away.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED
    with two_regions.client(HOME, "app") as home, two_regions.client(AWAY, "app") as away:
        blob = home.encrypt(key_id=key_id, plaintext=b"across").ciphertext_blob
        assert away.decrypt(ciphertext_blob=blob).plaintext == b"across"


def test_a_token_of_another_region_or_key_is_refused(two_regions: Deployment, tmp_path: Path) -> None:
    material = random_material()
    key_id = related(two_regions, tmp_path, material)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        given = parameters(home, key_id)
        fields = {
            "import_token": given.import_token,
            "encrypted_key_material": wrap(tmp_path, given.public_key, material),
            "expiration_model": t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
        }
        with pytest.raises(errors.InvalidImportTokenException):
            away.import_key_material(key_id=key_id, **fields)
        other = home.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        with pytest.raises(errors.InvalidImportTokenException):
            home.import_key_material(key_id=other, **fields)


def test_material_expires_in_its_region_alone(two_regions: Deployment, tmp_path: Path) -> None:
    material = random_material()
    key_id = related(two_regions, tmp_path, material)
    with two_regions.client(AWAY) as away:
        valid_to = in_seconds(3)
        bring(away, tmp_path, key_id, material, valid_to=valid_to)
        metadata = away.describe_key(key_id=key_id).key_metadata
        assert metadata.valid_to.seconds == valid_to.seconds
        assert metadata.expiration_model == t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_EXPIRES
        with two_regions.client(AWAY, "app") as app:
            blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
            expired = two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_PENDING_IMPORT)
            assert datetime.now(UTC).timestamp() >= valid_to.seconds
            assert not expired.HasField("valid_to")
            with pytest.raises(errors.KMSInvalidStateException, match="is pending import"):
                app.decrypt(ciphertext_blob=blob)
        with two_regions.client(HOME, "app") as app:
            assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
        event = two_regions.wait_for_event(AWAY, "DeleteExpiredKeyMaterial", expired.arn)
        assert event["serviceEventDetails"] == {"keyId": key_id, "keyMaterialId": expired.current_key_material_id}
        bring(away, tmp_path, key_id, material)
        assert away.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED


def test_new_material_goes_everywhere_before_the_set_rotates(two_regions: Deployment, tmp_path: Path) -> None:
    first, second = random_material(), random_material()
    key_id = related(two_regions, tmp_path, first)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        bring(away, tmp_path, key_id, first)
        pending = bring(home, tmp_path, key_id, second, import_type=NEW, key_material_description="two").key_material_id
        assert states(home, key_id)[pending] == (NOT_YET, t.IMPORT_STATE_IMPORTED)
        with pytest.raises(errors.KMSInvalidStateException, match="has not been imported for replicas"):
            home.rotate_key_on_demand(key_id=key_id)
        two_regions.wait_until(lambda: states(away, key_id).get(pending, (0, 0))[1] == t.IMPORT_STATE_PENDING_IMPORT)
        bring(away, tmp_path, key_id, second, import_type=EXISTING)
        two_regions.wait_until(lambda: states(home, key_id)[pending][0] == EVERYWHERE)
        with pytest.raises(errors.UnsupportedOperationException, match="multi-region replica key"):
            away.rotate_key_on_demand(key_id=key_id)
        home.rotate_key_on_demand(key_id=key_id)
        for each in (home, away):
            two_regions.wait_until(partial(is_current, each, key_id, pending))
            assert each.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED
        shown = [client.list_key_rotations(key_id=key_id).rotations[0] for client in (home, away)]
        assert shown[0].rotation_date == shown[1].rotation_date
        assert [s.key_material_description for s in shown] == ["two", "two"]
    with two_regions.client(HOME, "app") as home, two_regions.client(AWAY, "app") as away:
        blob = away.encrypt(key_id=key_id, plaintext=b"new").ciphertext_blob
        assert home.decrypt(ciphertext_blob=blob).key_material_id == pending


def test_deleting_pending_material_at_the_primary_deletes_it_everywhere(two_regions: Deployment, tmp_path: Path) -> None:
    first, second = random_material(), random_material()
    key_id = related(two_regions, tmp_path, first)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        bring(away, tmp_path, key_id, first)
        pending = bring(home, tmp_path, key_id, second, import_type=NEW).key_material_id
        two_regions.wait_until(lambda: pending in states(away, key_id))
        bring(away, tmp_path, key_id, second)
        two_regions.wait_until(lambda: states(home, key_id)[pending][0] == EVERYWHERE)
        away.delete_imported_key_material(key_id=key_id, key_material_id=pending)
        two_regions.wait_until(lambda: states(home, key_id)[pending][0] == NOT_YET)
        home.delete_imported_key_material(key_id=key_id, key_material_id=pending)
        two_regions.wait_until(lambda: pending not in states(away, key_id))
        assert away.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED


def test_the_same_bytes_in_unrelated_keys_do_not_interoperate(two_regions: Deployment, tmp_path: Path) -> None:
    material = random_material()
    with two_regions.client() as alice, two_regions.client(caller="app") as app:
        keys = [alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL, multi_region=m).key_metadata.key_id for m in (False, False, True, True)]
        ids = {bring(alice, tmp_path, key_id, material).key_material_id for key_id in keys}
        assert len(ids) == len(keys)
        blob = app.encrypt(key_id=keys[0], plaintext=b"x").ciphertext_blob
        for other in keys[1:]:
            with pytest.raises(errors.IncorrectKeyException):
                app.decrypt(key_id=other, ciphertext_blob=blob)
