"""On-demand rotation of an imported key: the seven steps of the announcement, with its states and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.deployment import HOME, Deployment
from tests.openssl import bring, parameters, random_material, wrap

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

DOES_NOT_EXPIRE = t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE
CURRENT, NON_CURRENT = t.KEY_MATERIAL_STATE_CURRENT, t.KEY_MATERIAL_STATE_NON_CURRENT


def materials(client: Client, key_id: str) -> dict[str, Any]:
    listed = client.list_key_rotations(key_id=key_id, include_key_material=t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL)
    return {entry.key_material_id: entry for entry in listed.rotations}


def test_the_seven_steps(two_regions: Deployment, tmp_path: Path) -> None:
    with two_regions.client() as alice, two_regions.client(caller="app") as app:
        # Step 1: a key without material, and material from openssl.
        created = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata
        key_id = created.key_id
        assert created.key_state == t.KEY_STATE_PENDING_IMPORT
        assert not created.HasField("current_key_material_id")
        with pytest.raises(errors.KMSInvalidStateException, match="is pending import"):
            app.encrypt(key_id=key_id, plaintext=b"x")
        first = random_material()
        given = parameters(alice, key_id, t.WRAPPING_KEY_SPEC_RSA_4096)
        wrapped_first = wrap(tmp_path, given.public_key, first)
        imported = alice.import_key_material(
            key_id=key_id,
            import_token=given.import_token,
            encrypted_key_material=wrapped_first,
            expiration_model=DOES_NOT_EXPIRE,
            key_material_description="vault A",
        )
        id_1 = imported.key_material_id
        described = alice.describe_key(key_id=key_id).key_metadata
        assert described.key_state == t.KEY_STATE_ENABLED
        assert described.current_key_material_id == id_1
        assert described.expiration_model == DOES_NOT_EXPIRE
        listed = materials(alice, key_id)
        assert list(listed) == [id_1]
        assert listed[id_1].key_material_state == CURRENT
        assert listed[id_1].key_material_description == "vault A"

        # Step 2: data keys name the material.
        data_key = app.generate_data_key(key_id=key_id, key_spec=t.DATA_KEY_SPEC_AES_256)
        assert data_key.key_material_id == id_1
        opened = app.decrypt(ciphertext_blob=data_key.ciphertext_blob)
        assert (opened.plaintext, opened.key_material_id) == (data_key.plaintext, id_1)

        # Step 3: a second material waits for the rotation; without NEW_KEY_MATERIAL it is refused.
        second = random_material()
        with pytest.raises(errors.IncorrectKeyMaterialException, match=id_1):
            bring(alice, tmp_path, key_id, second)
        id_2 = bring(alice, tmp_path, key_id, second, import_type=t.IMPORT_TYPE_NEW_KEY_MATERIAL).key_material_id
        listed = materials(alice, key_id)
        assert listed[id_2].key_material_state == t.KEY_MATERIAL_STATE_PENDING_ROTATION
        assert listed[id_1].key_material_state == CURRENT
        assert app.generate_data_key(key_id=key_id, key_spec=t.DATA_KEY_SPEC_AES_256).key_material_id == id_1

        # Step 4: rotation on demand; the status shows it while it is under way, and then no more.
        alice.rotate_key_on_demand(key_id=key_id)
        two_regions.wait_until(lambda: not alice.get_key_rotation_status(key_id=key_id).HasField("on_demand_rotation_start_date"))
        listed = materials(alice, key_id)
        assert (listed[id_1].key_material_state, listed[id_2].key_material_state) == (NON_CURRENT, CURRENT)
        assert listed[id_2].rotation_type == t.ROTATION_TYPE_ON_DEMAND
        assert alice.describe_key(key_id=key_id).key_metadata.current_key_material_id == id_2

        # Step 5: new data keys are under the new material, old ones still open.
        second_key = app.generate_data_key(key_id=key_id, key_spec=t.DATA_KEY_SPEC_AES_256)
        assert second_key.key_material_id == id_2
        assert app.decrypt(ciphertext_blob=data_key.ciphertext_blob).key_material_id == id_1
        assert app.decrypt(ciphertext_blob=second_key.ciphertext_blob).plaintext == second_key.plaintext

        # Step 6: without one of its materials the key does nothing, not even for blobs of the other.
        assert alice.delete_imported_key_material(key_id=key_id, key_material_id=id_1).key_material_id == id_1
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_PENDING_IMPORT
        with pytest.raises(errors.KMSInvalidStateException) as refused:
            app.decrypt(ciphertext_blob=second_key.ciphertext_blob)
        assert f"{created.arn} is pending import." in str(refused.value)
        assert materials(alice, key_id)[id_1].import_state == t.IMPORT_STATE_PENDING_IMPORT

        # Step 7: the wrapped bytes and the token of step 1 bring it back.
        again = alice.import_key_material(
            key_id=key_id, import_token=given.import_token, encrypted_key_material=wrapped_first, expiration_model=DOES_NOT_EXPIRE
        )
        assert again.key_material_id == id_1
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED
        assert app.decrypt(ciphertext_blob=data_key.ciphertext_blob).plaintext == data_key.plaintext
        assert materials(alice, key_id)[id_1].key_material_description == "vault A"

    rotated = two_regions.wait_for_event(HOME, "RotateKey", created.arn)
    assert rotated["serviceEventDetails"] == {
        "rotationType": "ON_DEMAND",
        "keyOrigin": "EXTERNAL",
        "previousKeyMaterialId": id_1,
        "currentKeyMaterialId": id_2,
    }
    decrypted = [r for r in two_regions.events_of(HOME, created.arn) if r["eventName"] == "Decrypt" and "errorCode" not in r]
    assert {r["additionalEventData"]["keyMaterialId"] for r in decrypted} == {id_1, id_2}


def test_the_old_bytes_cannot_come_back_as_new(two_regions: Deployment, tmp_path: Path) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        material = random_material()
        bring(alice, tmp_path, key_id, material)
        with pytest.raises(errors.IncorrectKeyMaterialException, match="already associated"):
            bring(alice, tmp_path, key_id, material, import_type=t.IMPORT_TYPE_NEW_KEY_MATERIAL)


def test_one_material_may_be_pending_and_a_deleted_one_may_return(two_regions: Deployment, tmp_path: Path) -> None:
    new = t.IMPORT_TYPE_NEW_KEY_MATERIAL
    with two_regions.client() as alice:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        bring(alice, tmp_path, key_id, random_material())
        with pytest.raises(errors.KMSInvalidStateException, match="No available key material pending rotation"):
            alice.rotate_key_on_demand(key_id=key_id)
        pending = random_material()
        pending_id = bring(alice, tmp_path, key_id, pending, import_type=new).key_material_id
        with pytest.raises(errors.KMSInvalidStateException, match="is pending rotation"):
            bring(alice, tmp_path, key_id, random_material(), import_type=new)
        alice.delete_imported_key_material(key_id=key_id, key_material_id=pending_id)
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED
        assert pending_id not in materials(alice, key_id)
        assert bring(alice, tmp_path, key_id, pending, import_type=new).key_material_id == pending_id
