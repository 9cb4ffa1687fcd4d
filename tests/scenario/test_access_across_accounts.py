"""Questions about policies stay within the account that asks: nothing is told of another account's keys and policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from tests.deployment import HOME, Deployment

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

PARTNER = "arn:aws:iam::444455556666:service/partner"
BOB = "arn:aws:iam::444455556666:user/bob"
ABSENT = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HUSHED = '@id("hush") @reason("the merger") permit (principal, action, resource) when { principal.hasTag("merger") };'
OPEN = '@id("open") @reason("the merger") permit (principal == KMS::Service::"444455556666/partner", action, resource);'


@pytest.fixture
def asker(two_regions: Deployment) -> Iterator[Client]:
    """Somebody of the other account who may ask."""
    with two_regions.client(HOME, "developer-abroad") as client:
        yield client


def key_with(two_regions: Deployment, policy: str) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key(policy=policy).key_metadata.arn)


def ask(client: Client, principal: str, operation: str, **fields: Any) -> Any:
    packed = AnyMessage()
    packed.Pack(rpcs()[operation].request_class(**fields))
    return client.check_access(principal=principal, request=packed)


@pytest.mark.parametrize(("operation", "fields"), [("Encrypt", {"plaintext": b"x"}), ("DescribeKey", {}), ("DisableKey", {})])
def test_a_closed_key_and_an_absent_one_give_the_same_answer(
    two_regions: Deployment, asker: Client, operation: str, fields: dict[str, Any]
) -> None:
    closed = key_with(two_regions, HUSHED)
    for principal in (PARTNER, BOB):
        told = ask(asker, principal, operation, key_id=closed, **fields)
        assert told == ask(asker, principal, operation, key_id=ABSENT, **fields)
        assert not told.allowed
        assert "merger" not in str(told)


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("Encrypt", {"plaintext": b"x", "grant_tokens": ["x"]}),
        ("CreateGrant", {"grantee_principal": "x", "operations": [t.GRANT_OPERATION_DECRYPT]}),
        ("ListGrants", {"grant_id": "x"}),
        ("RevokeGrant", {"grant_id": "x"}),
        ("RevokeGrant", {"grant_id": "0" * 64}),
    ],
)
def test_what_a_call_says_of_grants_does_not_tell_whether_a_key_is_there(
    two_regions: Deployment, asker: Client, operation: str, fields: dict[str, Any]
) -> None:
    closed, rpc = key_with(two_regions, HUSHED), rpcs()[operation]

    def asked(arn: str) -> str:
        try:
            return str(ask(asker, PARTNER, operation, key_id=arn, **fields))
        except KmsServiceError as error:
            return error.code

    def called(arn: str) -> str:
        with two_regions.client(HOME, "partner") as partner, pytest.raises(KmsServiceError) as caught:
            partner.call(rpc, rpc.request_class(key_id=arn, **fields))
        return str(caught.value.code)

    assert called(closed) == called(ABSENT)
    assert asked(closed) == asked(ABSENT)


def test_a_call_on_two_keys_tells_nothing_where_one_is_closed_or_absent(two_regions: Deployment, asker: Client) -> None:
    closed = key_with(two_regions, HUSHED)
    with two_regions.client(HOME, "bob") as bob:
        own = bob.create_key().key_metadata.arn
    fields = {"ciphertext_blob": b"x", "source_encryption_algorithm": 2, "destination_key_id": own}
    told = ask(asker, PARTNER, "ReEncrypt", source_key_id=closed, **fields)
    assert told == ask(asker, PARTNER, "ReEncrypt", source_key_id=ABSENT, **fields)
    assert not told.decisions


def test_an_allow_on_a_key_of_another_account_names_the_own_policy_alone(two_regions: Deployment, asker: Client) -> None:
    told = ask(asker, PARTNER, "Encrypt", key_id=key_with(two_regions, OPEN), plaintext=b"x")
    assert told.allowed
    assert [p.policy_id for p in told.decisions[0].deciding] == ["account.444455556666.users-abroad"]
    assert "merger" not in str(told)


def test_a_key_is_named_as_it_was_asked_about(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        alice.create_alias(alias_name="alias/asked-about", target_key_id=alice.create_key().key_metadata.key_id)
    with two_regions.client(HOME, "auditor") as auditor:
        told = ask(auditor, "arn:aws:iam::111122223333:service/app", "Encrypt", key_id="alias/asked-about", plaintext=b"x")
    assert [d.resource for d in told.decisions] == ["alias/asked-about"]


def test_each_account_sees_the_policies_of_the_region_and_its_own(two_regions: Deployment) -> None:
    seen = {}
    for caller, account in (("auditor", "111122223333"), ("bob", "444455556666")):
        with two_regions.client(HOME, caller) as client:
            seen[account] = client.describe_policy_set()
        ids = [p.policy_id for p in seen[account].policies]
        assert {name.split(".")[1] for name in ids if name.startswith("account.")} == {account}
        assert "guardrail.full-deletion-window" in ids
        assert "builtin.grants" in ids
    assert len({told.digest for told in seen.values()}) == 1
