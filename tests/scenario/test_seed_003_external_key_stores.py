"""KMS keys in an external key store: the page on their creation, sentence by sentence, on a Region beside a key manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.deployment import HOME
from tests.scenario.xks import CONNECTED, DISCONNECTED, FAILED, Outside, credential, new_prefix, outside

from meridian.client import errors
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

EXTERNAL = t.ORIGIN_TYPE_EXTERNAL_KEY_STORE


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("xks")) as made:
        yield made


def test_the_walk(world: Outside) -> None:
    prefix = new_prefix()
    with world.region.client(caller="developer") as alice, world.region.client(caller="app") as app:
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


def code_of(call: Callable[..., Any], **fields: Any) -> tuple[str, str]:
    """Name and text of the refusal of a call."""
    with pytest.raises(KmsServiceError) as caught:
        call(**fields)
    return caught.value.code, caught.value.message


@pytest.fixture(scope="module")
def store(world: Outside) -> Iterator[tuple[str, str]]:
    """A connected store, and the prefix of its manager."""
    prefix = new_prefix()
    with world.region.client(caller="developer") as alice:
        yield world.connected(alice, prefix), prefix


UNSUPPORTED = "UnsupportedOperationException"
IN_STORE: dict[str, Any] = {"origin": EXTERNAL, "xks_key_id": "never-made"}
NEVER: dict[str, tuple[dict[str, Any], str]] = {
    # "You cannot create asymmetric KMS keys, HMAC KMS keys or KMS keys with imported key material in a custom key store."
    "asymmetric": (
        {**IN_STORE, "key_spec": t.KEY_SPEC_RSA_2048, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY},
        "UnsupportedOperationException",
    ),
    "HMAC": (
        {**IN_STORE, "key_spec": t.KEY_SPEC_HMAC_256, "key_usage": t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC},
        "UnsupportedOperationException",
    ),
    "imported": ({**IN_STORE, "origin": t.ORIGIN_TYPE_EXTERNAL}, "ValidationException"),
    "of this service alone": ({**IN_STORE, "origin": t.ORIGIN_TYPE_AWS_KMS}, "ValidationException"),
    # "Multi-Region: FALSE"
    "multi-Region": ({**IN_STORE, "multi_region": True}, "UnsupportedOperationException"),
    # "The XksKeyId parameter identifies the external key." "The CustomKeyStoreId parameter identifies your external key store."
    "without an external key": ({"origin": EXTERNAL}, "ValidationException"),
    "without a store": ({"origin": EXTERNAL, "xks_key_id": "x", "custom_key_store_id": None}, "ValidationException"),
    "in a store that is not there": ({**IN_STORE, "custom_key_store_id": "cks-00000000000000000"}, "CustomKeyStoreNotFoundException"),
}


@pytest.mark.parametrize("kind", NEVER)
def test_what_cannot_be_made_is_refused_before_the_manager_is_asked(world: Outside, store: tuple[str, str], kind: str) -> None:
    fields, code = NEVER[kind]
    store_id, prefix = store
    asked = {name: value for name, value in {"custom_key_store_id": store_id, **fields}.items() if value is not None}
    world.proxy.tell(prefix, forget=True)
    with world.region.client(caller="developer") as alice:
        assert code_of(alice.create_key, **asked)[0] == code
        # A policy, or tags, that are refused are refused before the manager hears of the key.
        good = {"custom_key_store_id": store_id, **IN_STORE}
        assert code_of(alice.create_key, policy="no policy", **good)[0] == "MalformedPolicyDocumentException"
        assert code_of(alice.create_key, tags=[t.Tag(tag_key="aws:x", tag_value="")], **good)[0] == "TagException"
    assert world.proxy.tell(prefix)["seen"] == []


MISFITS: dict[str, tuple[dict[str, Any], str, str]] = {
    # "If the external key store proxy can't find the key using the specified external key ID, the CreateKey operation fails."
    "cannot be found": ({"missing": True}, "XksKeyNotFoundException", ""),
    # "The KeySpec of the external key must be AES_256."
    "of another spec": ({"spec": "AES_128"}, "XksKeyInvalidConfigurationException", "AES_128"),
    # "The Status of the external key must be ENABLED."
    "disabled": ({"status": "DISABLED"}, "XksKeyInvalidConfigurationException", "DISABLED"),
    # "The KeyUsage of the external key must include ENCRYPT and DECRYPT."
    "for encryption alone": ({"usage": ["ENCRYPT"]}, "XksKeyInvalidConfigurationException", "ENCRYPT"),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_an_external_key_must_meet_each_requirement(world: Outside, store: tuple[str, str], kind: str) -> None:
    said, code, shown = MISFITS[kind]
    store_id, prefix = store
    name = f"misfit-{kind.replace(' ', '-')}"
    with world.region.client(caller="developer") as alice:
        world.proxy.tell(prefix, key=name, values=said)
        refused = code_of(world.key, client=alice, store=store_id, name=name)
        assert refused[0] == code
        assert shown in refused[1]
        # The requirement is all that kept it: met, the key is made.
        well = {"missing": False, "spec": "AES_256", "status": "ENABLED", "usage": ["ENCRYPT", "DECRYPT", "WRAP"]}
        world.proxy.tell(prefix, key=name, values=well)
        assert world.key(alice, store_id, name).key_state == t.KEY_STATE_ENABLED
        # "Each KMS key in an external key store must be associated with a different external key."
        assert code_of(world.key, client=alice, store=store_id, name=name)[0] == "XksKeyAlreadyInUseException"


def test_an_external_key_is_used_by_one_key_until_that_one_is_gone(world: Outside, store: tuple[str, str]) -> None:
    with world.region.client(caller="developer") as alice:
        made = world.key(alice, store[0], "used-once")
        alice.disable_key(key_id=made.key_id)
        assert code_of(world.key, client=alice, store=store[0], name="used-once")[0] == "XksKeyAlreadyInUseException"
        alice.schedule_key_deletion(key_id=made.key_id, pending_window_in_days=7)
        assert code_of(world.key, client=alice, store=store[0], name="used-once")[0] == "XksKeyAlreadyInUseException"


def test_every_symmetric_operation_works_and_the_others_are_refused(world: Outside, store: tuple[str, str]) -> None:
    with world.region.client(caller="developer") as alice, world.region.client(caller="app") as app:
        key, other = world.key(alice, store[0], "many-uses").arn, world.key(alice, store[0], "another").arn
        local = alice.create_key().key_metadata.arn
        context = {"a": "b"}
        data_key = app.generate_data_key(key_id=key, key_spec=t.DATA_KEY_SPEC_AES_256, encryption_context=context)
        assert not data_key.HasField("key_material_id")
        opened = app.decrypt(ciphertext_blob=data_key.ciphertext_blob, encryption_context=context)
        assert (opened.plaintext, opened.key_id) == (data_key.plaintext, key)
        assert not opened.HasField("key_material_id")
        sealed = app.generate_data_key_without_plaintext(key_id=key, number_of_bytes=64)
        assert len(app.decrypt(ciphertext_blob=sealed.ciphertext_blob).plaintext) == 64
        blob = app.encrypt(key_id=local, plaintext=b"on its way").ciphertext_blob
        for destination in (key, other, local):
            moved = app.re_encrypt(ciphertext_blob=blob, destination_key_id=destination)
            assert moved.key_id == destination
            blob = moved.ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"on its way"
        largest = app.encrypt(key_id=key, plaintext=b"x" * 4096).ciphertext_blob
        assert app.decrypt(ciphertext_blob=largest).plaintext == b"x" * 4096

        # "you cannot use symmetric encryption KMS keys in a custom key store to generate asymmetric data key pairs"
        pair = {"key_id": key, "key_pair_spec": t.DATA_KEY_PAIR_SPEC_ECC_NIST_P256}
        refused: list[tuple[Any, dict[str, Any]]] = [
            (alice.generate_data_key_pair, pair), (alice.generate_data_key_pair_without_plaintext, pair),
            (alice.enable_key_rotation, {"key_id": key}), (alice.disable_key_rotation, {"key_id": key}),
            (alice.get_key_rotation_status, {"key_id": key}), (alice.rotate_key_on_demand, {"key_id": key}),
            (alice.get_parameters_for_import, {
                "key_id": key, "wrapping_algorithm": t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256, "wrapping_key_spec": t.WRAPPING_KEY_SPEC_RSA_2048
            }),
            (alice.delete_imported_key_material, {"key_id": key}),
            (alice.replicate_key, {"key_id": key, "replica_region": "eu-west-1"}),
            (alice.generate_random, {"number_of_bytes": 8, "custom_key_store_id": store[0]}),
        ]  # fmt: skip
        for operation, fields in refused:
            assert code_of(operation, **fields)[0] == "UnsupportedOperationException", fields
        assert code_of(alice.sign, key_id=key, message=b"x", signing_algorithm=t.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256)[0] in (
            "InvalidKeyUsageException", "UnsupportedOperationException",
        )  # fmt: skip


def test_a_dry_run_asks_no_manager(world: Outside, store: tuple[str, str]) -> None:
    with world.region.client(caller="developer") as alice, world.region.client(caller="app") as app:
        key = world.key(alice, store[0], "dry").arn
        blob = app.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
        world.proxy.tell(store[1], forget=True)
        calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (app.encrypt, {"key_id": key, "plaintext": b"x"}), (app.decrypt, {"ciphertext_blob": blob}),
            (app.re_encrypt, {"ciphertext_blob": blob, "destination_key_id": key}),
            (app.generate_data_key, {"key_id": key, "number_of_bytes": 8}),
        ]  # fmt: skip
        for operation, fields in calls:
            assert code_of(operation, dry_run=True, **fields)[0] == "DryRunOperationException"
    assert world.proxy.tell(store[1])["seen"] == []


def test_a_disabled_external_key_stops_its_key_and_changes_no_state(world: Outside, store: tuple[str, str]) -> None:
    store_id, prefix = store
    with world.region.client(caller="developer") as alice, world.region.client(caller="app") as app:
        key = world.key(alice, store_id, "switched").arn
        blob = app.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
        world.proxy.tell(prefix, key="switched", values={"status": "DISABLED"})
        code, text = code_of(app.decrypt, ciphertext_blob=blob)
        assert (code, "disabled" in text) == ("KMSInvalidStateException", True)
        assert alice.describe_key(key_id=key).key_metadata.key_state == t.KEY_STATE_ENABLED
        assert world.wait_for(alice, store_id, CONNECTED).connection_state == CONNECTED
        world.proxy.tell(prefix, key="switched", values={"status": "ENABLED"})
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
        # "deleting a KMS key has no effect on its associated external key", and without the KMS key the external key opens nothing.
        alice.disable_key(key_id=key)
        assert code_of(app.decrypt, ciphertext_blob=blob)[0] == "DisabledException"


def test_keys_of_a_disconnected_store_are_unavailable_and_can_still_be_managed(world: Outside) -> None:
    prefix = new_prefix()
    with world.region.client(caller="developer") as alice, world.region.client(caller="app") as app:
        store_id = world.connected(alice, prefix)
        enabled, disabled, ending = (world.key(alice, store_id, name).key_id for name in ("enabled", "disabled", "ending"))
        alice.schedule_key_deletion(key_id=ending, pending_window_in_days=7)
        world.disconnect(alice, store_id)

        def state(key_id: str) -> int:
            return int(alice.describe_key(key_id=key_id).key_metadata.key_state)

        assert [state(key) for key in (enabled, disabled, ending)] == [
            t.KEY_STATE_UNAVAILABLE, t.KEY_STATE_UNAVAILABLE, t.KEY_STATE_PENDING_DELETION,
        ]  # fmt: skip
        for operation, fields in ((app.encrypt, {"plaintext": b"x"}), (app.generate_data_key, {"number_of_bytes": 8})):
            code, text = code_of(operation, key_id=enabled, **fields)
            assert (code, "is unavailable" in text) == ("KMSInvalidStateException", True)
        # What is said of a key meanwhile holds once its store is back.
        alice.disable_key(key_id=disabled)
        alice.update_key_description(key_id=enabled, description="kept")
        alice.create_alias(alias_name=f"alias/xks{prefix}", target_key_id=enabled)
        alice.tag_resource(key_id=enabled, tags=[t.Tag(tag_key="k", tag_value="v")])
        assert code_of(world.key, client=alice, store=store_id, name="late")[0] == "CustomKeyStoreInvalidStateException"
        assert code_of(alice.delete_custom_key_store, custom_key_store_id=store_id)[0] == "CustomKeyStoreHasCMKsException"
        alice.connect_custom_key_store(custom_key_store_id=store_id)
        world.wait_for(alice, store_id, CONNECTED)
        assert [state(key) for key in (enabled, disabled, ending)] == [
            t.KEY_STATE_ENABLED, t.KEY_STATE_DISABLED, t.KEY_STATE_PENDING_DELETION,
        ]  # fmt: skip
        assert alice.describe_key(key_id=enabled).key_metadata.description == "kept"
        assert code_of(alice.delete_custom_key_store, custom_key_store_id=store_id)[0] == "CustomKeyStoreInvalidStateException"


def test_a_failed_connection_tells_why_and_is_disconnected_first(world: Outside) -> None:
    prefix = new_prefix()
    with world.region.client(caller="developer") as alice:
        store_id = alice.create_custom_key_store(**world.fields(prefix)).custom_key_store_id
        world.proxy.tell(prefix, credential=["QQQQQQQQQQQQQQQQQQQQ", "t" * 43])
        alice.connect_custom_key_store(custom_key_store_id=store_id)
        entry = world.wait_for(alice, store_id, FAILED)
        assert entry.connection_error_code == t.CONNECTION_ERROR_CODE_TYPE_INVALID_CREDENTIALS
        assert code_of(alice.connect_custom_key_store, custom_key_store_id=store_id)[0] == "CustomKeyStoreInvalidStateException"
        world.disconnect(alice, store_id)
        wrong: dict[str, Any] = {"custom_key_store_id": store_id, "xks_proxy_authentication_credential": credential("w" * 43)}
        assert code_of(alice.update_custom_key_store, **wrong)[0] == "XksProxyIncorrectAuthenticationCredentialException"
        right = {**wrong, "xks_proxy_authentication_credential": credential("t" * 43, "Q" * 20)}
        alice.update_custom_key_store(**right)
        alice.connect_custom_key_store(custom_key_store_id=store_id)
        entry = world.wait_for(alice, store_id, CONNECTED)
        assert entry.connection_error_code == 0
        # A credential is changed while the store is connected: new beside old at the manager, then here, then the old one goes.
        world.proxy.tell(prefix, credential=["QQQQQQQQQQQQQQQQQQQQ", "u" * 43])
        alice.update_custom_key_store(**{**right, "xks_proxy_authentication_credential": credential("u" * 43, "Q" * 20)})
        assert world.key(alice, store_id, "after").key_state == t.KEY_STATE_ENABLED
        world.disconnect(alice, store_id)
    settled = world.region.place(HOME).folder
    written = b"".join(path.read_bytes() for path in settled.rglob("*") if path.is_file())
    assert all(secret.encode() * 43 not in written for secret in ("s", "t", "u", "w")), "neither database nor log has a secret"


def test_a_restart_finds_connected_stores_connected_and_goes_on_with_an_attempt(world: Outside, store: tuple[str, str]) -> None:
    with world.region.client(caller="developer") as alice, world.region.client(caller="app") as app:
        key = world.key(alice, store[0], "lasting").arn
        blob = app.encrypt(key_id=key, plaintext=b"kept").ciphertext_blob
    world.region.stop(HOME)
    world.region.start(HOME)
    with world.region.client(caller="app") as app:
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"kept"
