"""CheckAccess: whether somebody else would be allowed, and why, without touching a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client, errors
from meridian.contract.catalog import rpcs, served_rpcs
from meridian.kms.v1 import types_pb2 as t

SERVER_FAULTS = {"DependencyTimeoutException", "KMSInternalException"}
APP = "arn:aws:iam::111122223333:service/app"
ALICE = "arn:aws:iam::111122223333:user/alice"
TENANT = "arn:aws:iam::111122223333:service/tenant-a"


@pytest.fixture
def auditor(two_regions: Deployment) -> Iterator[Client]:
    with two_regions.client(HOME, "auditor") as client:
        yield client


@pytest.fixture
def key_id(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key().key_metadata.arn)


def ask(client: Client, principal: str, operation: str, **fields: Any) -> Any:
    packed = AnyMessage()
    packed.Pack(rpcs()[operation].request_class(**fields))
    return client.check_access(principal=principal, request=packed)


def test_an_allow_names_its_policy(auditor: Client, key_id: str) -> None:
    told = ask(auditor, APP, "Encrypt", key_id=key_id, plaintext=b"x")
    assert told.allowed
    (made,) = told.decisions
    assert (made.action, made.resource) == ("Encrypt", key_id)
    assert [(p.policy_id, p.layer) for p in made.deciding] == [("account.111122223333.users", "account")]
    assert made.deciding[0].place.startswith("account-111122223333.cedar:")


def test_a_guardrail_is_named_with_its_reason(auditor: Client, key_id: str) -> None:
    told = ask(auditor, ALICE, "Encrypt", key_id=key_id, plaintext=b"x")
    assert not told.allowed
    assert [p.reason for p in told.decisions[0].deciding] == ["key administrators may not perform cryptographic operations"]


def test_a_default_deny_names_the_closest_permit_and_its_first_false_condition(auditor: Client, key_id: str) -> None:
    told = ask(auditor, TENANT, "Encrypt", key_id=key_id, plaintext=b"x", encryption_context={"tenant": "b"})
    assert not told.allowed
    nearest = told.decisions[0].closest[0]
    assert nearest.policy.policy_id == "account.111122223333.tenants"
    assert nearest.condition == 'context.encryptionContext.getTag("tenant") == principal.getTag("tenant")'
    assert ask(auditor, TENANT, "Encrypt", key_id=key_id, plaintext=b"x", encryption_context={"tenant": "a"}).allowed


def test_every_decision_of_a_call_is_told(auditor: Client, key_id: str, two_regions: Deployment) -> None:
    told = ask(auditor, ALICE, "CreateAlias", alias_name="alias/check-access", target_key_id=key_id)
    assert told.allowed
    assert [(d.action, d.resource) for d in told.decisions] == [("CreateAlias", "alias/check-access"), ("CreateAlias", key_id)]


def test_a_grant_and_a_key_policy_count(auditor: Client, key_id: str, two_regions: Deployment) -> None:
    assert not ask(auditor, TENANT, "Encrypt", key_id=key_id, plaintext=b"x").allowed
    with two_regions.client(HOME, "developer") as developer:
        developer.create_grant(key_id=key_id, grantee_principal=TENANT, operations=[t.GRANT_OPERATION_ENCRYPT])
    told = ask(auditor, TENANT, "Encrypt", key_id=key_id, plaintext=b"x")
    assert [p.policy_id for p in told.decisions[0].deciding] == ["builtin.grants"]
    with two_regions.client() as alice:
        policy = '@id("no") @reason("closed") forbid (principal, action == KMS::Action::"Encrypt", resource);'
        alice.put_key_policy(key_id=key_id, policy=policy)
    told = ask(auditor, TENANT, "Encrypt", key_id=key_id, plaintext=b"x")
    assert [(p.layer, p.reason) for p in told.decisions[0].deciding] == [("key", "closed")]


def test_nothing_is_told_of_a_keys_state_and_no_use_is_noted(auditor: Client, key_id: str, two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        alice.disable_key(key_id=key_id)
    assert ask(auditor, APP, "Encrypt", key_id=key_id, plaintext=b"x").allowed
    assert not auditor.get_key_last_usage(key_id=key_id).key_last_usage.operation


def test_the_record_names_who_was_asked_about_and_never_the_plaintext(auditor: Client, key_id: str, two_regions: Deployment) -> None:
    ask(auditor, APP, "Encrypt", key_id=key_id, plaintext=b"very secret words")
    record = next(r for r in reversed(two_regions.audit(HOME)) if r["eventName"] == "CheckAccess")
    assert record["requestParameters"] == {"principal": APP}
    assert record["additionalEventData"] == {"operation": "Encrypt", "allowed": True}
    assert "very secret words" not in str(two_regions.audit(HOME))


def test_who_may_not_ask_is_refused(two_regions: Deployment, key_id: str) -> None:
    for caller in ("app", "alice", "bob"):
        with two_regions.client(HOME, caller) as client, pytest.raises(errors.AccessDeniedException):
            ask(client, APP, "Encrypt", key_id=key_id, plaintext=b"x")


@pytest.mark.parametrize("principal", ["arn:aws:iam::444455556666:service/partner", "arn:aws:iam::111122223333:user/nobody", "x"])
def test_principals_of_other_accounts_and_nobody_look_the_same(auditor: Client, key_id: str, principal: str) -> None:
    with pytest.raises(errors.ValidationException) as caught:
        ask(auditor, principal, "Encrypt", key_id=key_id, plaintext=b"x")
    assert ("principal", "is nobody") in caught.value.fields


def test_what_is_no_request_is_refused(auditor: Client, key_id: str) -> None:
    other = AnyMessage(type_url="type.googleapis.com/meridian.kms.v1.EncryptResponse")
    broken = AnyMessage(type_url="type.googleapis.com/meridian.kms.v1.EncryptRequest", value=b"\xff\xff")
    for packed in (AnyMessage(), other, broken):
        with pytest.raises(errors.ValidationException) as caught:
            auditor.check_access(principal=APP, request=packed)
        assert caught.value.fields[0][0] == "request"
    with pytest.raises(errors.NotFoundException):
        ask(auditor, APP, "Encrypt", key_id="1234abcd-12ab-34cd-56ef-1234567890ab", plaintext=b"x")


BEFORE_ITS_DECISIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "NotFoundException": ("Encrypt", {"key_id": "1234abcd-12ab-34cd-56ef-1234567890ab"}),
    "InvalidArnException": ("Encrypt", {"key_id": "arn:aws:kms:us-east-1:111122223333:nothing/x"}),
    "NotAuthorizedException": ("CreateAlias", {"alias_name": "alias/aws/x"}),
    "InvalidCiphertextException": ("Decrypt", {"ciphertext_blob": b"x"}),
    "IncorrectKeyException": ("Decrypt", {"key_id": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}),
    "InvalidGrantTokenException": ("Encrypt", {"grant_tokens": ["x"]}),
    "InvalidGrantIdException": ("ListGrants", {"grant_id": "x"}),
    "UnsupportedOperationException": ("CreateKey", {"key_spec": t.KEY_SPEC_SM2, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY}),
}


@pytest.mark.parametrize("error", sorted(set(served_rpcs()["CheckAccess"].errors) - SERVER_FAULTS))
def test_what_the_call_would_raise_before_its_decisions_is_raised(
    auditor: Client, key_id: str, error: str, two_regions: Deployment
) -> None:
    operation, fields = BEFORE_ITS_DECISIONS[error]
    named = rpcs()[operation].request_class.DESCRIPTOR.fields_by_name
    own: dict[str, Any] = {"key_id": key_id, "target_key_id": key_id}
    if error == "IncorrectKeyException":
        with two_regions.client(HOME, "app") as app:
            own["ciphertext_blob"] = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
    request = {name: value for name, value in own.items() if name in named} | fields
    if error == "InvalidCiphertextException":
        del request["key_id"]
    with pytest.raises(getattr(errors, error)):
        ask(auditor, APP, operation, **request)


def test_the_other_region_answers_by_its_own_policies(two_regions: Deployment, key_id: str) -> None:
    with two_regions.client(AWAY, "auditor") as auditor, pytest.raises(errors.ValidationException):
        ask(auditor, APP, "Encrypt", key_id="", plaintext=b"x")
    with two_regions.client(AWAY, "auditor") as auditor:
        assert ask(auditor, APP, "GenerateRandom", number_of_bytes=8).allowed


def test_the_command_line_asks_and_prints_why(two_regions: Deployment, key_id: str) -> None:
    from click.testing import CliRunner

    from meridian.cli.main import main

    endpoint = two_regions.endpoint(HOME, "auditor")
    environment = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
    }
    ran = CliRunner().invoke(main, ["policy", "check-access", "--principal", ALICE, "encrypt", "--key-id", key_id], env=environment)
    assert "guardrail.administrators-do-not-use-keys" in ran.stdout
    assert ran.stdout.endswith("denied\n")
