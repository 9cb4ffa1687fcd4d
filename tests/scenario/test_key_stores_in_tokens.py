"""Key stores in hardware tokens, on a real Region: made, connected, used, lost, found again, emptied and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.deployment import HOME, Deployment
from tests.tokens import OTHER_PIN, PIN, Token, new_token

from meridian.client import Client
from meridian.client.errors import (
    CloudHsmClusterInUseException,
    CloudHsmClusterNotActiveException,
    CloudHsmClusterNotFoundException,
    CustomKeyStoreHasCMKsException,
    CustomKeyStoreInvalidStateException,
    IncorrectTrustAnchorException,
    InvalidCiphertextException,
    KMSInvalidStateException,
    KmsServiceError,
    UnsupportedOperationException,
    ValidationException,
)
from meridian.kms.v1 import types_pb2 as t

CLUSTER, OTHERS = "cluster-abcdefghijk", "cluster-22222222222"
ANCHOR = "-----BEGIN CERTIFICATE-----\nMIIBtest\n-----END CERTIFICATE-----\n"
CLOUD_HSM = t.CUSTOM_KEY_STORE_TYPE_AWS_CLOUDHSM
ORIGIN = t.ORIGIN_TYPE_AWS_CLOUDHSM
ACCOUNT = "111122223333"
DAYS = "limits.day_seconds = 0.1\n"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    made = new_token(tmp_path_factory.mktemp("tokens") / "hsm", "hsm-a")
    (made.folder / "anchor.pem").write_text(ANCHOR)
    return made


@pytest.fixture(scope="module")
def region(token: Token, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    tables = "".join(
        f'[key_store_tokens.{cluster}]\nmodule = "{token.module}"\ntoken = "{label}"\naccount = "{account}"\n'
        f'trust_anchor = "{token.folder}/anchor.pem"\n'
        for cluster, label, account in ((CLUSTER, token.label, ACCOUNT), (OTHERS, "hsm-x", "444455556666"))
    )
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), [HOME], DAYS).prepare()
    path = deployment.place(HOME).settings
    path.write_text(path.read_text() + tables)
    with deployment.serving():
        yield deployment


@pytest.fixture
def alice(region: Deployment) -> Iterator[Client]:
    with region.client() as client:
        yield client


def create(alice: Client, **changed: Any) -> str:
    given: dict[str, Any] = {
        "custom_key_store_name": "tokens",
        "custom_key_store_type": CLOUD_HSM,
        "cloud_hsm_cluster_id": CLUSTER,
        "key_store_password": PIN,
        "trust_anchor_certificate": ANCHOR,
        **changed,
    }
    return str(alice.create_custom_key_store(**given).custom_key_store_id)


def entry(alice: Client, store: str) -> Any:
    return alice.describe_custom_key_stores(custom_key_store_id=store).custom_key_stores[0]


def connect(region: Deployment, alice: Client, store: str) -> Any:
    """The store's entry when the attempt is over."""
    alice.connect_custom_key_store(custom_key_store_id=store)
    over = (t.CONNECTION_STATE_TYPE_CONNECTED, t.CONNECTION_STATE_TYPE_FAILED)
    return region.wait_until(lambda: entry(alice, store) if entry(alice, store).connection_state in over else None)


def disconnect(region: Deployment, alice: Client, store: str) -> None:
    alice.disconnect_custom_key_store(custom_key_store_id=store)
    region.wait_until(lambda: entry(alice, store).connection_state == t.CONNECTION_STATE_TYPE_DISCONNECTED)


