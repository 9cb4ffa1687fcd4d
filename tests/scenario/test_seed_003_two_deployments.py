"""KMS keys in an external key store whose key manager is Meridian too: the page on their creation, told on two deployments.

Source: AWS KMS Developer Guide, Create a KMS key in external key stores; docs/external-key-stores.md, What failures are called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from tests.deployment import HOME, PATIENT
from tests.scenario.two_kms import TwoKms, two_kms
from tests.scenario.xks import CONNECTED, DISCONNECTED, new_prefix
from tests.xks import meridian_xks

from meridian.cli.main import main
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(240)

CONTEXT = {"tenant": "acme"}
DISABLED = (
    "KMSInvalidStateException",
    "The external key, or the external key store behind the proxy, is disabled or blocked.",
)
NOT_FOUND = ("KMSInvalidStateException", "The external key store proxy does not find the external key.")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoKms]:
    with two_kms(tmp_path_factory.mktemp("two"), added=f"{PATIENT}limits.day_seconds = 0.05\n") as made:
        yield made


def refusal(call: Callable[..., Any], **fields: Any) -> tuple[str, str]:
    """Name and text of the refusal of a call."""
    with pytest.raises(KmsServiceError) as caught:
        call(**fields)
    return caught.value.code, caught.value.message


def test_the_story(both: TwoKms) -> None:
    prefix, manager = new_prefix(), both.manager
    external = manager.new_key()
    with (
        manager.deployment.client() as operator,
        both.region.client(caller="developer") as alice,
        both.region.client(caller="app") as app,
    ):
        # "After you have created and connected your external key store, you can create AWS KMS keys in your key store."
        export = manager.export(external, prefix, "bb8562717f809024")
        assert export is not None
        store = both.created(alice, prefix, export)
        assert refusal(both.key, client=alice, store=store, name="bb8562717f809024")[0] == "CustomKeyStoreInvalidStateException"
        both.connect(alice, store)

        # "if ... your external key store proxy cannot find an external key with the specified external key ID"
        assert refusal(both.key, client=alice, store=store, name="another")[0] == "XksKeyNotFoundException"
        # "The Status of the external key must be ENABLED."
        operator.disable_key(key_id=external)
        code, text = refusal(both.key, client=alice, store=store, name="bb8562717f809024")
        assert (code, "DISABLED" in text) == ("XksKeyInvalidConfigurationException", True)
        operator.enable_key(key_id=external)
        # "The KeyUsage of the external key must include ENCRYPT and DECRYPT."
        manager.export(manager.new_key(), prefix, "encrypts-alone", "encrypt")
        manager.deployment.wait_until(lambda: export.metadata("encrypts-alone").status == 200)
        assert refusal(both.key, client=alice, store=store, name="encrypts-alone")[0] == "XksKeyInvalidConfigurationException"

        # "When the CreateKey operation succeeds, the key state of the new KMS key is Enabled."
        made = both.key(alice, store, "bb8562717f809024")
        assert (made.key_state, made.xks_key_configuration.id) == (t.KEY_STATE_ENABLED, "bb8562717f809024")
        # "Each KMS key in an external key store must be associated with a different external key."
        assert refusal(both.key, client=alice, store=store, name="bb8562717f809024")[0] == "XksKeyAlreadyInUseException"

        # "All data ... is first encrypted in AWS KMS ... and then by your external key manager using your external key."
        sealed = app.encrypt(key_id=made.arn, plaintext=b"secret", encryption_context=CONTEXT).ciphertext_blob
        opened: dict[str, Any] = {"ciphertext_blob": sealed, "encryption_context": CONTEXT}
        assert app.decrypt(**opened).plaintext == b"secret"
        (seen,) = [each for each in manager.deployment.events_of(HOME, external) if each["eventName"] == "XksEncrypt"]
        (told,) = [each for each in both.region.events_of(HOME, made.arn) if each["eventName"] == "Encrypt"]
        claims = seen["requestParameters"]["unverifiedClaims"]
        assert claims["kmsRequestId"] == told["additionalEventData"]["xksProxyRequestId"] == told["requestID"]
        assert claims["kmsKeyArn"] == made.arn
        assert claims["awsPrincipalArn"] == told["userIdentity"]["arn"]

        # The operator of the manager closes the data, and opens it again; the KMS changes no state.
        operator.disable_key(key_id=external)
        assert refusal(app.decrypt, **opened) == DISABLED
        assert refusal(app.encrypt, key_id=made.arn, plaintext=b"x") == DISABLED
        assert refusal(app.generate_data_key, key_id=made.arn, number_of_bytes=32) == DISABLED
        assert refusal(app.re_encrypt, ciphertext_blob=sealed, source_encryption_context=CONTEXT, destination_key_id=made.arn) == DISABLED
        assert alice.describe_key(key_id=made.arn).key_metadata.key_state == t.KEY_STATE_ENABLED
        assert both.wait_for(alice, store, CONNECTED).connection_state == CONNECTED
        operator.enable_key(key_id=external)
        assert app.decrypt(**opened).plaintext == b"secret"

        # Disconnected, the key is Unavailable and the manager hears nothing; connected again, it opens what is old.
        both.disconnect(alice, store)
        assert alice.describe_key(key_id=made.arn).key_metadata.key_state == t.KEY_STATE_UNAVAILABLE
        heard = len(manager.deployment.events_of(HOME, external))
        code, text = refusal(app.decrypt, **opened)
        assert (code, "is unavailable" in text) == ("KMSInvalidStateException", True)
        assert len(manager.deployment.events_of(HOME, external)) == heard
        both.connect(alice, store)
        assert alice.describe_key(key_id=made.arn).key_metadata.key_state == t.KEY_STATE_ENABLED
        assert app.decrypt(**opened).plaintext == b"secret"

        # A store is deleted when it is disconnected and has no key, one that is to be deleted included.
        assert refusal(alice.delete_custom_key_store, custom_key_store_id=store)[0] == "CustomKeyStoreInvalidStateException"
        both.disconnect(alice, store)
        assert refusal(alice.delete_custom_key_store, custom_key_store_id=store)[0] == "CustomKeyStoreHasCMKsException"
        alice.schedule_key_deletion(key_id=made.arn, pending_window_in_days=30)
        assert refusal(alice.delete_custom_key_store, custom_key_store_id=store)[0] == "CustomKeyStoreHasCMKsException"
        both.region.wait_until(lambda: _is_gone(alice, made.arn), seconds=60)
        alice.delete_custom_key_store(custom_key_store_id=store)
        assert refusal(alice.describe_custom_key_stores, custom_key_store_id=store)[0] == "CustomKeyStoreNotFoundException"

        # "deleting a KMS key has no effect on its associated external key", which alone opens nothing.
        assert operator.describe_key(key_id=external).key_metadata.key_state == t.KEY_STATE_ENABLED
        assert refusal(app.decrypt, **opened)[0] == "AccessDeniedException", "as for every key that is not there"


def _is_gone(client: Any, arn: str) -> bool:
    try:
        client.describe_key(key_id=arn)
    except KmsServiceError as gone:
        return gone.code == "NotFoundException"
    return False


def test_a_revoked_export_closes_the_data_and_a_new_one_of_the_same_key_and_id_opens_it(both: TwoKms) -> None:
    prefix, manager = new_prefix(), both.manager
    external = manager.new_key()
    with both.region.client(caller="developer") as alice, both.region.client(caller="app") as app:
        first = manager.export(external, prefix, f"revoked{prefix[1:]}")
        kept = manager.export(manager.new_key(), prefix, f"kept{prefix[1:]}")
        assert first is not None
        assert kept is None, "one credential opens the key store"
        store = both.created(alice, prefix, first)
        both.connect(alice, store)
        name = f"revoked{prefix[1:]}"
        arn = both.key(alice, store, name).arn
        sealed = app.encrypt(key_id=arn, plaintext=b"secret").ciphertext_blob
        assert meridian_xks(manager.deployment, "revoke", name).returncode == 0
        manager.deployment.wait_until(lambda: first.metadata(name).status == 404)
        assert refusal(app.decrypt, ciphertext_blob=sealed) == NOT_FOUND
        manager.export(external, prefix, name)
        manager.deployment.wait_until(lambda: first.metadata(name).status == 200)
        assert app.decrypt(ciphertext_blob=sealed).plaintext == b"secret"
        # Another key under the same id has other bytes: it opens nothing.
        assert meridian_xks(manager.deployment, "revoke", name).returncode == 0
        manager.deployment.wait_until(lambda: first.metadata(name).status == 404)
        manager.export(manager.new_key(), prefix, name)
        manager.deployment.wait_until(lambda: first.metadata(name).status == 200)
        code, text = refusal(app.decrypt, ciphertext_blob=sealed)
        assert (code, text) == ("KMSInvalidStateException", "The external key manager cannot open what it is said to have sealed.")


def test_a_credential_is_changed_while_the_store_is_connected(both: TwoKms) -> None:
    prefix, manager = new_prefix(), both.manager
    names = [f"turned{prefix[1:]}", f"other{prefix[1:]}"]
    with both.region.client(caller="developer") as alice, both.region.client(caller="app") as app:
        old = manager.export(manager.new_key(), prefix, names[0])
        assert old is not None
        store = both.created(alice, prefix, old)
        both.connect(alice, store)
        arn = both.key(alice, store, names[0]).arn
        new = manager.export(manager.new_key(), prefix, names[1], new_credential=True)
        assert new is not None
        manager.deployment.wait_until(lambda: new.health().status == 200)
        given = both.fields(prefix, new)["xks_proxy_authentication_credential"]
        alice.update_custom_key_store(custom_key_store_id=store, xks_proxy_authentication_credential=given)
        assert meridian_xks(manager.deployment, "revoke", old.access_key_id).returncode == 0
        manager.deployment.wait_until(lambda: old.health().status == 401)
        sealed = app.encrypt(key_id=arn, plaintext=b"secret").ciphertext_blob
        assert app.decrypt(ciphertext_blob=sealed).plaintext == b"secret"
        # The one in use is taken away at the manager: the key says so, and a new attempt fails.
        assert meridian_xks(manager.deployment, "revoke", new.access_key_id).returncode == 0
        manager.deployment.wait_until(lambda: new.health().status == 401)
        text = "The external key store proxy does not accept the authentication credential of the key store."
        assert refusal(app.decrypt, ciphertext_blob=sealed) == ("KMSInvalidStateException", text)
        both.disconnect(alice, store)
        alice.connect_custom_key_store(custom_key_store_id=store)
        failed = both.wait_for(alice, store, t.CONNECTION_STATE_TYPE_FAILED)
        assert failed.connection_error_code == t.CONNECTION_ERROR_CODE_TYPE_INVALID_CREDENTIALS
        both.disconnect(alice, store)
        assert both.wait_for(alice, store, DISCONNECTED).connection_state == DISCONNECTED


def described(both: TwoKms, caller: str, arn: str) -> Any:
    """`meridian kms describe-key --xks`, as it ended."""
    endpoint = both.region.endpoint(HOME, caller)
    environment = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
    }
    return CliRunner().invoke(main, ["kms", "describe-key", "--key-id", arn, "--xks"], env=environment)


def test_the_command_line_tells_how_the_external_key_is(both: TwoKms) -> None:
    prefix, manager = new_prefix(), both.manager
    external, name = manager.new_key(), f"looked-at{prefix[1:]}"
    with manager.deployment.client() as operator, both.region.client(caller="developer") as alice:
        arn = both.key_on(alice, external, prefix, name)
        store = alice.describe_key(key_id=arn).key_metadata.custom_key_store_id
        told = {"KeyId": arn, "CustomKeyStoreId": store, "XksKeyId": name, "KeySpec": "AES_256", "KeyUsage": ["ENCRYPT", "DECRYPT"]}
        ran = described(both, "auditor", arn)
        assert (ran.exit_code, json.loads(ran.stdout)) == (0, {**told, "KeyStatus": "ENABLED"})
        operator.disable_key(key_id=external)
        assert json.loads(described(both, "developer", arn).stdout) == {**told, "KeyStatus": "DISABLED"}
        alice.disable_key(key_id=arn)
        assert described(both, "developer", arn).exit_code == 0, "a disabled key can be looked at as well"
        (heard,) = [each for each in manager.deployment.events_of(HOME, external) if each["eventName"] == "XksGetKeyMetadata"][-1:]
        record = both.region.wait_for_event(HOME, "DescribeExternalKey", arn)
        assert record["additionalEventData"]["xksKeyId"] == name
        assert heard["requestParameters"]["unverifiedClaims"]["kmsOperation"] == "DescribeKey"
        both.disconnect(alice, store)
        refused = described(both, "developer", arn)
        assert (refused.exit_code, refused.stderr.split(":")[0]) == (6, "KMSInvalidStateException")
        local = alice.create_key().key_metadata.arn
        assert described(both, "developer", local).stderr.split(":")[0] == "UnsupportedOperationException"
