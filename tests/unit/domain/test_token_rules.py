"""The first rule that speaks of a token decides, in order; what it asks of claims is met exactly, or the rule does not speak of them."""

from __future__ import annotations

from typing import Any

import pytest

from meridian.domain.claim_patterns import ClaimPattern, NameTemplate
from meridian.domain.principal import Principal
from meridian.domain.token_rules import (
    METHOD,
    AssumableRole,
    ClaimTest,
    ClaimTests,
    GroupsClaim,
    TokenIssuer,
    TokenMapping,
    TokenRule,
)

IDP, OTHER = "https://idp.example.com", "https://other.example.com"
ACCOUNT = "111122223333"
PREFIX = f"arn:aws:iam::{ACCOUNT}:user/"
TIMES = {"iat": 1_000_000_000, "exp": 1_000_000_600}


def rule(
    name: str, *, groups: GroupsClaim | None = None, issuer: str = IDP, tags: dict[str, str] | None = None, **claims: Any
) -> TokenRule:
    tests = tuple(ClaimTest((key,), ClaimPattern(value) if isinstance(value, str) else value) for key, value in claims.items())
    words = [word for test in tests if isinstance(test.expected, ClaimPattern) for word in test.expected.words]
    made = tuple((key, NameTemplate(text, words)) for key, text in (tags or {}).items())
    base = Principal("User", ACCOUNT, "", "", groups=("staff",))
    return TokenRule(ClaimTests(issuer, tests), base, NameTemplate(name, words), PREFIX, made, groups)


def mapping(*rules: TokenRule, roles: tuple[AssumableRole, ...] = ()) -> TokenMapping:
    issuers = {issuer: TokenIssuer(issuer, frozenset({"x"}), ("ES256",), 600, False) for issuer in (IDP, OTHER)}
    return TokenMapping(issuers, rules, {role.principal.arn: role for role in roles})


def named(rules: TokenMapping, **claims: Any) -> str | None:
    found = rules.principal_of({"iss": IDP, "sub": "ann", **TIMES, **claims})
    return found.name if found is not None else None


def test_the_first_rule_that_speaks_of_a_token_counts() -> None:
    rules = mapping(rule("ops", team="ops"), rule("{sub}", sub="{sub}"), rule("never", sub="ann"))
    assert named(rules, team="ops") == "ops"
    assert named(rules, team="shop") == "ann"
    assert named(rules) == "ann"
    assert named(rules, iss=OTHER) is None


@pytest.mark.parametrize(
    ("expected", "said", "is_met"),
    [
        (True, True, True),
        (True, 1, False),
        (True, "true", False),
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        ("ops", ["dev", "ops"], True),
        ("ops", ["dev", "ops2"], False),
        ("{x}", ["ops"], False),
        ("ops", {"ops": 1}, False),
        ("ops", None, False),
        ("1", 1, False),
    ],
)
def test_a_claim_is_of_the_type_that_is_asked_for(expected: str | bool | int, said: object, is_met: bool) -> None:
    assert (named(mapping(rule("x", team=expected)), team=said) == "x") is is_met


def test_a_claim_within_another_is_found_by_its_path() -> None:
    test = ClaimTest(("kubernetes.io", "namespace"), ClaimPattern("shop"))
    assert test.find({"kubernetes.io": {"namespace": "shop"}}) == {}
    assert test.find({"kubernetes.io.namespace": "shop"}) is None
    assert test.find({"kubernetes.io": "shop"}) is None


def test_a_principal_has_what_its_rule_says_and_its_token_told() -> None:
    groups = GroupsClaim(("groups",), ClaimPattern("kms-{group}"))
    rules = mapping(rule("{user}", sub="{user}", groups=groups, tags={"user": "{user}", "from": "idp"}))
    found = rules.principal_of({"iss": IDP, "sub": "ann", "groups": ["kms-admins", "other", "kms-users", "kms-admins"], **TIMES})
    assert found is not None
    assert (found.arn, found.groups) == (f"{PREFIX}ann", ("staff", "admins", "users"))
    assert found.tags == (("from", "idp"), ("user", "ann"))
    assert (found.method, found.subject) == (METHOD, f"{IDP} ann")
    assert found.token_issued_at is not None
    assert found.expires_at is not None
    assert (found.expires_at - found.token_issued_at).total_seconds() == 600


@pytest.mark.parametrize("said", [7, ["a", 7], {"a": 1}, ["x"] * 65])
def test_groups_that_cannot_be_read_name_nobody_and_no_later_rule_is_asked(said: object) -> None:
    groups = GroupsClaim(("groups",), ClaimPattern("{group}"))
    rules = mapping(rule("grouped", sub="ann", groups=groups), rule("bare", sub="ann"))
    assert named(rules, groups=said) is None
    assert named(rules, groups="one") == "grouped"
    assert named(rules) == "grouped"


@pytest.mark.parametrize(("name", "made"), [("xks-storefront", "{user}"), ("x" * 128, "{user}-{user}-")])
def test_a_name_that_no_caller_may_have_is_nobodys(name: str, made: str) -> None:
    assert named(mapping(rule(made, sub="{user}")), sub=name) is None


def test_another_region_says_issuer_and_subject_and_no_rule_that_asks_for_more_is_guessed() -> None:
    groups = GroupsClaim(("groups",), ClaimPattern("{group}"))
    plain = mapping(rule("{user}", sub="{user}"))
    found = plain.principal_of_subject(f"{IDP} ann")
    assert found is not None
    assert (found.name, found.method) == ("ann", METHOD)
    assert plain.principal_of_subject(f"{OTHER} ann") is None
    assert plain.principal_of_subject("ann") is None
    assert mapping(rule("limited", sub="{u}", suspended=True), rule("{user}", sub="{user}")).principal_of_subject(f"{IDP} ann") is None
    assert mapping(rule("limited", team="ops"), rule("{user}", sub="{user}")).principal_of_subject(f"{IDP} ann") is None
    assert mapping(rule("{u}", sub="{u}", groups=groups)).principal_of_subject(f"{IDP} ann") is None
    unlike = mapping(rule("limited", sub="bob", suspended=True), rule("{user}", sub="{user}"))
    assert unlike.principal_of_subject(f"{IDP} ann") is not None, "the first rule asks for another subject"


def test_who_has_one_name_is_found_by_arn() -> None:
    role = AssumableRole(Principal("Role", ACCOUNT, "deploy", f"arn:aws:iam::{ACCOUNT}:role/deploy"), 900, ())
    rules = mapping(rule("robot", sub="x"), rule("{user}", sub="{user}"), roles=(role,))
    found = rules.find_by_arn(f"{PREFIX}robot")
    assert found is not None
    assert (found.name, found.groups) == ("robot", ("staff",))
    assert rules.find_by_arn(role.principal.arn) == role.principal
    assert rules.find_by_arn(f"{PREFIX}ann") is None


def test_a_role_is_for_those_whom_it_trusts() -> None:
    tests = ClaimTests(IDP, (ClaimTest(("sub",), ClaimPattern("repo:acme/{repo}")),))
    role = AssumableRole(Principal("Role", ACCOUNT, "deploy", "arn"), 900, (tests,))
    assert role.trusts({"iss": IDP, "sub": "repo:acme/shop"})
    assert not role.trusts({"iss": IDP, "sub": "repo:evil/shop"})
    assert not role.trusts({"iss": OTHER, "sub": "repo:acme/shop"})