def test_the_life_of_a_key_store_in_a_token(region: Deployment, alice: Client, token: Token) -> None:
    before = token.key_files
    store = create(alice)
    shown = entry(alice, store)
    assert (shown.custom_key_store_type, shown.cloud_hsm_cluster_id, shown.trust_anchor_certificate) == (CLOUD_HSM, CLUSTER, ANCHOR)
    with pytest.raises(CustomKeyStoreInvalidStateException):
        alice.create_key(origin=ORIGIN, custom_key_store_id=store)
    assert connect(region, alice, store).connection_state == t.CONNECTION_STATE_TYPE_CONNECTED
    made = alice.create_key(origin=ORIGIN, custom_key_store_id=store).key_metadata
    assert (made.cloud_hsm_cluster_id, made.custom_key_store_id, made.origin) == (CLUSTER, store, ORIGIN)
    assert not made.HasField("current_key_material_id")
    assert token.key_files == before + 1
    assert alice.describe_key(key_id=made.key_id).key_metadata == made
    with region.client(caller="app") as app:
        blob = app.encrypt(key_id=made.key_id, plaintext=b"secret", encryption_context={"a": "b"}).ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"}).plaintext == b"secret"
        for spoilt in (blob[:-1] + bytes([blob[-1] ^ 1]), blob[:125] + bytes([blob[125] ^ 1]) + blob[126:]):
            with pytest.raises(InvalidCiphertextException):
                app.decrypt(ciphertext_blob=spoilt, encryption_context={"a": "b"})
        with pytest.raises(InvalidCiphertextException):
            app.decrypt(ciphertext_blob=blob)
        data_key = app.generate_data_key(key_id=made.key_id, key_spec=t.DATA_KEY_SPEC_AES_256)
        assert app.decrypt(ciphertext_blob=data_key.ciphertext_blob).plaintext == data_key.plaintext
        drawn = {app.generate_random(number_of_bytes=32, custom_key_store_id=store).plaintext for _ in range(4)}
        assert {len(each) for each in drawn} == {32}
        assert len(drawn) == 4
        disconnect(region, alice, store)
        assert alice.describe_key(key_id=made.key_id).key_metadata.key_state == t.KEY_STATE_UNAVAILABLE
        with pytest.raises(KMSInvalidStateException):
            app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"})
        with pytest.raises(CustomKeyStoreInvalidStateException):
            app.generate_random(number_of_bytes=32, custom_key_store_id=store)
        with pytest.raises(CustomKeyStoreHasCMKsException):
            alice.delete_custom_key_store(custom_key_store_id=store)
        connect(region, alice, store)
        assert app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"}).plaintext == b"secret"
        _the_token_is_lost_and_found(region, app, token, blob)
    alice.schedule_key_deletion(key_id=made.key_id, pending_window_in_days=30)
    region.wait_until(lambda: token.key_files == before)
    disconnect(region, alice, store)
    region.wait_until(lambda: deleted(alice, store))
    assert not token.was_called_by_another_thread
    written = b"".join(path.read_bytes() for path in region.place(HOME).folder.rglob("*") if path.is_file())
    assert PIN.encode() not in written


def deleted(alice: Client, store: str) -> bool:
    try:
        alice.delete_custom_key_store(custom_key_store_id=store)
    except CustomKeyStoreHasCMKsException:
        return False
    return True


def opened(app: Client, blob: bytes) -> bytes | None:
    """What it encrypts, once its token is found again."""
    try:
        return app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"}).plaintext
    except KMSInvalidStateException:
        return None


def drew(app: Client, store: str) -> bool:
    try:
        app.generate_random(number_of_bytes=32, custom_key_store_id=store)
    except CustomKeyStoreInvalidStateException:
        return False
    return True


def _the_token_is_lost_and_found(region: Deployment, app: Client, token: Token, blob: bytes) -> None:
    for lose, find in ((token.take_out, token.put_back), (lambda: token.say("removed"), lambda: token.unsay("removed"))):
        lose()
        with pytest.raises(KMSInvalidStateException, match="The token of the key store"):
            app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"})
        find()
        region.wait_until(lambda: opened(app, blob) == b"secret")


def test_operators_see_tokens_beside_proxies_and_no_store_by_its_name(region: Deployment, alice: Client, token: Token) -> None:
    kind = 'type="AWS_CLOUDHSM"'

    def asked(request: str, outcome: str = "") -> float:
        return region.metrics(HOME).get(f'meridian_key_store_requests_total{{outcome="{outcome}",request="{request}",{kind}}}', 0.0)

    connections, drawn, lost = asked("connect"), asked("random"), asked("random", "removed")
    store = create(alice)
    connect(region, alice, store)
    with region.client(caller="app") as app:
        app.generate_random(number_of_bytes=32, custom_key_store_id=store)
        assert (asked("connect"), asked("random")) == (connections + 2, drawn + 1)
        told = region.metrics(HOME)
        assert (told[f"meridian_key_stores_connected{{{kind}}}"], told[f"meridian_key_stores_broken{{{kind}}}"]) == (1, 0)
        token.say("removed")
        try:
            for _ in range(2):  # the first one finds out, and looks for the token in vain
                with pytest.raises(CustomKeyStoreInvalidStateException):
                    app.generate_random(number_of_bytes=32, custom_key_store_id=store)
            told = region.metrics(HOME)
            assert told[f"meridian_key_stores_broken{{{kind}}}"] == 1
            assert sum(value for name, value in told.items() if "key_store_requests" in name and kind in name and 'outcome=""' not in name)
        finally:
            token.unsay("removed")
        region.wait_until(lambda: drew(app, store))
    told = region.metrics(HOME)
    assert told[f"meridian_key_stores_broken{{{kind}}}"] == 0
    assert lost <= asked("random", "removed")
    assert not any(store in name for name in told)
    disconnect(region, alice, store)
    assert region.metrics(HOME)[f"meridian_key_stores_connected{{{kind}}}"] == 0
    alice.delete_custom_key_store(custom_key_store_id=store)


