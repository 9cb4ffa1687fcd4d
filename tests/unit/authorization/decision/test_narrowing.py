"""Which policies are left out for a caller: only those that cannot apply, so that decision, ids and errors stay."""

from __future__ import annotations

import pytest

from meridian.authorization.decision.narrowing import Caller, narrowed
from meridian.authorization.language.evaluator import parse_policies
from meridian.authorization.language.policies import Policy
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
