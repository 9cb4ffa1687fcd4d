"""What an account may be told of a recorded call, and that a record of any form is no fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meridian.audit.told_calls import told_call, without_closed_keys
from meridian.domain.told_call import Effect

OWN, OTHER = "111122223333", "444455556666"
OURS, THEIRS = f"arn:aws:kms:us-east-1:{OWN}:key/k1", f"arn:aws:kms:us-east-1:{OTHER}:key/k2"
OWN_POLICIES = frozenset({"guardrail.one", "account.own"})


def decision(resource: str, *policy_ids: str, effect: str = "Allow") -> dict[str, Any]:
    return {"action": "Encrypt", "resource": resource, "effect": effect, "policyIds": list(policy_ids)}


def record(caller: str, keys: list[str], decisions: Any, **fields: Any) -> dict[str, Any]:
    return {
        "eventType": "AwsApiCall",
        "eventID": "e",
        "requestID": "r",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventName": "Encrypt",
        "userIdentity": {"accountId": caller, "arn": f"arn:aws:iam::{caller}:user/u"},
        "resources": [{"ARN": arn, "accountId": arn.split(":")[4], "type": "AWS::KMS::Key"} for arn in keys],
        "meridian": {"decisions": decisions},
        **fields,
    }


def told(found: Any) -> Any:
    return told_call(found, OWN, OWN_POLICIES.__contains__)


def test_a_call_within_the_account_is_told_whole() -> None:
    seen = told(record(OWN, [OURS], [decision(OURS, "key/k1/p", "account.own", "account.no-longer-there")]))
    (made,) = seen.decisions
    assert (seen.keys, seen.effect, seen.is_own) == ((OURS,), Effect.ALLOW, True)
    assert (made.policy_ids, made.has_others) == (("key/k1/p", "account.own", "account.no-longer-there"), False)


def test_of_a_foreign_caller_the_policies_of_his_account_are_not_named() -> None:
    seen = told(record(OTHER, [OURS], [decision(OURS, "key/k1/p", "account.theirs", "guardrail.one")]))
    (made,) = seen.decisions
    assert (made.policy_ids, made.has_others, seen.is_own) == (("key/k1/p", "guardrail.one"), True, False)


def test_of_a_foreign_key_its_policy_is_not_named() -> None:
    seen = told(record(OWN, [THEIRS], [decision(THEIRS, "key/k2/p", "account.own")]))
    (made,) = seen.decisions
    assert (seen.keys, made.policy_ids, made.has_others, made.is_abroad) == ((THEIRS,), ("account.own",), True, True)


def test_a_foreign_key_that_denies_looks_as_one_that_is_not_there() -> None:
    denied = record(OWN, [THEIRS], [decision(THEIRS, "key/k2/p", effect="Deny")], errorCode="AccessDeniedException")
    absent = record(OWN, [], [], errorCode="AccessDeniedException")
    assert told(denied) == told(absent)
    assert told(denied).effect is Effect.DENY


def test_a_denied_call_on_an_own_key_and_a_closed_one_looks_as_if_that_were_not_there() -> None:
    """Also where its policy has left the files since."""
    ours = decision(OURS, "account.no-longer-there")
    closed = record(OWN, [OURS, THEIRS], [ours, decision(THEIRS, "key/k2/p", effect="Deny")], errorCode="AccessDeniedException")
    absent = record(OWN, [OURS], [ours], errorCode="AccessDeniedException")
    assert told(closed) == told(absent)
    for found, keys in ((closed, {"a": {"account": OWN}, "b": {"account": OTHER}}), (absent, {"a": {"account": OWN}})):
        found["meridian"]["facts"] = {"keys": keys}
    assert without_closed_keys(closed, OWN) == without_closed_keys(absent, OWN)


def test_of_a_call_on_keys_of_two_accounts_each_is_told_its_own_key() -> None:
    """Somebody of a third account moved something from one key to the other."""
    seen = told(record("777788889999", [OURS, THEIRS], [decision(OURS, "key/k1/p"), decision(THEIRS, "key/k2/p")]))
    assert (seen.keys, [made.resource for made in seen.decisions]) == ((OURS,), [OURS])


def test_what_a_foreign_caller_was_decided_in_his_own_account_is_not_told() -> None:
    seen = told(record(OTHER, [OURS], [decision("alias/theirs", "account.theirs"), decision(OURS, "key/k1/p")]))
    assert [made.resource for made in seen.decisions] == [OURS]


@pytest.mark.parametrize(
    ("on_theirs", "error"), [("Deny", "AccessDeniedException"), ("Allow", "DisabledException"), ("Allow", "KMSInvalidStateException")]
)
def test_what_became_of_the_foreign_callers_own_key_is_not_told(on_theirs: str, error: str) -> None:
    """He re-encrypts from his key to ours."""
    seen = told(record(OTHER, [THEIRS, OURS], [decision(THEIRS, effect=on_theirs), decision(OURS, "key/k1/p")], errorCode=error))
    worked = told(record(OTHER, [THEIRS, OURS], [decision(THEIRS), decision(OURS, "key/k1/p")]))
    assert (seen.effect, seen.error_code) == (worked.effect, worked.error_code) == (Effect.ALLOW, "")
    denied = told(record(OTHER, [THEIRS, OURS], [decision(THEIRS), decision(OURS, effect="Deny")], errorCode="AccessDeniedException"))
    assert (denied.effect, denied.error_code) == (Effect.DENY, "AccessDeniedException")


@pytest.mark.parametrize(
    "found",
    [
        record(OTHER, [THEIRS], [decision(THEIRS)]),
        record(OWN, [OURS], [decision(OURS)], eventType="AwsServiceEvent"),
        record(OWN, [OURS], [decision(OURS)], additionalEventData={"onlyAsked": True}),
        record(OWN, [OURS], [decision(OURS)], meridian={}),
    ],
)
def test_what_is_not_the_accounts_or_no_call_is_not_told(found: dict[str, Any]) -> None:
    assert told(found) is None


def test_decisions_that_were_cut_are_not_told() -> None:
    seen = told(record(OWN, [OURS], {"cut": {"bytes": 9, "sha256": ""}}))
    assert (seen.decisions, seen.effect) == ((), Effect.NONE)


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))


@given(st.sampled_from(["eventType", "eventID", "eventTime", "userIdentity", "resources", "meridian", "additionalEventData"]), ANYTHING)
def test_whatever_stands_in_a_log_is_no_fault(field: str, value: Any) -> None:
    found = record(OWN, [OURS], [decision(OURS)]) | {field: value}
    told(json.loads(json.dumps(found)))
    told(found | {"meridian": {"decisions": value}})