def test_a_key_that_a_killed_process_left_in_the_token_is_told(region: Deployment, token: Token) -> None:
    with region.client() as alice:
        store = create(alice)
        connect(region, alice, store)
    before = token.key_files
    region.stop(HOME)
    region.start(environment={"MERIDIAN_TEST_KILL_AT": "create_key.before_commit"})
    with region.client() as alice, pytest.raises(KmsServiceError):
        alice.create_key(origin=ORIGIN, custom_key_store_id=store, timeout=10)
    region.wait_dead(HOME)
    region.start()
    assert token.key_files == before + 1
    region.wait_until(lambda: region.metrics(HOME)["meridian_token_keys_left"] == 1, seconds=15)
    log = (region.place(HOME).folder / "log").read_text()
    assert "key in a token that no KMS key has" in log
    with region.client() as alice:
        kept = alice.create_key(origin=ORIGIN, custom_key_store_id=store).key_metadata.key_id
        assert kept not in log
        assert region.metrics(HOME)["meridian_token_keys_left"] == 1
        alice.schedule_key_deletion(key_id=kept, pending_window_in_days=30)
        region.wait_until(lambda: token.key_files == before + 1)
        disconnect(region, alice, store)
        region.wait_until(lambda: deleted(alice, store))


def test_what_does_not_fit_is_refused_by_its_name(region: Deployment, alice: Client, token: Token) -> None:
    for field in ("cloud_hsm_cluster_id", "key_store_password", "trust_anchor_certificate"):
        with pytest.raises(ValidationException, match=field.title().replace("_", "")):
            create(alice, **{field: None})
    with pytest.raises(ValidationException, match="XksProxyUriPath"):
        create(alice, xks_proxy_uri_path="/kms/xks/v1")
    with pytest.raises(CloudHsmClusterNotFoundException):
        create(alice, cloud_hsm_cluster_id="cluster-zzzzzzzzzzz")
    with pytest.raises(CloudHsmClusterNotFoundException):
        create(alice, cloud_hsm_cluster_id=OTHERS)  # of another account
    with pytest.raises(IncorrectTrustAnchorException):
        create(alice, trust_anchor_certificate=ANCHOR.replace("test", "other"))
    token.take_out()
    try:
        with pytest.raises((CloudHsmClusterNotFoundException, CloudHsmClusterNotActiveException)):
            create(alice)
    finally:
        token.put_back()
    store = create(alice)
    with pytest.raises(ValidationException, match="XksProxyUriPath"):
        alice.update_custom_key_store(custom_key_store_id=store, xks_proxy_uri_path="/kms/xks/v1")
    with pytest.raises(CloudHsmClusterInUseException):
        create(alice, custom_key_store_name="another")
    connect(region, alice, store)
    kinds: list[tuple[type[KmsServiceError], dict[str, Any]]] = [
        (UnsupportedOperationException, {"multi_region": True}),
        (UnsupportedOperationException, {"key_spec": t.KEY_SPEC_RSA_2048, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY}),
        (ValidationException, {"xks_key_id": "x"}),
        (ValidationException, {"custom_key_store_id": None}),
        (ValidationException, {"origin": t.ORIGIN_TYPE_EXTERNAL}),
    ]
    for refused, given in kinds:
        with pytest.raises(refused):
            alice.create_key(**{"origin": ORIGIN, "custom_key_store_id": store, **given})
    with pytest.raises(CustomKeyStoreInvalidStateException):
        alice.update_custom_key_store(custom_key_store_id=store, key_store_password=OTHER_PIN)
    alice.update_custom_key_store(custom_key_store_id=store, new_custom_key_store_name="renamed")
    disconnect(region, alice, store)
    alice.delete_custom_key_store(custom_key_store_id=store)


def test_a_wrong_pin_is_tried_once_by_each_connection_until_the_token_locks_it(region: Deployment, alice: Client, token: Token) -> None:
    store = create(alice, key_store_password=OTHER_PIN)
    codes = []
    for _ in range(4):
        before = token.logins
        codes.append(connect(region, alice, store).connection_error_code)
        assert token.logins <= before + 1
        disconnect(region, alice, store)
    assert codes == [t.CONNECTION_ERROR_CODE_TYPE_INVALID_CREDENTIALS] * 3 + [t.CONNECTION_ERROR_CODE_TYPE_USER_LOCKED_OUT]
    alice.update_custom_key_store(custom_key_store_id=store, key_store_password=PIN)
    assert connect(region, alice, store).connection_error_code == t.CONNECTION_ERROR_CODE_TYPE_USER_LOCKED_OUT
    disconnect(region, alice, store)
    token.take_out()
    assert connect(region, alice, store).connection_error_code == t.CONNECTION_ERROR_CODE_TYPE_CLUSTER_NOT_FOUND
    token.put_back()
    disconnect(region, alice, store)
    alice.delete_custom_key_store(custom_key_store_id=store)
