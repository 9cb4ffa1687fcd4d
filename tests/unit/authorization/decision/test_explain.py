"""Why: deciding policies with their reasons, and on a default deny the first condition that was not met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import explain
from meridian.authorization.decision.facts import PlainFacts
from meridian.domain.key import Key
from meridian.domain.principal import Principal

ACCOUNT = '@layer("account") '
PERMIT = '(principal, action == KMS::Action::"Encrypt", resource in KMS::Account::"111122223333")'
ATTRIBUTES: dict[str, Any] = {
    "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    "encryptionContext": {"tenant": "b"},
    "encryptionContextKeys": ["tenant"],
}


def test_an_allow_names_every_permit_with_its_reason_and_place(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer = authorizer_of(
        f'// first\n\n@id("one") @reason("because; really") {ACCOUNT} permit {PERMIT};\n'
        f'@id("two") @reason("too") {ACCOUNT} permit {PERMIT};'
    )
    told = explain(authorizer, alice, "Encrypt", key, PlainFacts(ATTRIBUTES, request_facts))
    assert told.decision.allowed
    assert [(t.policy_id, t.reason, t.place) for t in told.deciding] == [
        ("one", "because; really", "p.cedar:3"),
        ("two", "too", "p.cedar:4"),
    ]


def test_a_forbid_is_named_and_no_near_miss_is_told(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer = authorizer_of('@id("no") @layer("guardrail") @reason("never") forbid (principal, action, resource);')
    told = explain(authorizer, alice, "Encrypt", key, PlainFacts(ATTRIBUTES, request_facts))
    assert not told.decision.allowed
    assert [(t.policy_id, t.layer, t.reason) for t in told.deciding] == [("no", "guardrail", "never")]
    assert told.closest == ()


def test_a_default_deny_names_the_first_false_condition_of_the_closest_permit_first(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    tenant = 'context.encryptionContext.hasTag("tenant") && context.encryptionContext.getTag("tenant") == "a"'
    authorizer = authorizer_of(
        f'@id("stranger") @reason("r") {ACCOUNT} permit (principal in KMS::Group::"111122223333/other", action, '
        'resource in KMS::Account::"111122223333");'
        f'@id("far") @reason("r") {ACCOUNT} permit {PERMIT} when {{ context.request.mfaPresent && {tenant} }};'
        f'@id("near") @reason("r") {ACCOUNT} permit {PERMIT} when {{ {tenant} }} unless {{ context.request.mfaPresent }};'
    )
    told = explain(authorizer, alice, "Encrypt", key, PlainFacts(ATTRIBUTES, request_facts))
    assert not told.decision.allowed
    assert told.deciding == ()
    assert [miss.policy_id for miss in told.closest] == ["near", "far", "stranger"]
    assert told.closest[0].condition == 'context.encryptionContext.getTag("tenant") == "a"'
    assert told.closest[1].condition == "context.request.mfaPresent"
    assert told.closest[2].condition == 'principal in KMS::Group::"111122223333/other"'


def test_an_unless_that_held_is_told_as_such(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer = authorizer_of(
        f'@id("a") @reason("r") {ACCOUNT} permit {PERMIT} unless {{ resource.multiRegion || !context.request.mfaPresent }};'
    )
    told = explain(authorizer, alice, "Encrypt", key, PlainFacts(ATTRIBUTES, request_facts))
    assert told.closest[0].condition == "unless !context.request.mfaPresent"


def test_a_key_that_does_not_delegate_is_the_reason_where_it_is(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer = authorizer_of(f'@id("a") @reason("r") {ACCOUNT} permit {PERMIT};')
    told = explain(authorizer, alice, "Encrypt", replace(key, account_delegation=False), PlainFacts(ATTRIBUTES, request_facts))
    assert "accountDelegation" in told.closest[0].condition


def closest(authorizer: Authorizer, principal: Principal, key: Key, request: dict[str, Any]) -> list[tuple[str, str]]:
    told = explain(authorizer, principal, "Encrypt", key, PlainFacts(ATTRIBUTES, request))
    assert not told.decision.allowed
    return [(miss.policy_id, miss.condition) for miss in told.closest]


def test_every_form_of_another_caller_is_told_as_its_author_wrote_it(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    scopes = (
        'principal == KMS::User::"111122223333/bob"',
        'principal in KMS::Group::"111122223333/other"',
        "principal is KMS::Service",
        'principal is KMS::User in KMS::Group::"111122223333/other"',
    )
    rest = 'action == KMS::Action::"Encrypt", resource in KMS::Account::"111122223333"'
    texts = [f'@id("p{n}") @reason("r") {ACCOUNT} permit ({scope}, {rest});' for n, scope in enumerate(scopes)]
    found = dict(closest(authorizer_of("\n".join(texts)), alice, key, request_facts))
    assert found == {f"p{n}": scope for n, scope in enumerate(scopes)}


def test_five_permits_are_told_at_most_and_of_equals_the_first_by_name(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    texts = [f'@id("p{n}") @reason("r{n}") {ACCOUNT} permit {PERMIT} when {{ context.request.mfaPresent }};' for n in reversed(range(7))]
    told = explain(authorizer_of("\n".join(texts)), alice, "Encrypt", key, PlainFacts(ATTRIBUTES, request_facts))
    assert [(miss.policy_id, miss.layer, miss.reason) for miss in told.closest] == [(f"p{n}", "account", f"r{n}") for n in range(5)]
    assert told.closest[0].place == "p.cedar:7"


def test_the_first_part_that_is_not_met_is_told_wherever_it_stands(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    met = ["(true || false)", "true == true", "principal is KMS::User"]
    for at in range(len(met) + 1):
        body = " && ".join([*met[:at], "context.request.mfaPresent", *met[at:]])
        text = f'@id("p") @reason("r") {ACCOUNT} permit {PERMIT} when {{ {body} }};'
        assert closest(authorizer_of(text), alice, key, request_facts) == [("p", "context.request.mfaPresent")]


def test_a_permit_for_the_caller_is_nearer_than_one_by_grant_and_that_than_one_for_another(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    grant = "when { !(context.request.grants.isEmpty()) }"
    text = (
        f'@id("another") @reason("r") {ACCOUNT} permit (principal == KMS::User::"111122223333/bob", action, '
        f'resource in KMS::Account::"111122223333");\n'
        f'@id("granted") @layer("builtin") @reason("r") permit (principal, action, resource) {grant};\n'
        f'@id("his") @reason("r") {ACCOUNT} permit {PERMIT} when {{ context.request.mfaPresent && context.request.dryRun }};'
    )
    assert [name for name, _ in closest(authorizer_of(text), alice, key, request_facts)] == ["his", "granted", "another"]


def test_an_explanation_of_what_cannot_be_read_is_a_denial_that_says_where(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer, facts = authorizer_of(f'@id("a") @reason("r") {ACCOUNT} permit {PERMIT};'), PlainFacts(ATTRIBUTES, request_facts)
    unreadable = explain(authorizer, alice, "Encrypt", replace(key, policy="permit ("), facts)
    assert (unreadable.decision.allowed, unreadable.decision.errors, unreadable.deciding, unreadable.closest) == (False, 1, (), ())
    assert unreadable.fault == unreadable.decision.fault != ""
    assert (unreadable.decision.action, unreadable.decision.resource) == ("Encrypt", key.arn)
    unknown = explain(authorizer, alice, "Fly", key, facts)
    assert (unknown.decision.allowed, unknown.decision.errors) == (False, 1)
    assert unknown.fault != ""


def test_an_error_beside_permits_is_told_without_near_misses(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    text = '@id("f") @layer("guardrail") @reason("r") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'
    told = explain(authorizer_of(text), alice, "Encrypt", key, PlainFacts(ATTRIBUTES, request_facts))
    assert (told.decision.errors > 0, told.closest) == (True, ())


def test_across_accounts_the_side_that_refuses_is_explained(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    text = (
        f'@id("abroad") @reason("r") {ACCOUNT}@account("111122223333") @foreign("true") permit (principal, action, resource is KMS::Key) '
        "when { context.request.mfaPresent };"
    )
    foreign = replace(key, account="444455556666")
    opened = replace(foreign, policy='@id("theirs") @reason("r") permit (principal, action, resource) when { !context.request.dryRun };')
    authorizer = authorizer_of(text)
    assert closest(authorizer, alice, opened, request_facts) == [("abroad", "context.request.mfaPresent")]
    assert "abroad" not in dict(closest(authorizer, alice, foreign, request_facts))
    both = explain(authorizer, alice, "Encrypt", opened, PlainFacts(ATTRIBUTES, {**request_facts, "mfaPresent": True}))
    assert both.decision.allowed
    assert {told.layer for told in both.deciding} == {"account", "key"}
