"""Which policies are left out for a caller: only those that cannot apply, so that decision, ids and errors stay."""

from __future__ import annotations

import pytest

from meridian.authorization.decision.narrowing import Caller, narrowed
from meridian.authorization.language.evaluator import parse_policies
from meridian.authorization.language.policies import Policy
from meridian.authorization.sets.policy_files import NOT_DELEGATED
from meridian.domain.principal import Principal

ANN = Principal("User", "111122223333", "ann", "arn:aws:iam::111122223333:user/ann", ("team",), (("tenant", "a"),))
WITHIN = frozenset({("KMS::User", "111122223333/ann"), ("KMS::Group", "111122223333/team"), ("KMS::Account", "111122223333")})
GATE = "when { !(context.request.grants.isEmpty()) }"


def kept(text: str, *, has_grants: bool = False) -> bool:
    (est,) = parse_policies(text)
    caller = Caller(ANN, ("KMS::User", "111122223333/ann"), WITHIN, has_grants)
    return bool(narrowed([Policy("p", "guardrail", est)], caller))


@pytest.mark.parametrize(
    ("scope", "applies"),
    [
        ("principal", True),
        ('principal == KMS::User::"111122223333/ann"', True),
        ('principal == KMS::User::"111122223333/eve"', False),
        ('principal == KMS::Role::"111122223333/ann"', False),
        ('principal in KMS::Group::"111122223333/team"', True),
        ('principal in KMS::Group::"111122223333/crew"', False),
        ('principal in KMS::Account::"111122223333"', True),
        ("principal is KMS::User", True),
        ("principal is KMS::Service", False),
        ('principal is KMS::User in KMS::Group::"111122223333/crew"', False),
    ],
)
def test_a_scope_that_cannot_match_is_left_out(scope: str, applies: bool) -> None:
    assert kept(f"permit ({scope}, action, resource);") is applies


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ('when { principal.hasTag("tenant") }', True),
        ('when { principal.hasTag("other") && context.x }', False),
        ('when { principal.account == "111122223333" && principal.hasTag("other") && context.x }', False),
        ('when { "444455556666" == principal.account }', False),
        ('when { principal in KMS::Group::"111122223333/crew" }', False),
        ("when { principal is KMS::Service }", False),
        ('when { principal.hasTag("tenant") && (principal.hasTag("tenant") && principal.hasTag("other")) && context.x }', False),
        ('when { (context.x && principal.hasTag("tenant")) && principal.hasTag("other") }', True),
        ('when { "111122223333" == principal.account && principal.account == "444455556666" }', False),
        ('when { principal is KMS::User && principal.hasTag("other") }', False),
        ('when { principal is KMS::User in KMS::Group::"111122223333/crew" }', True),
        ('when { principal in KMS::Group::"111122223333/team" && principal.hasTag("other") }', False),
        ('when { principal in [KMS::Group::"111122223333/crew"] }', True),
        ('when { resource in KMS::Group::"111122223333/crew" }', True),
        ("when { resource is KMS::Service }", True),
        ('when { resource.hasTag("other") }', True),
        ("when { principal.hasTag(context.x) }", True),
        ('when { principal.name == "444455556666" }', True),
        ('when { resource.account == "444455556666" }', True),
        ('when { context.x && principal.hasTag("other") }', True),
        ('unless { principal.hasTag("tenant") }', True),
        ('when { context.x } when { principal.hasTag("other") }', True),
        ('when { principal.hasTag("other") || context.x }', True),
        ("when { principal.account == context.x }", True),
    ],
)
def test_only_leading_parts_about_the_caller_leave_a_policy_out(condition: str, applies: bool) -> None:
    """Behind anything else a part may never be evaluated, or an error before it must be told."""
    assert kept(f"permit (principal, action, resource) {condition};") is applies


def test_the_grant_gate_is_left_out_only_without_grants() -> None:
    assert not kept(f"permit (principal, action, resource) {GATE};")
    assert kept(f"permit (principal, action, resource) {GATE};", has_grants=True)


def test_what_asks_whether_the_account_counts_first_is_looked_through() -> None:
    (asks,) = parse_policies("permit (principal, action, resource) when { context.y };")
    caller = Caller(ANN, ("KMS::User", "111122223333/ann"), WITHIN, has_grants=False)
    for body, applies in (('principal.hasTag("other")', False), ('principal.hasTag("tenant")', True)):
        (est,) = parse_policies(f"permit (principal, action, resource) when {{ {body} }};")
        behind = {**est, "conditions": [NOT_DELEGATED, *est["conditions"]]}
        assert bool(narrowed([Policy("p", "account", behind)], caller)) is applies
        another = {**est, "conditions": [*asks["conditions"], *est["conditions"]]}
        assert narrowed([Policy("p", "account", another)], caller)
    alone = {**asks, "conditions": [NOT_DELEGATED]}
    assert narrowed([Policy("p", "account", alone)], caller)
