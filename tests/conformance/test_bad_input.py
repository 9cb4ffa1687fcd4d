"""Bad input gets a clear, typed error that names the field, and changes nothing."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.conformance.good_requests import proxy
from tests.deployment import AWAY, HOME, Deployment
from tests.raw_calls import raw_call

from meridian.client import errors
from meridian.client.errors import KmsServiceError
from meridian.client.statuses import error_of
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

ABSENT = "00000000-0000-4000-8000-000000000000"
FOREIGN = f"arn:aws:kms:{HOME}:444455556666:key/{ABSENT}"
ELSEWHERE = f"arn:aws:kms:{AWAY}:111122223333:key/{ABSENT}"


@pytest.fixture(scope="module")
def key(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key().key_metadata.key_id)


def refuse(two_regions: Deployment, caller: str, name: str, fields: dict[str, Any]) -> KmsServiceError:
    rpc = rpcs()[name]
    with two_regions.client(HOME, caller) as client, pytest.raises(KmsServiceError) as caught:
        client.call(rpc, rpc.request_class(**fields))
    assert caught.value.request_id
    return caught.value


KEY = object()
BIG = {"a": "x" * 8192}
TPYO = "permit (principal, action, resource) when { context.tpyo };"
STORE, HSM = {"custom_key_store_id": "cks-00000000000000000"}, "cluster-" + "a" * 12
ABROAD = "arn:aws-cn:iam::111122223333:user/auditor"
STRANGER = "arn:aws:iam::999988887777:user/nobody"
IMPORT = {"key_id": KEY, "import_token": b"x", "encrypted_key_material": b"x"}
CONTROLS = ["\n", "\r", "\t", "\x0b", "\x1c", "\x1f", "\x7f", "\x85", "\u200b", "\u0301"]
"""Characters that AWS's pattern of tags has not; `\\s` of Python has some."""
NO_MOMENTS = [
    Timestamp(seconds=2**60),
    Timestamp(seconds=253_402_300_800),
    Timestamp(seconds=-(2**62)),
    Timestamp(nanos=-1),
    Timestamp(nanos=10**9),
]
CASES: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("app", "Encrypt", {"key_id": KEY}, "ValidationException", "plaintext"),
    ("app", "Encrypt", {"plaintext": b"x"}, "ValidationException", "keyId"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b""}, "ValidationException", "plaintext"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x" * 4097}, "ValidationException", "plaintext"),
    ("app", "Encrypt", {"key_id": "x" * 2049, "plaintext": b"x"}, "ValidationException", "keyId"),
    ("app", "Encrypt", {"key_id": "", "plaintext": b"x"}, "ValidationException", "keyId"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x", "encryption_algorithm": 99}, "ValidationException", "encryptionAlgorithm"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x", "encryption_context": {"": "x"}}, "ValidationException", "encryptionContext"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x", "encryption_context": BIG}, "ValidationException", "encryptionContext"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x", "grant_tokens": ["t"] * 11}, "ValidationException", "grantTokens"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x", "grant_tokens": [""]}, "ValidationException", "grantTokens.1.member"),
    ("app", "Encrypt", {"key_id": KEY, "plaintext": b"x", "encryption_algorithm": 2}, "InvalidKeyUsageException", ""),
    ("app", "Encrypt", {"key_id": "no such form", "plaintext": b"x"}, "NotFoundException", ""),
    ("app", "Encrypt", {"key_id": ABSENT, "plaintext": b"x"}, "NotFoundException", ""),
    ("app", "Encrypt", {"key_id": "alias/nobody", "plaintext": b"x"}, "NotFoundException", ""),
    ("app", "Encrypt", {"key_id": "alias/a:b", "plaintext": b"x"}, "ValidationException", "keyId"),
    ("app", "Encrypt", {"key_id": "arn:aws:kms:broken", "plaintext": b"x"}, "InvalidArnException", ""),
    ("app", "Encrypt", {"key_id": "arn:aws:s3:::bucket", "plaintext": b"x"}, "InvalidArnException", ""),
    ("app", "Encrypt", {"key_id": ELSEWHERE, "plaintext": b"x"}, "NotFoundException", ""),
    ("app", "Encrypt", {"key_id": FOREIGN, "plaintext": b"x"}, "AccessDeniedException", ""),
    ("alice", "DescribeKey", {"key_id": FOREIGN}, "AccessDeniedException", ""),
    ("alice", "EnableKey", {"key_id": "alias/a"}, "InvalidArnException", ""),
    ("app", "Decrypt", {}, "ValidationException", "ciphertextBlob"),
    ("app", "Decrypt", {"ciphertext_blob": b""}, "ValidationException", "ciphertextBlob"),
    ("app", "Decrypt", {"ciphertext_blob": b"x" * 6145}, "ValidationException", "ciphertextBlob"),
    ("app", "Decrypt", {"ciphertext_blob": b"not a blob"}, "InvalidCiphertextException", ""),
    ("app", "Decrypt", {"ciphertext_blob": b"MK\x01\x01\x01\x00\x00\x00" + b"\x00" * 160}, "AccessDeniedException", ""),
    ("app", "Decrypt", {"ciphertext_blob": b"x", "recipient": t.RecipientInfo()}, "UnsupportedOperationException", ""),
    ("app", "Decrypt", {"ciphertext_blob": b"x", "dry_run_modifiers": [1]}, "ValidationException", "dryRunModifiers"),
    ("app", "Decrypt", {"dry_run": True, "dry_run_modifiers": [1]}, "ValidationException", "keyId"),
    ("app", "GenerateDataKey", {"key_id": KEY}, "ValidationException", "keySpec"),
    ("app", "GenerateDataKey", {"key_id": KEY, "key_spec": 1, "number_of_bytes": 8}, "ValidationException", "keySpec"),
    ("app", "GenerateDataKey", {"key_id": KEY, "number_of_bytes": 0}, "ValidationException", "numberOfBytes"),
    ("app", "GenerateDataKey", {"key_id": KEY, "number_of_bytes": 1025}, "ValidationException", "numberOfBytes"),
    ("app", "GenerateDataKey", {"key_id": KEY, "number_of_bytes": -1}, "ValidationException", "numberOfBytes"),
    ("app", "GenerateRandom", {}, "ValidationException", "numberOfBytes"),
    ("alice", "CreateKey", {"description": "x" * 8193}, "ValidationException", "description"),
    ("alice", "CreateKey", {"description": "a\0b"}, "ValidationException", "description"),
    ("alice", "CreateKey", {"key_spec": 99}, "ValidationException", "keySpec"),
    ("alice", "CreateKey", {"key_spec": t.KEY_SPEC_RSA_2048}, "ValidationException", "keyUsage"),
    ("alice", "CreateKey", {"key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY}, "ValidationException", "keyUsage"),
    ("alice", "CreateKey", {"key_spec": 8, "customer_master_key_spec": 8}, "ValidationException", "keySpec"),
    ("alice", "CreateKey", {"key_spec": t.KEY_SPEC_SM2, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY}, "UnsupportedOperationException", ""),
    ("alice", "CreateKey", {"origin": t.ORIGIN_TYPE_EXTERNAL_KEY_STORE}, "ValidationException", "customKeyStoreId"),
    ("alice", "CreateKey", {"tags": [t.Tag(tag_key="aws:x", tag_value="")]}, "TagException", ""),
    ("alice", "CreateKey", {"tags": [t.Tag(tag_key="a", tag_value=""), t.Tag(tag_key="a", tag_value="")]}, "TagException", ""),
    ("alice", "CreateKey", {"tags": [t.Tag(tag_key=str(n), tag_value="") for n in range(51)]}, "TagException", ""),
    ("alice", "CreateKey", {"tags": [t.Tag(tag_key="a&b", tag_value="")]}, "TagException", ""),
    *[("alice", "CreateKey", {"tags": [t.Tag(tag_key=f"a{each}", tag_value="")]}, "TagException", "") for each in CONTROLS],
    *[("alice", "TagResource", {"key_id": KEY, "tags": [t.Tag(tag_key="a", tag_value=each)]}, "TagException", "") for each in CONTROLS],
    *[("alice", "UntagResource", {"key_id": KEY, "tag_keys": [each]}, "TagException", "") for each in CONTROLS],
    ("alice", "CreateKey", {"tags": [t.Tag(tag_key="a" * 129, tag_value="")]}, "ValidationException", "tags.1.member.tagKey"),
    ("alice", "CreateKey", {"tags": [t.Tag(tag_key="a")]}, "ValidationException", "tags.1.member.tagValue"),
    ("alice", "CreateKey", {"policy": "this is no policy"}, "MalformedPolicyDocumentException", ""),
    ("alice", "CreateKey", {"policy": TPYO}, "MalformedPolicyDocumentException", ""),
    ("alice", "CreateKey", {"policy": "forbid (principal, action, resource);"}, "MalformedPolicyDocumentException", ""),
    ("alice", "PutKeyPolicy", {"key_id": KEY, "policy": "forbid (principal, action, resource);"}, "MalformedPolicyDocumentException", ""),
    ("alice", "PutKeyPolicy", {"key_id": KEY, "policy": "//" + "x" * 40000}, "LimitExceededException", ""),
    ("alice", "PutKeyPolicy", {"key_id": KEY, "policy": "x" * 131073}, "ValidationException", "policy"),
    ("alice", "PutKeyPolicy", {"key_id": KEY, "policy": "//", "policy_name": "other"}, "ValidationException", "policyName"),
    ("alice", "GetKeyPolicy", {"key_id": KEY, "policy_name": "other"}, "NotFoundException", ""),
    ("alice", "ListKeys", {"limit": 0}, "ValidationException", "limit"),
    ("alice", "ListKeys", {"limit": 1001}, "ValidationException", "limit"),
    ("alice", "ListKeys", {"marker": "forged"}, "InvalidMarkerException", ""),
    ("alice", "ReplicateKey", {"key_id": KEY, "replica_region": "Mars"}, "ValidationException", "replicaRegion"),
    ("alice", "ReplicateKey", {"key_id": KEY}, "ValidationException", "replicaRegion"),
    *[("alice", "ImportKeyMaterial", {**IMPORT, "valid_to": moment}, "ValidationException", "validTo") for moment in NO_MOMENTS],
    ("alice", "CreateCustomKeyStore", {**proxy(), "key_store_password": "kmsPswd"}, "ValidationException", "keyStorePassword"),
    ("alice", "UpdateCustomKeyStore", {**STORE, "key_store_password": "kmsPswd"}, "CustomKeyStoreNotFoundException", ""),
    ("alice", "UpdateCustomKeyStore", {**STORE, "cloud_hsm_cluster_id": HSM}, "CustomKeyStoreNotFoundException", ""),
    ("alice", "ListRetirableGrants", {"retiring_principal": STRANGER}, "InvalidArnException", ""),
    ("alice", "ListRetirableGrants", {"retiring_principal": ABROAD}, "InvalidArnException", ""),
    ("alice", "CreateGrant", {"key_id": KEY, "grantee_principal": ABROAD, "operations": [1]}, "InvalidArnException", ""),
    (
        "alice",
        "CreateGrant",
        {"key_id": KEY, "grantee_principal": STRANGER, "retiring_principal": ABROAD, "operations": [1]},
        "InvalidArnException",
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("caller", "name", "fields", "code", "field"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_it_is_refused_with_its_error(
    two_regions: Deployment, key: str, caller: str, name: str, fields: dict[str, Any], code: str, field: str
) -> None:
    error = refuse(two_regions, caller, name, {n: key if v is KEY else v for n, v in fields.items()})
    assert error.code == code, error.message
    if field:
        assert field in [name for name, _ in error.fields]


def test_refused_changes_change_nothing(two_regions: Deployment, key: str) -> None:
    def state() -> tuple[Any, Any, int]:
        with two_regions.client() as alice:
            return alice.describe_key(key_id=key), alice.get_key_policy(key_id=key), len(alice.list_keys(limit=1000).keys)

    before = state()
    for caller, name, fields, _, _ in CASES:
        refuse(two_regions, caller, name, {n: key if v is KEY else v for n, v in fields.items()})
    assert state() == before


def test_every_broken_constraint_is_told_at_once_and_no_secret_is_repeated(two_regions: Deployment) -> None:
    error = refuse(two_regions, "app", "Encrypt", {"key_id": "", "plaintext": b"secret" * 1000})
    assert error.message.startswith("2 validation errors detected: ")
    assert "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096" in error.message
    assert "secret" not in error.message


def test_bytes_that_are_no_message_are_refused(two_regions: Deployment) -> None:
    endpoint = two_regions.endpoint(HOME, "app")
    with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        raw_call(channel, rpcs()["Encrypt"].path)(b"\xff\xff\xff", timeout=5)
    assert error_of(caught.value).code == "ValidationException"


def test_a_message_over_the_size_of_the_wire_is_refused(two_regions: Deployment, key: str) -> None:
    error = pytest.raises(KmsServiceError)
    with two_regions.client(HOME, "app") as app, error as caught:
        app.encrypt(key_id=key, plaintext=b"x" * 300_000)
    assert caught.value.code == "RESOURCE_EXHAUSTED"


def test_absent_foreign_and_forbidden_keys_of_another_account_look_alike(two_regions: Deployment, key: str) -> None:
    present = f"arn:aws:kms:{HOME}:111122223333:key/{key}"
    absent = f"arn:aws:kms:{HOME}:111122223333:key/{ABSENT}"
    messages = {refuse(two_regions, "bob", "DescribeKey", {"key_id": arn}).message for arn in (present, absent)}
    assert len(messages) == 1


@pytest.mark.parametrize("name", ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"])
def test_a_dry_run_that_passes_says_so_and_does_nothing(two_regions: Deployment, key: str, name: str) -> None:
    with two_regions.client(HOME, "app") as app:
        blob = app.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
    requests: dict[str, dict[str, Any]] = {
        "Encrypt": {"key_id": key, "plaintext": b"x"},
        "Decrypt": {"ciphertext_blob": blob},
        "ReEncrypt": {"ciphertext_blob": blob, "destination_key_id": key},
        "GenerateDataKey": {"key_id": key, "number_of_bytes": 16},
        "GenerateDataKeyWithoutPlaintext": {"key_id": key, "number_of_bytes": 16},
    }
    assert refuse(two_regions, "app", name, {**requests[name], "dry_run": True}).code == "DryRunOperationException"


def test_a_dry_run_tells_the_real_error_first(two_regions: Deployment, key: str) -> None:
    with two_regions.client(HOME, "app") as app:
        blob = app.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
    wrong = {"ciphertext_blob": blob, "encryption_context": {"a": "b"}, "dry_run": True}
    assert refuse(two_regions, "app", "Decrypt", wrong).code == "InvalidCiphertextException"
    ignoring = {"key_id": key, "dry_run": True, "dry_run_modifiers": [t.DRY_RUN_MODIFIER_TYPE_IGNORE_CIPHERTEXT]}
    assert refuse(two_regions, "app", "Decrypt", ignoring).code == "DryRunOperationException"
    assert refuse(two_regions, "alice", "Decrypt", ignoring).code == "AccessDeniedException"


def test_disabled_keys_refuse_cryptography_and_answer_reads(two_regions: Deployment) -> None:
    with two_regions.client() as alice, two_regions.client(HOME, "app") as app:
        arn = alice.create_key().key_metadata.arn
        blob = app.encrypt(key_id=arn, plaintext=b"x").ciphertext_blob
        alice.disable_key(key_id=arn)
        assert not alice.describe_key(key_id=arn).key_metadata.enabled
        for fields in ({"plaintext": b"x"}, {"plaintext": b"x", "encryption_algorithm": 2}):
            with pytest.raises(errors.DisabledException, match=f"{arn} is disabled"):
                app.encrypt(key_id=arn, **fields)
        with pytest.raises(errors.DisabledException):
            app.decrypt(ciphertext_blob=blob)
        alice.enable_key(key_id=arn)
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"


def test_listing_pages_through_every_key_once(two_regions: Deployment) -> None:
    with two_regions.client() as alice, two_regions.client(HOME, "auditor") as auditor:
        for _ in range(3):
            alice.create_key()
        every = [k.key_id for k in alice.list_keys(limit=1000).keys]
        paged, marker = [], None
        while True:
            page = alice.list_keys(limit=2, marker=marker)
            paged += [k.key_id for k in page.keys]
            if not page.truncated:
                break
            marker = page.next_marker
        assert paged == every == sorted(every)
        with pytest.raises(errors.InvalidMarkerException):
            auditor.list_keys(marker=marker)


def test_what_is_not_offered_says_so_with_its_status(two_regions: Deployment) -> None:
    endpoint = two_regions.endpoint(HOME, "alice")
    with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        rpc = rpcs()["CreateKey"]
        request = rpc.request_class(key_spec=t.KEY_SPEC_SM2, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY)
        raw_call(channel, rpc.path)(request.SerializeToString(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert error_of(caught.value).code == "UnsupportedOperationException"


def test_a_key_policy_opens_a_key_and_can_be_read_back(two_regions: Deployment) -> None:
    policy = 'permit (principal == KMS::User::"111122223333/auditor", action == KMS::Action::"Encrypt", resource);'
    with two_regions.client() as alice, two_regions.client(HOME, "auditor") as auditor:
        key_id = alice.create_key().key_metadata.key_id
        with pytest.raises(errors.AccessDeniedException):
            auditor.encrypt(key_id=key_id, plaintext=b"x")
        alice.put_key_policy(key_id=key_id, policy=policy)
        assert auditor.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        assert alice.get_key_policy(key_id=key_id).policy == policy
        assert list(alice.list_key_policies(key_id=key_id).policy_names) == ["default"]
        alice.put_key_policy(key_id=key_id, policy="// nothing beside the account")
        with pytest.raises(errors.AccessDeniedException):
            auditor.encrypt(key_id=key_id, plaintext=b"x")


def test_a_warm_call_reads_no_database_parses_no_policy_and_unwraps_no_key(two_regions: Deployment, key: str) -> None:
    import time

    counted = ("meridian_database_transactions_total", "meridian_policy_parses_total", "meridian_material_unwraps_total")
    time.sleep(1.5)  # until the change feed has passed over what the tests before this one did
    with two_regions.client(HOME, "app") as app:
        blob = app.encrypt(key_id=key, plaintext=b"x", encryption_context={"a": "b"}).ciphertext_blob
        app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"})
        at_rest, began = two_regions.metrics(HOME), time.monotonic()
        time.sleep(2.0)
        idle, idle_seconds = two_regions.metrics(HOME), time.monotonic() - began
        before, began = two_regions.metrics(HOME), time.monotonic()
        for _ in range(300):
            app.decrypt(ciphertext_blob=blob, encryption_context={"a": "b"})
            app.encrypt(key_id=key, plaintext=b"x", encryption_context={"a": "b"})
        after, seconds = two_regions.metrics(HOME), time.monotonic() - began
    grown = {name: after[name] - before[name] for name in counted}
    # In the background a Region reads its change feed, ships audit events, and looks at what is due, now and then also because something of
    # its own was written: nothing that grows with the 600 calls.
    background = (idle["meridian_database_transactions_total"] - at_rest["meridian_database_transactions_total"]) / idle_seconds
    assert grown["meridian_database_transactions_total"] <= background * seconds + 60
    assert (grown["meridian_policy_parses_total"], grown["meridian_material_unwraps_total"]) == (0, 0)
    assert after["meridian_audit_records_total"] - before["meridian_audit_records_total"] >= 600
