"""A key may leave single actions to its account: for these the account's policies count, for others they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import explain
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.errors import MalformedPolicyDocumentException

ACCOUNT = """
@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");
@id("abroad") @layer("account") @account("444455556666") @foreign("true") @reason("r") permit (principal, action, resource is KMS::Key);
"""
FACTS: dict[str, dict[str, Any]] = {
    "Encrypt": {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {}, "encryptionContextKeys": []},
    "DescribeKey": {},
    "PutKeyPolicy": {"bypassPolicyLockoutSafetyCheck": False},
    "RetireGrant": {"encryptionContext": {}, "encryptionContextKeys": []},
}
OWNER = 'principal in KMS::Account::"111122223333"'
ABROAD = Principal("User", "444455556666", "bob", "arn:aws:iam::444455556666:user/bob")


def leaving(*actions: str, more: str = "") -> str:
    named = ", ".join(f'KMS::Action::"{action}"' for action in actions)
    return f'@account_delegation("true") permit ({OWNER}, action in [{named}], resource) when {{ false }};{more}'


@pytest.fixture
def decides(authorizer_of: Callable[[str], Authorizer], request_facts: dict[str, Any]) -> Callable[..., bool]:
    authorizer = authorizer_of(ACCOUNT)

    def ask(key: Key, who: Principal, action: str) -> bool:
        facts = PlainFacts(FACTS[action], request_facts)
        decided = authorizer.decide(who, action, key, facts)
        own = authorizer.own_policies(key)
        anew = authorizer.decide_anew(who, action, key, own, facts)
        explained = explain(authorizer, who, action, key, facts)
        assert decided.errors == 0
        assert decided == authorizer.decide(who, action, key, facts) == anew == explained.decision
        return decided.allowed

    return ask


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (leaving("DescribeKey"), {"DescribeKey"}),
        (leaving("DescribeKey", "Encrypt"), {"DescribeKey", "Encrypt"}),
        (leaving("Read"), {"DescribeKey"}),
        (leaving("RetireGrant"), {"RetireGrant"}),
        (leaving("DescribeKey", more="permit (principal, action == KMS::Action::\"Encrypt\", resource);"), {"DescribeKey", "Encrypt"}),
        (leaving("DescribeKey", "Encrypt", more="forbid (principal, action == KMS::Action::\"Encrypt\", resource);"), {"DescribeKey"}),
        (f'@account_delegation("true") permit ({OWNER}, action, resource) when {{ false }};', set(FACTS)),
        ("permit (principal, action == KMS::Action::\"Encrypt\", resource);", {"Encrypt"}),
    ],
)  # fmt: skip
def test_the_account_decides_on_these_and_no_others(
    decides: Callable[..., bool], alice: Principal, key: Key, policy: str, allowed: set[str]
) -> None:
    own = replace(key, policy=policy, account_delegation=False)
    assert {action for action in FACTS if decides(own, alice, action)} == allowed


def test_a_key_that_leaves_everything_leaves_these_too(decides: Callable[..., bool], alice: Principal, key: Key) -> None:
    own = replace(key, policy=leaving("DescribeKey"), account_delegation=True)
    assert all(decides(own, alice, action) for action in FACTS)


def test_it_allows_nothing_by_itself(authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: Any) -> None:
    silent = authorizer_of(
        ACCOUNT.replace("permit (principal, action, resource in", 'permit (principal in KMS::Group::"111122223333/x", action, resource in')
    )
    own = replace(key, policy=leaving("DescribeKey"), account_delegation=False)
    assert not silent.decide(alice, "DescribeKey", own, PlainFacts({}, request_facts)).allowed


def test_other_accounts_have_no_part_in_it(decides: Callable[..., bool], key: Key) -> None:
    own = replace(key, policy=leaving("DescribeKey"), account_delegation=False)
    assert not decides(own, ABROAD, "DescribeKey")
    assert decides(replace(own, policy="permit (principal, action, resource);", version=2), ABROAD, "DescribeKey")


def test_a_change_of_the_policy_counts_at_once(decides: Callable[..., bool], alice: Principal, key: Key) -> None:
    for version, actions in enumerate((["DescribeKey"], ["Encrypt"], ["DescribeKey", "Encrypt"], ["PutKeyPolicy"]), 2):
        own = replace(key, policy=leaving(*actions), account_delegation=False, version=version)
        assert [action for action in ("DescribeKey", "Encrypt", "PutKeyPolicy") if decides(own, alice, action)] == actions


@pytest.mark.parametrize(("actions", "accepted"), [(["PutKeyPolicy"], True), (["DescribeKey", "GetKeyPolicy"], False)])
def test_the_check_against_lockout_sees_what_is_left_to_the_account(
    authorizer_of: Callable[[str], Authorizer],
    alice: Principal,
    key: Key,
    request_facts: dict[str, Any],
    actions: list[str],
    accepted: bool,
) -> None:
    future = replace(key, policy=leaving(*actions), account_delegation=False)

    def check() -> None:
        facts = PlainFacts(FACTS["PutKeyPolicy"], request_facts)
        authorizer_of(ACCOUNT).require_key_policy(alice, future, facts, bypass_lockout_check=False)

    if accepted:
        check()
    else:
        with pytest.raises(MalformedPolicyDocumentException, match="will not allow you"):
            check()


def test_a_policy_of_the_account_that_fails_where_it_counts_denies(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    """And where it does not count, it is not evaluated."""
    failing = ACCOUNT.replace('KMS::Account::"111122223333");', 'KMS::Account::"111122223333") when { 9223372036854775807 + 1 > 0 };', 1)
    own = replace(key, account_delegation=False, policy=leaving("DescribeKey", more="permit (principal, action, resource);"))
    authorizer = authorizer_of(failing)
    left = authorizer.decide(alice, "DescribeKey", own, PlainFacts({}, request_facts))
    assert (left.allowed, left.errors) == (False, 1)
    kept = authorizer.decide(alice, "Encrypt", own, PlainFacts(FACTS["Encrypt"], request_facts))
    assert (kept.allowed, kept.errors) == (True, 0)


@pytest.mark.parametrize(
    "policy",
    [
        f'@account_delegation("true") permit ({OWNER}, action, resource);',
        f'@account_delegation("true") permit ({OWNER}, action, resource) when {{ true }};',
        f'@account_delegation("true") permit ({OWNER}, action, resource) unless {{ false }};',
        f'@account_delegation("true") permit ({OWNER}, action, resource) when {{ false }} when {{ true }};',
        f'@account_delegation("true") forbid ({OWNER}, action, resource) when {{ false }};',
        f'@account_delegation("false") permit ({OWNER}, action, resource) when {{ false }};',
        f"@account_delegation permit ({OWNER}, action, resource) when {{ false }};",
        '@account_delegation("true") permit (principal, action, resource) when { false };',
        '@account_delegation("true") permit (principal in KMS::Account::"444455556666", action, resource) when { false };',
        '@account_delegation("true") permit (principal is KMS::User in KMS::Account::"111122223333", action, resource) when { false };',
        '@account_delegation("true") permit (principal in KMS::Group::"111122223333/g", action, resource) when { false };',
        '@account_delegation("true") permit (principal == KMS::User::"111122223333/alice", action, resource) when { false };',
    ],
)
def test_it_has_one_form(schema: SchemaHandle, key: Key, policy: str) -> None:
    reader = KeyPolicyReader(schema, SchemaModel(schema.text), Limits(), policies_as_json)
    with pytest.raises(MalformedPolicyDocumentException, match="@account_delegation"):
        reader.require_valid(replace(key, policy=policy))
