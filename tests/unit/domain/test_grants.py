"""What a grant says, for whom, and what one who holds it may pass on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.domain.made_keys import ACCOUNT, KEY_ID, NOW, OTHER_ACCOUNT, key_of

from meridian.domain.grant import (
    EQUALS,
    SUBSET,
    Grant,
    account_of,
    covers,
    holds,
    is_grantee,
    is_retiring,
    operations_of,
    principals_meant,
    require_constraint_size,
    require_grant_terms,
    require_own_partition,
    require_principal,
)
from meridian.domain.key import KeySpec, KeyUsage
from meridian.domain.principal import Principal
from meridian.errors import InvalidArnException, ValidationException

ALICE = Principal("User", ACCOUNT, "alice", f"arn:aws:iam::{ACCOUNT}:user/alice")
FOREIGN = Principal("User", OTHER_ACCOUNT, "bob", f"arn:aws:iam::{OTHER_ACCOUNT}:user/bob")
DATA_KEYS = {"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}
EVERY_KEY = {"CreateGrant", "RetireGrant", "DescribeKey"}


def grant_of(**changes: Any) -> Grant:
    made = Grant("0" * 64, ACCOUNT, KEY_ID, ALICE.arn, ACCOUNT, frozenset({"Encrypt", "CreateGrant"}), NOW)
    return replace(made, **changes)


@pytest.mark.parametrize(
    "text",
    [
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:role/a/b+=,.@-_c",
        f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/a/b",
        f"arn:aws:iam::{ACCOUNT}:service/x",
        ACCOUNT,
    ],
)
def test_what_names_a_principal_is_taken(text: str) -> None:
    require_principal(text)
    assert account_of(text) == ACCOUNT


@pytest.mark.parametrize(
    "text",
    ["", "alice", f"arn:aws:iam::{ACCOUNT}:group/x", "arn:aws:iam::1:root", ACCOUNT + "0", f"arn:aws:iam::{ACCOUNT}:user/", f"x{ACCOUNT}"],
)
def test_what_names_none_is_refused_as_an_arn(text: str) -> None:
    with pytest.raises(InvalidArnException) as refused:
        require_principal(text)
    assert refused.value.message == f"ARN is not valid: {text}"


def test_the_refusal_of_another_partition_reads_the_same() -> None:
    text = f"arn:aws-cn:iam::{ACCOUNT}:root"
    with pytest.raises(InvalidArnException) as refused:
        require_own_partition(text, "aws")
    assert refused.value.message == f"ARN is not valid: {text}"


@pytest.mark.parametrize(
    ("spec", "usage", "own"),
    [
        (KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"} | DATA_KEYS),
        (KeySpec.RSA_2048, KeyUsage.ENCRYPT_DECRYPT, {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"}),
        (KeySpec.ECC_NIST_P256, KeyUsage.SIGN_VERIFY, {"Sign", "Verify", "GetPublicKey"}),
        (KeySpec.HMAC_256, KeyUsage.GENERATE_VERIFY_MAC, {"GenerateMac", "VerifyMac"}),
    ],
)
def test_a_grant_allows_what_such_a_key_can_do(spec: KeySpec, usage: KeyUsage, own: set[str]) -> None:
    assert operations_of(key_of(key_spec=spec, key_usage=usage)) == own | EVERY_KEY


@pytest.mark.parametrize(("spec", "kind"), [(KeySpec.SYMMETRIC_DEFAULT, "symmetric"), (KeySpec.RSA_2048, "asymmetric")])
def test_a_grant_of_what_a_key_cannot_do_is_refused_with_what_it_can(spec: KeySpec, kind: str) -> None:
    key = key_of(key_spec=spec)
    with pytest.raises(ValidationException) as refused:
        require_grant_terms(key, grant_of(operations=frozenset({"Verify", "Sign"})))
    assert refused.value.fields == (("operations", "not possible with this key"),)
    assert refused.value.message == (
        f"Operations [Sign, Verify] are not supported when creating a grant for a {kind} KMS key with key usage ENCRYPT_DECRYPT. "
        f"Valid operations are [{', '.join(sorted(operations_of(key)))}]"
    )


def test_a_context_is_asked_of_keys_that_take_one_alone() -> None:
    rsa = key_of(key_spec=KeySpec.RSA_2048)
    require_grant_terms(key_of(), grant_of(constraint_type=EQUALS, constraint={"a": "b"}))
    require_grant_terms(rsa, grant_of())
    with pytest.raises(ValidationException) as refused:
        require_grant_terms(rsa, grant_of(constraint_type=EQUALS, constraint={"a": "b"}))
    assert refused.value.fields == (("constraints", "given for a key that takes no encryption context"),)


@pytest.mark.parametrize(
    ("constraint", "what"),
    [
        ({"a": "x" * 385}, "a value of more than 384 characters"),
        ({str(number): "" for number in range(9)}, "more than 8 pairs"),
    ],
)
def test_a_constraint_has_its_bounds(constraint: dict[str, str], what: str) -> None:
    require_constraint_size("encryptionContextSubset", {str(number): "x" * 384 for number in range(8)})
    with pytest.raises(ValidationException) as refused:
        require_constraint_size("encryptionContextSubset", constraint)
    assert refused.value.fields == (("constraints.encryptionContextSubset", what),)


def test_an_account_as_grantee_opens_the_key_to_callers_of_another_account_alone() -> None:
    for account, caller, admits in ((ACCOUNT, ALICE, False), (OTHER_ACCOUNT, FOREIGN, True)):
        grant = grant_of(grantee_principal=account, retiring_principal=account)
        assert is_grantee(grant, caller) is admits
        assert is_retiring(grant, caller) is admits
    assert is_grantee(grant_of(), ALICE)
    assert not is_grantee(grant_of(), FOREIGN)
    assert not is_retiring(grant_of(), ALICE)
    assert principals_meant(ALICE) == (ALICE.arn, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")


@pytest.mark.parametrize(
    ("changes", "operation", "context", "held"),
    [
        ({}, "Encrypt", {"a": "b"}, True),
        ({}, "Decrypt", {}, False),
        ({"source_arn": "arn:aws:s3:::x"}, "Encrypt", {}, False),
        ({"constraint_type": EQUALS, "constraint": {"a": "b"}}, "Encrypt", {"a": "b"}, True),
        ({"constraint_type": EQUALS, "constraint": {"a": "b"}}, "Encrypt", {"a": "b", "c": "d"}, False),
        ({"constraint_type": EQUALS, "constraint": {"a": "b"}}, "CreateGrant", {}, True),
        ({"constraint_type": SUBSET, "constraint": {"a": "b"}}, "Encrypt", {"a": "b", "c": "d"}, True),
        ({"constraint_type": SUBSET, "constraint": {"a": "b"}}, "Encrypt", {"a": "other"}, False),
        ({"constraint_type": SUBSET, "constraint": {"a": "b"}}, "Encrypt", {}, False),
    ],
)
def test_a_grant_holds_for_its_operations_and_context(changes: dict[str, Any], operation: str, context: dict[str, str], held: bool) -> None:
    assert holds(grant_of(**changes), operation, context) is held


EXACT, PART = {"constraint_type": EQUALS, "constraint": {"a": "b"}}, {"constraint_type": SUBSET, "constraint": {"a": "b"}}
WIDER = {"constraint_type": SUBSET, "constraint": {"c": "d"}}


@pytest.mark.parametrize(
    ("parent", "child", "covered"),
    [
        ({}, {"operations": frozenset({"Encrypt"})}, True),
        ({}, EXACT, True),
        ({"operations": frozenset({"Encrypt"})}, {"operations": frozenset({"Encrypt"})}, False),
        ({}, {"operations": frozenset({"Encrypt", "Decrypt"})}, False),
        ({}, {"source_arn": "x"}, False),
        ({"source_arn": "x"}, {"source_arn": "x"}, True),
        (EXACT, EXACT, True),
        (EXACT, PART, False),
        (EXACT, {}, False),
        (EXACT, {**EXACT, "constraint": {"a": "b", "c": "d"}}, False),
        (PART, PART, True),
        (PART, {**EXACT, "constraint": {"a": "b", "c": "d"}}, True),
        (PART, WIDER, False),
        (PART, {}, False),
    ],
)
def test_nothing_wider_is_passed_on(parent: dict[str, Any], child: dict[str, Any], covered: bool) -> None:
    assert covers(grant_of(**parent), grant_of(**child)) is covered


def test_a_grant_of_the_same_name_and_terms_is_the_same() -> None:
    named = grant_of(name="n", constraint_type=SUBSET, constraint={"a": "b", "c": "d"})
    assert named.is_same(replace(named, grant_id="1" * 64, constraint={"c": "d", "a": "b"}))
    assert not grant_of().is_same(grant_of()), "without a name each is another"
    others: tuple[dict[str, Any], ...] = (
        {"name": "m"}, {"retiring_principal": ALICE.arn}, {"operations": frozenset()}, {"constraint": {}}, {"source_arn": "x"},
    )  # fmt: skip
    for other in others:
        assert not named.is_same(replace(named, **other))
