"""Which policies have a word: of the Region, the account, the units around it, the key; and what is said of decisions that fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cache_memory import cache_memory

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.entities import ScopeResource, Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.sets.policy_files import load_policies
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal

OWN, OTHER = "111122223333", "444455556666"
GIVEN: dict[str, Any] = {
    "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    "encryptionContext": {},
    "encryptionContextKeys": [],
    "bypassPolicyLockoutSafetyCheck": False,
}
SET = f"""
@id("everybody") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"Sign", resource);
@id("builtin") @layer("builtin") @reason("r") forbid (principal, action == KMS::Action::"Verify", resource);
@id("own") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"{OWN}");
@id("other") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"{OTHER}");
@id("unit") @layer("account") @reason("r") forbid (principal, action == KMS::Action::"Decrypt", resource in KMS::OrgUnit::"near");
@id("around") @layer("account") @reason("r") forbid (principal, action == KMS::Action::"GetPublicKey", resource in KMS::OrgUnit::"far");
@id("keys") @layer("account") @reason("r")
forbid (principal, action == KMS::Action::"PutKeyPolicy", resource is KMS::Key in KMS::OrgUnit::"near");
@id("elsewhere") @layer("account") @reason("r") forbid (principal, action, resource in KMS::OrgUnit::"elsewhere");
@id("abroad") @layer("account") @account("{OWN}") @foreign("true") @reason("r") permit (principal, action, resource is KMS::Key);
"""


@pytest.fixture
def authorizer(tmp_path: Path, schema: SchemaHandle) -> Authorizer:
    (tmp_path / "p.cedar").write_text(SET)
    return Authorizer(
        schema=schema, source=load_policies(tmp_path, schema), around=Surroundings(org_units={OWN: ("near", "far")}), limits=Limits(),
        as_json=policies_as_json, caches=cache_memory(),
    )  # fmt: skip


def ids(policies: Any) -> set[str]:
    return {policy.policy_id for policy in policies}


def test_an_account_is_told_of_its_own_policies_and_of_those_around_it(authorizer: Authorizer) -> None:
    common = {"everybody", "builtin"}
    assert ids(authorizer.policies_about(OWN)) == common | {"own", "unit", "around", "keys", "abroad"}
    assert ids(authorizer.policies_about(OTHER)) == common | {"other"}
    assert ids(authorizer.policies) == common | {"own", "other", "unit", "around", "keys", "elsewhere", "abroad"}


@pytest.mark.parametrize(
    ("action", "policies"),
    [
        ("Encrypt", ("own",)), ("Sign", ("everybody",)), ("Verify", ("builtin",)), ("Decrypt", ("unit",)), ("GetPublicKey", ("around",)),
        ("PutKeyPolicy", ("keys",)),
    ],
)  # fmt: skip
def test_every_layer_decides_and_is_named(
    authorizer: Authorizer, alice: Principal, key: Key, request_facts: dict[str, Any], action: str, policies: tuple[str, ...]
) -> None:
    given = {**GIVEN, "signingAlgorithm": "x", "messageType": "RAW"}
    facts = PlainFacts(given, request_facts)
    for _ in range(2):  # made, and remembered
        decision = authorizer.decide(alice, action, key, facts)
        assert (decision.allowed, decision.policy_ids, decision.errors) == (action == "Encrypt", policies, 0)
    assert authorizer.decide_anew(alice, action, key, (), facts) == decision


def test_across_accounts_both_sides_are_named(authorizer: Authorizer, alice: Principal, key: Key, request_facts: dict[str, Any]) -> None:
    facts = PlainFacts(GIVEN, request_facts)
    foreign = replace(key, account=OTHER, policy='@id("theirs") @reason("r") permit (principal, action, resource);')
    own = authorizer.own_policies(foreign)
    decision = authorizer.decide(alice, "Encrypt", foreign, facts)
    assert decision.allowed
    assert {"abroad"} < set(decision.policy_ids)
    assert len(decision.policy_ids) == 2
    assert list(decision.policy_ids) == sorted(decision.policy_ids)
    assert authorizer.decide_anew(alice, "Encrypt", foreign, own, facts) == decision
    assert authorizer.decide(alice, "Encrypt", foreign, facts) is decision, "a record finds what is kept of it by its identity"
    refused = authorizer.decide(alice, "Encrypt", replace(foreign, policy="", version=2), facts)
    assert (refused.allowed, refused.policy_ids, refused.resource) == (False, (), foreign.arn)
    stranger = replace(alice, account="999999999999", arn="arn:aws:iam::999999999999:user/x")
    assert not authorizer.decide(stranger, "Encrypt", foreign, facts).allowed


def test_a_decision_made_anew_that_fails_says_where(
    authorizer: Authorizer, alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    facts = PlainFacts(GIVEN, request_facts)
    failed = authorizer.decide_anew(alice, "Fly", key, (), facts)
    assert (failed.action, failed.resource, failed.allowed, failed.policy_ids, failed.errors) == ("Fly", key.arn, False, (), 1)
    assert failed.fault.startswith("KeyError at ")
    assert authorizer.decide(alice, "Fly", key, facts).fault.startswith("KeyError at ")


def test_whether_the_account_was_asked_is_told(authorizer: Authorizer, alice: Principal, key: Key, request_facts: dict[str, Any]) -> None:
    assert authorizer.account_counts(key, "Encrypt")
    assert authorizer.account_counts(ScopeResource(OWN, "us-east-1"), "ListKeys")
    alone = replace(key, account_delegation=False, policy='@id("mine") @reason("r") permit (principal, action, resource);', version=5)
    assert authorizer.decide(alice, "Encrypt", alone, PlainFacts(GIVEN, request_facts)).allowed
    assert not authorizer.account_counts(alone, "Encrypt")


def test_a_warm_decision_reads_and_parses_nothing(
    tmp_path: Path, schema: SchemaHandle, alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    read: list[str] = []

    def as_json(text: str) -> str:
        read.append(text)
        return policies_as_json(text)

    (tmp_path / "p.cedar").write_text(SET)
    made = Authorizer(
        schema=schema,
        source=load_policies(tmp_path, schema),
        around=Surroundings(),
        limits=Limits(),
        as_json=as_json,
        caches=cache_memory(),
    )
    own = replace(key, policy='@id("mine") @reason("r") permit (principal, action, resource);')
    facts = PlainFacts({**GIVEN, "signingAlgorithm": "x"}, request_facts)
    for action in ("Encrypt", "Decrypt", "DescribeKey", "Encrypt"):
        assert made.decide(alice, action, own, facts).allowed
    assert (len(read), made.parses) == (1, 3)
    bob = replace(alice, name="bob", arn=alice.arn.replace("alice", "bob"))
    for caller in (alice, bob):
        assert made.decide(caller, "Encrypt", replace(own, version=2), facts).allowed
    assert (len(read), made.parses) == (1, 3), "neither another version of the key nor another caller needs them anew"
