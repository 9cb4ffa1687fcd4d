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
