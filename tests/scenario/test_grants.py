"""Grants: made, used at once, constrained, handed on within bounds, retired and revoked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import Client, errors
from meridian.contract.enums import enum_values
from meridian.kms.v1 import types_pb2 as t

APP = "arn:aws:iam::111122223333:service/app"
AUDITOR = "arn:aws:iam::111122223333:user/auditor"
PARTNER = "arn:aws:iam::444455556666:service/partner"
NUMBER = {name: t.GrantOperation.ValueType(n) for n, name in enum_values(t.DESCRIPTOR.enum_types_by_name["GrantOperation"]).items()}


@pytest.fixture
def developer(two_regions: Deployment) -> Iterator[Client]:
    """A developer, who may grant; administrators of keys may not."""
    with two_regions.client(HOME, "developer") as client:
        yield client


@pytest.fixture
def auditor(two_regions: Deployment) -> Iterator[Client]:
    """May look at keys, and use none."""
    with two_regions.client(HOME, "auditor") as client:
        yield client


@pytest.fixture
def bob(two_regions: Deployment) -> Iterator[Client]:
    """Of another account."""
    with two_regions.client(HOME, "bob") as client:
        yield client


def ops(*names: str) -> list[t.GrantOperation.ValueType]:
    return [NUMBER[name] for name in names]


def grant(developer: Client, key_id: str, *operations: str, to: str = AUDITOR, **fields: Any) -> Any:
    return developer.create_grant(key_id=key_id, grantee_principal=to, operations=ops(*operations), **fields)


def key(developer: Client, **fields: Any) -> str:
    return str(developer.create_key(**fields).key_metadata.arn)


def test_a_grant_opens_what_it_names_at_once_and_ends_at_once(developer: Client, auditor: Client, two_regions: Deployment) -> None:
    key_id = key(developer)
    with pytest.raises(errors.AccessDeniedException):
        auditor.encrypt(key_id=key_id, plaintext=b"x")
    made = grant(developer, key_id, "Encrypt", "Decrypt")
    blob = auditor.encrypt(key_id=key_id, plaintext=b"x", grant_tokens=[made.grant_token]).ciphertext_blob
    assert auditor.decrypt(ciphertext_blob=blob).plaintext == b"x"
    with pytest.raises(errors.AccessDeniedException):
        auditor.generate_data_key(key_id=key_id, number_of_bytes=8)
    record = [r for r in two_regions.events_of(HOME, key_id) if r["eventName"] == "Encrypt" and "errorCode" not in r][-1]
    assert record["meridian"]["decisions"][0]["policyIds"] == ["builtin.grants"]
    developer.revoke_grant(key_id=key_id, grant_id=made.grant_id)
    with pytest.raises(errors.AccessDeniedException):
        auditor.decrypt(ciphertext_blob=blob, key_id=key_id)
    with pytest.raises(errors.NotFoundException, match="not found"):
        developer.revoke_grant(key_id=key_id, grant_id=made.grant_id)
    shown = [str(r) for r in two_regions.audit(HOME)]
    assert not any(made.grant_token in line for line in shown), "no record shows a token"


def test_constraints_bind_the_encryption_context(developer: Client, auditor: Client) -> None:
    key_id = key(developer)
    pairs = {"tenant": "a"}
    grant(developer, key_id, "Encrypt", constraints=t.GrantConstraints(encryption_context_subset=pairs))
    auditor.encrypt(key_id=key_id, plaintext=b"x", encryption_context={"tenant": "a", "more": "m"})
    for other in ({}, {"tenant": "b"}, {"Tenant": "a"}):
        with pytest.raises(errors.AccessDeniedException):
            auditor.encrypt(key_id=key_id, plaintext=b"x", encryption_context=other)
    exact = key(developer)
    grant(developer, exact, "Encrypt", "DescribeKey", constraints=t.GrantConstraints(encryption_context_equals=pairs))
    auditor.encrypt(key_id=exact, plaintext=b"x", encryption_context=pairs)
    with pytest.raises(errors.AccessDeniedException):
        auditor.encrypt(key_id=exact, plaintext=b"x", encryption_context={"tenant": "a", "more": "m"})


def test_re_encrypt_needs_both_halves(developer: Client, auditor: Client) -> None:
    source, destination = key(developer), key(developer)
    grant(developer, source, "Encrypt", "ReEncryptFrom")
    blob = auditor.encrypt(key_id=source, plaintext=b"x").ciphertext_blob
    with pytest.raises(errors.AccessDeniedException):
        auditor.re_encrypt(ciphertext_blob=blob, source_key_id=source, destination_key_id=destination)
    grant(developer, destination, "ReEncryptTo")
    assert auditor.re_encrypt(ciphertext_blob=blob, source_key_id=source, destination_key_id=destination).ciphertext_blob


def test_a_forbid_wins_over_a_grant(developer: Client, auditor: Client) -> None:
    key_id = key(developer)
    grant(developer, key_id, "Encrypt")
    developer.put_key_policy(key_id=key_id, policy='forbid (principal, action == KMS::Action::"Encrypt", resource);')
    with pytest.raises(errors.AccessDeniedException):
        auditor.encrypt(key_id=key_id, plaintext=b"x")


def test_a_name_makes_a_grant_once(developer: Client) -> None:
    key_id = key(developer)
    first = grant(developer, key_id, "Encrypt", name="nightly")
    again = grant(developer, key_id, "Encrypt", name="nightly")
    other = grant(developer, key_id, "Encrypt", "Decrypt", name="nightly")
    unnamed = {grant(developer, key_id, "Encrypt").grant_id for _ in range(2)}
    assert first.grant_id == again.grant_id
    assert len({first.grant_id, other.grant_id, *unnamed}) == 4
    listed: list[t.GrantListEntry] = []
    marker: dict[str, Any] = {}
    while True:
        page = developer.list_grants(key_id=key_id, limit=3, **marker)
        listed += page.grants
        if not page.truncated:
            break
        marker = {"marker": page.next_marker}
    assert {g.grant_id for g in listed} == {first.grant_id, other.grant_id, *unnamed}
    assert {g.key_id for g in listed} == {key_id}
    assert developer.list_grants(key_id=key_id, grant_id=other.grant_id).grants[0].issuing_account == "arn:aws:iam::111122223333:root"
    assert not developer.list_grants(key_id=key_id, grantee_principal=PARTNER).grants


def test_a_child_is_never_wider_than_its_parent(developer: Client, auditor: Client, two_regions: Deployment) -> None:
    key_id = key(developer)
    tenant = t.GrantConstraints(encryption_context_subset={"tenant": "a"})
    narrower = t.GrantConstraints(encryption_context_subset={"tenant": "a", "job": "j"})
    exact = t.GrantConstraints(encryption_context_equals={"tenant": "a", "job": "j"})
    grant(developer, key_id, "Encrypt", "CreateGrant", constraints=tenant)
    for allowed in (tenant, narrower, exact):
        grant(auditor, key_id, "Encrypt", to=APP, constraints=allowed)
    grant(auditor, key_id, "Encrypt", "CreateGrant", to=APP, constraints=tenant)
    other = t.GrantConstraints(encryption_context_subset={"tenant": "b"})
    for operations, wider in ((("Encrypt",), None), (("Encrypt",), other), (("Encrypt", "Decrypt"), tenant), (("DescribeKey",), tenant)):
        with pytest.raises(errors.AccessDeniedException):
            grant(auditor, key_id, *operations, to=APP, **({"constraints": wider} if wider else {}))


def test_who_may_retire_a_grant(developer: Client, auditor: Client, bob: Client, two_regions: Deployment) -> None:
    key_id = key(developer)
    retirable = grant(developer, key_id, "Encrypt", to=APP, retiring_principal=AUDITOR)
    plain = grant(developer, key_id, "Encrypt", to=APP)
    own = grant(developer, key_id, "Encrypt", "RetireGrant", to=AUDITOR)
    assert {g.grant_id for g in developer.list_retirable_grants(retiring_principal=AUDITOR).grants} >= {retirable.grant_id}
    with pytest.raises(errors.AccessDeniedException):
        auditor.retire_grant(key_id=key_id, grant_id=plain.grant_id)
    with pytest.raises(errors.AccessDeniedException):
        bob.retire_grant(grant_token=plain.grant_token)
    with pytest.raises(errors.DryRunOperationException):
        auditor.retire_grant(grant_token=retirable.grant_token, dry_run=True)
    auditor.retire_grant(grant_token=retirable.grant_token)
    auditor.retire_grant(key_id=key_id, grant_id=own.grant_id)
    developer.retire_grant(key_id=key_id, grant_id=plain.grant_id)  # by the account in which it was made, whose policy lets her
    with pytest.raises(errors.NotFoundException):
        auditor.retire_grant(grant_token=retirable.grant_token)
    assert not developer.list_grants(key_id=key_id).grants


def test_a_grant_to_another_account_needs_its_consent_too(developer: Client, two_regions: Deployment) -> None:
    key_id = key(developer)
    grant(developer, key_id, "Encrypt", "GenerateDataKey", "DescribeKey", to=PARTNER)
    with two_regions.client(HOME, "partner") as partner:
        assert partner.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        with pytest.raises(errors.AccessDeniedException):
            partner.describe_key(key_id=key_id)  # its own account allows no look abroad


def test_what_cannot_be_granted_is_refused(developer: Client) -> None:
    symmetric = key(developer)
    curve = key(developer, key_spec=t.KEY_SPEC_ECC_NIST_P256, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY)
    with pytest.raises(errors.ValidationException, match=r"Operations \[Sign\] are not supported .* symmetric KMS key"):
        grant(developer, symmetric, "Sign")
    with pytest.raises(errors.ValidationException, match="only when creating a grant for a symmetric"):
        grant(developer, curve, "Sign", constraints=t.GrantConstraints(encryption_context_equals={"a": "b"}))
    both = t.GrantConstraints(encryption_context_equals={"a": "b"}, encryption_context_subset={"a": "b"})
    with pytest.raises(errors.ValidationException, match="More than one constraint"):
        grant(developer, symmetric, "Encrypt", constraints=both)
    for wrong in ("nobody", "arn:aws:iam::1:user/x", "arn:aws:s3:::bucket"):
        with pytest.raises(errors.InvalidArnException, match="ARN is not valid"):
            grant(developer, symmetric, "Encrypt", to=wrong)
    with pytest.raises(errors.InvalidGrantTokenException):
        developer.create_grant(key_id=symmetric, grantee_principal=APP, operations=ops("Encrypt"), grant_tokens=["forged"])
    with pytest.raises(errors.InvalidGrantIdException):
        developer.revoke_grant(key_id=symmetric, grant_id="not one")
    developer.disable_key(key_id=symmetric)
    with pytest.raises(errors.DisabledException):
        grant(developer, symmetric, "Encrypt")


def test_a_stranger_learns_nothing_about_a_key_or_its_grants(developer: Client, bob: Client) -> None:
    present = key(developer)
    absent = present[: -len("1234abcd-12ab-34cd-56ef-1234567890ab")] + "1234abcd-12ab-34cd-56ef-1234567890ab"

    def refusal(call: Any, **fields: Any) -> str:
        with pytest.raises(errors.AccessDeniedException) as caught:
            call(**fields)
        return str(caught.value)

    for key_id in (present, absent):
        assert refusal(bob.revoke_grant, key_id=key_id, grant_id="0" * 64) == refusal(bob.revoke_grant, key_id=absent, grant_id="0" * 64)
        assert refusal(bob.retire_grant, key_id=key_id, grant_id="0" * 64) == refusal(bob.retire_grant, key_id=absent, grant_id="0" * 64)
    sign_on_symmetric = {"key_id": present, "grantee_principal": APP, "operations": ops("Sign")}
    assert "not authorized" in refusal(bob.create_grant, **sign_on_symmetric), "what the key can do is told after who may ask"
