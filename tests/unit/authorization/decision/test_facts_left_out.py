"""What a policy reads where a request leaves something out: AWS's default, or no attribute at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.domain.made_keys import ACCOUNT, KEY_ID, OTHER_ACCOUNT, key_of
from tests.unit.pipeline.steps import ALICE, BOB, NOW, call_of

from meridian.authorization.decision.facts import ABSENT, CallFacts, PlainFacts, cedar_time
from meridian.call import Call
from meridian.domain.grant import SUBSET, Grant
from meridian.domain.principal import Principal


def grant_of(number: int, **changes: Any) -> Grant:
    made = Grant(f"{number:064}", ACCOUNT, KEY_ID, ALICE.arn, ACCOUNT, frozenset({"Encrypt", "CreateGrant"}), NOW)
    return replace(made, **changes)


def facts_of(call: Call, labels: dict[str, tuple[str, ...]] | None = None) -> CallFacts:
    return CallFacts(call, call.rpc.requires[0], "us-east-1", labels or {})


@pytest.mark.parametrize(
    ("operation", "fact", "value"),
    [
        ("Encrypt", "encryptionAlgorithm", "SYMMETRIC_DEFAULT"),
        ("Sign", "messageType", "RAW"),
        ("ImportKeyMaterial", "expirationModel", "KEY_MATERIAL_EXPIRES"),
        ("ImportKeyMaterial", "validTo", ABSENT),
        ("EnableKeyRotation", "rotationPeriodInDays", 365),
        ("ScheduleKeyDeletion", "scheduleKeyDeletionPendingWindowInDays", 30),
        ("ScheduleKeyDeletion", "trailingDaysWithoutKeyUsage", ABSENT),
        ("PutKeyPolicy", "bypassPolicyLockoutSafetyCheck", False),
        ("CreateKey", "requestTags", {}),
        ("CreateKey", "tagKeys", []),
        ("DescribeKey", "requestAlias", ABSENT),
        ("DescribeKey", "replication", False),
        ("CreateGrant", "granteePrincipal", ABSENT),
        ("CreateGrant", "retiringPrincipal", ABSENT),
        ("CreateGrant", "grantOperations", []),
        ("CreateGrant", "callerIsGrantee", False),
        ("ReplicateKey", "replicaRegionLabels", []),
        ("UpdatePrimaryRegion", "primaryRegionLabels", []),
        ("Sign", "signingAlgorithm", ""),
    ],
)
def test_what_is_not_given_has_its_default_or_is_absent(operation: str, fact: str, value: Any) -> None:
    found = facts_of(call_of(operation)).attribute(fact)
    assert found is value if value is ABSENT else found == value


def test_a_moment_is_told_to_the_millisecond() -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 7_999, tzinfo=UTC)
    assert cedar_time(moment) == "2026-02-03T04:05:06.007Z"
    call = call_of("ImportKeyMaterial", valid_to=moment)
    assert facts_of(call).attribute("validTo") == "2026-02-03T04:05:06.007Z"


def test_names_of_tags_are_sorted_and_compare_in_any_case() -> None:
    call = call_of("CreateKey", tags=[{"tag_key": name, "tag_value": value} for name, value in ("b1", "A2", "a3")])
    facts = facts_of(call)
    assert facts.attribute("tagKeys") == ["A", "a", "b"]
    assert facts.attribute("requestTags") == {"b": "1", "A": "2", "a": "3"}
    assert facts.attribute("requestTagsAnyCase") == {"a": "2", "TWICE:a": "", "b": "1"}


def test_regions_have_the_labels_that_operators_gave_them() -> None:
    labels: dict[str, tuple[str, ...]] = {"eu-west-1": ("z", "a")}
    assert facts_of(call_of("ReplicateKey", replica_region="eu-west-1"), labels).attribute("replicaRegionLabels") == ["a", "z"]
    assert facts_of(call_of("UpdatePrimaryRegion", primary_region="eu-west-1"), labels).attribute("primaryRegionLabels") == ["a", "z"]


def test_two_keys_are_the_same_by_their_arn() -> None:
    call = call_of("ReEncrypt")
    call.keys = {"source_key_id": key_of(), "destination_key_id": key_of(version=9)}
    assert facts_of(call).attribute("reEncryptOnSameKey") is True
    call.keys = {"source_key_id": key_of(), "destination_key_id": key_of(account=OTHER_ACCOUNT)}
    assert facts_of(call).attribute("reEncryptOnSameKey") is False
    call.keys = {"source_key_id": key_of()}
    assert facts_of(call).attribute("reEncryptOnSameKey") is False


# ---- the caller


def caller(**changes: Any) -> CallFacts:
    principal: Principal | None = replace(ALICE, **changes) if changes.get("arn", "x") else None
    call = call_of("Encrypt", principal)
    return facts_of(call)


def test_what_is_known_of_a_callers_second_factor_and_token() -> None:
    facts = caller(mfa_present=True, mfa_at=NOW - timedelta(seconds=90.9), token_issued_at=NOW, session_name="s")
    names = ("mfaPresent", "mfaAgeSeconds", "tokenIssueTime", "sessionName")
    assert [facts.request_attribute(name) for name in names] == [True, 90, "2026-01-01T00:00:00.000Z", "s"]
    for nothing in (caller(session_name=""), caller(arn="")):
        assert [nothing.request_attribute(name) for name in names] == [False, ABSENT, ABSENT, ABSENT]


def test_what_is_known_of_the_connection() -> None:
    call = call_of("Encrypt")
    facts = facts_of(call)
    assert facts.request_attribute("userAgent") is ABSENT
    call.evidence.user_agent, call.evidence.source_ip, call.evidence.secure_transport, call.dry_run = "x", "192.0.2.1", False, True
    names = ("userAgent", "sourceIp", "secureTransport", "dryRun", "requestedRegion", "currentTime")
    assert [facts.request_attribute(name) for name in names] == ["x", "192.0.2.1", False, True, "us-east-1", "2026-01-01T00:00:00.000Z"]


# ---- grants


def granted(call: Call, field: str, *grants: Grant) -> Any:
    call.grants = {field: grants}
    return facts_of(call).request_attribute("grants")


def ids(*numbers: int) -> list[str]:
    return [f"{number:064}" for number in numbers]


def test_a_grant_fits_its_grantee_operation_and_context() -> None:
    narrow = {"constraint_type": SUBSET, "constraint": {"a": "b"}}
    grants = (grant_of(1), grant_of(2, operations=frozenset({"Decrypt"})), grant_of(3, grantee_principal=BOB.arn), grant_of(4, **narrow))
    call = call_of("Encrypt")
    assert granted(call, "key_id", *grants) == ids(1)
    call.contexts = {"encryption_context": {"a": "b"}}
    assert granted(call, "key_id", *grants) == ids(1, 4)
    call.principal = None
    assert granted(call, "key_id", *grants) == []
    assert granted(call_of("Encrypt"), "other_key_id", *grants) == []


def test_each_key_of_a_call_has_its_own_grants_and_context() -> None:
    call = call_of("ReEncrypt")
    call.contexts = {"source_encryption_context": {"a": "b"}, "destination_encryption_context": {}}
    operations = frozenset({"ReEncryptFrom"})
    fits = grant_of(1, operations=operations, constraint_type=SUBSET, constraint={"a": "b"})
    assert granted(call, "source_key_id", fits) == ids(1)
    assert facts_of(call).attribute("encryptionContext") == {"a": "b"}
    assert facts_of(call).attribute("encryptionContextKeys") == ["a"]


def test_a_grant_is_passed_on_as_far_as_it_covers_what_is_wanted() -> None:
    call = call_of("CreateGrant")
    call.grant = grant_of(9, operations=frozenset({"Encrypt"}))
    covering = (grant_of(1), grant_of(2, operations=frozenset({"Encrypt"})), grant_of(3, grantee_principal=BOB.arn))
    assert granted(call, "key_id", *covering) == ids(1)
    call.grant = None
    assert granted(call, "key_id", *covering) == []


def test_a_grant_is_retired_by_whom_it_names_for_that_or_by_a_grantee_whom_it_lets() -> None:
    call = call_of("RetireGrant")
    retire = frozenset({"RetireGrant"})
    grants = (
        grant_of(1, grantee_principal=BOB.arn, retiring_principal=ALICE.arn), grant_of(2, operations=retire), grant_of(3),
        grant_of(4, grantee_principal=BOB.arn, operations=retire),
    )  # fmt: skip
    assert granted(call, "grant_id", *grants) == ids(1, 2)


def test_the_facts_of_a_grant_are_those_of_the_one_that_the_call_is_about() -> None:
    call = call_of("CreateGrant")
    call.grant = grant_of(
        1, retiring_principal=BOB.arn, operations=frozenset({"b", "a"}), constraint_type=SUBSET, constraint={"k": "v"}, source_arn="arn:x",
    )  # fmt: skip
    facts = facts_of(call)
    names = ("granteePrincipal", "grantOperations", "grantConstraintType", "grantConstraintSourceArn", "encryptionContext")
    assert [facts.attribute(name) for name in names] == [ALICE.arn, ["a", "b"], SUBSET, "arn:x", {"k": "v"}]
    assert (facts.attribute("callerIsGrantee"), facts.attribute("callerIsRetiringPrincipal")) == (True, False)
    call.principal = BOB
    assert (facts.attribute("callerIsGrantee"), facts.attribute("callerIsRetiringPrincipal")) == (False, True)
    call.principal = None
    assert facts.attribute("callerIsGrantee") is False


def test_plain_facts_are_what_is_given() -> None:
    facts = PlainFacts({"a": 1}, {"b": 2})
    assert (facts.attribute("a"), facts.request_attribute("b")) == (1, 2)
    assert (facts.attribute("b"), facts.request_attribute("a")) == (ABSENT, ABSENT)
