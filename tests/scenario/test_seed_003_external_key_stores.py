"""KMS keys in an external key store: the page on their creation, sentence by sentence, on a Region beside a key manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import HOME
from tests.scenario.xks import CONNECTED, DISCONNECTED, Outside, new_prefix, outside

from meridian.client import errors
from meridian.kms.v1 import types_pb2 as t

EXTERNAL = t.ORIGIN_TYPE_EXTERNAL_KEY_STORE


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("xks")) as made:
        yield made


def test_the_walk(world: Outside, tmp_path: Path) -> None:
    prefix = new_prefix()
    with world.region.client() as alice, world.region.client(caller="app") as app:
        # "After you have created and connected your external key store, you can create AWS KMS keys in your key store."
        store = alice.create_custom_key_store(**world.fields(prefix)).custom_key_store_id
        assert world.wait_for(alice, store, DISCONNECTED).xks_proxy_configuration.uri_path == f"{prefix}/kms/xks/v1"
        with pytest.raises(errors.CustomKeyStoreInvalidStateException):
            world.key(alice, store, "bb8562717f809024")
        alice.connect_custom_key_store(custom_key_store_id=store)
        world.wait_for(alice, store, CONNECTED)

        # "When the CreateKey operation succeeds, the key state of the new KMS key is Enabled."
        made = world.key(alice, store, "bb8562717f809024")
        assert (made.key_state, made.enabled, made.multi_region) == (t.KEY_STATE_ENABLED, True, False)
        assert (made.origin, made.key_spec) == (EXTERNAL, t.KEY_SPEC_SYMMETRIC_DEFAULT)
        assert (made.custom_key_store_id, made.xks_key_configuration.id) == (store, "bb8562717f809024")
        assert not made.HasField("current_key_material_id")

        # "All data ... is first encrypted in AWS KMS ... and then by your external key manager using your external key."
        context = {"tenant": "acme"}
        sealed = app.encrypt(key_id=made.arn, plaintext=b"secret", encryption_context=context)
        assert sealed.ciphertext_blob.startswith(b"MK\x01\x02")
        assert app.decrypt(ciphertext_blob=sealed.ciphertext_blob, encryption_context=context).plaintext == b"secret"
        seen = world.proxy.tell(prefix)["seen"]
        assert [each["verb"] for each in seen] == ["health", "health", "metadata", "encrypt", "decrypt"]
        with pytest.raises(errors.InvalidCiphertextException):
            app.decrypt(ciphertext_blob=sealed.ciphertext_blob, encryption_context={"tenant": "other"})
        assert "acme" not in str(seen)

        # A store that is disconnected takes its keys with it, and brings them back.
        world.disconnect(alice, store)
        assert alice.describe_key(key_id=made.arn).key_metadata.key_state == t.KEY_STATE_UNAVAILABLE
        with pytest.raises(errors.KMSInvalidStateException, match="is unavailable"):
            app.decrypt(ciphertext_blob=sealed.ciphertext_blob, encryption_context=context)
        asked = len(world.proxy.tell(prefix)["seen"])
        alice.connect_custom_key_store(custom_key_store_id=store)
        world.wait_for(alice, store, CONNECTED)
        assert app.decrypt(ciphertext_blob=sealed.ciphertext_blob, encryption_context=context).plaintext == b"secret"
        assert len(world.proxy.tell(prefix)["seen"]) == asked + 2  # health, and this decrypt

    (record,) = [r for r in world.region.events_of(HOME, made.arn) if r["eventName"] == "Encrypt"]
    told = record["additionalEventData"]
    assert (told["customKeyStoreId"], told["xksKeyId"], told["xksProxyRequestId"]) == (store, "bb8562717f809024", record["requestID"])
