"""Ways in which a policy engine was seen to allow what a policy forbids; here each denies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cedarpy
import pytest

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.evaluator import FAULT, EntityHandle, Ground, PolicyHandle, SchemaHandle, evaluate, parse_policies
from meridian.authorization.language.self_test import REQUEST, UnsoundEvaluatorError, require_sound_evaluator
from meridian.authorization.sets.policy_files import PolicySetError
from meridian.domain.key import Key, KeyState
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal

PERMIT = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");\n'
EMPTY = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {}, "encryptionContextKeys": []}

Decide = Callable[..., PolicyDecision]


@pytest.fixture
def decide(authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]) -> Decide:
    def run(text: str, action: str = "Encrypt", resource: Key = key, **context: Any) -> PolicyDecision:
        facts = PlainFacts({**EMPTY, **context}, request_facts)
        return authorizer_of(text).decide(alice, action, resource, facts)

    return run


def forbid(body: str, action: str = 'action == KMS::Action::"Encrypt"') -> str:
    return f'{PERMIT}@id("f") @layer("guardrail") @reason("r") forbid (principal, {action}, resource is KMS::Key){body};'


def test_a_permit_allows_and_is_named(decide: Decide) -> None:
    assert decide(PERMIT) == PolicyDecision("Encrypt", decide(PERMIT).resource, True, ("p",), 0)


def test_a_forbid_on_an_action_group_fires(decide: Decide) -> None:
    made = decide(forbid("", 'action in KMS::Action::"Use"'))
    assert (made.allowed, made.policy_ids) == (False, ("f",))


def test_a_forbid_that_cannot_be_evaluated_denies(decide: Decide) -> None:
    overflow = ' when { context.encryptionContext.hasTag("n") && 9223372036854775807 + 1 > 0 }'
    assert decide(forbid(overflow)).allowed
    made = decide(forbid(overflow), encryptionContext={"n": "1"})
    assert not made.allowed
    assert made.errors == 1


def test_a_missing_attribute_denies(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    text = forbid(" when { context.request.secureTransport == false }")
    del request_facts["secureTransport"]
    made = authorizer_of(text).decide(alice, "Encrypt", key, PlainFacts(EMPTY, request_facts))
    assert not made.allowed
    assert made.errors == 1


@pytest.mark.parametrize("wrong", [{"sourceIp": "not an address"}, {"secureTransport": "yes"}, {"secureTransport": None}])
def test_a_mistyped_attribute_denies(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any], wrong: dict[str, Any]
) -> None:
    text = forbid(' when { context.request.secureTransport == false || context.request.sourceIp.isInRange(ip("10.0.0.0/8")) }')
    made = authorizer_of(text).decide(alice, "Encrypt", key, PlainFacts(EMPTY, {**request_facts, **wrong}))
    assert not made.allowed
    assert made.errors == 1


def test_an_overflow_that_a_request_provokes_in_a_forbid_denies(decide: Decide) -> None:
    text = forbid(
        " when { context.scheduleKeyDeletionPendingWindowInDays * 1000000000000000000 < 0 }", 'action == KMS::Action::"ScheduleKeyDeletion"'
    )
    assert decide(text, "ScheduleKeyDeletion", scheduleKeyDeletionPendingWindowInDays=9).allowed
    made = decide(text, "ScheduleKeyDeletion", scheduleKeyDeletionPendingWindowInDays=10)
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 1)


@pytest.mark.parametrize(
    "body",
    [
        'resource.hasTag("t")',
        'principal.hasTag("t")',
        'context.encryptionContext.hasTag("t")',
        "context.encryptionContext.hasTag(principal.account)",
        'resource in KMS::Account::"111122223333"',
        'resource in KMS::AliasPath::"111122223333/alias"',
        'principal in KMS::Account::"111122223333"',
        'principal in KMS::Group::"111122223333/g"',
    ],
)
def test_nothing_that_a_forbid_asks_after_is_left_out_of_the_question(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any], body: str
) -> None:
    """An entity that is missing has no tags and is in nothing, and the engine says so without an error."""
    tagged, caller = replace(key, tags=(("t", ""),), aliases=("alias/a",)), replace(alice, tags=(("t", ""),))
    facts = PlainFacts({**EMPTY, "encryptionContext": {"t": "", "111122223333": ""}}, request_facts)
    made = authorizer_of(forbid(f" when {{ {body} }}")).decide(caller, "Encrypt", tagged, facts)
    assert (made.allowed, made.policy_ids, made.errors) == (False, ("f",), 0)


def test_entities_cannot_be_built_without_the_schema() -> None:
    with pytest.raises(AttributeError):
        EntityHandle.build([], None)  # type: ignore[arg-type]  # the wrong type is the test


def test_an_entity_that_does_not_fit_the_schema_denies(decide: Decide, key: Key) -> None:
    odd: Any = "yes"
    made = decide(PERMIT, resource=replace(key, account_delegation=odd))
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 1)


def test_an_action_that_the_schema_does_not_know_denies(decide: Decide) -> None:
    made = decide(PERMIT, "Encrpyt")
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 1)


@pytest.mark.parametrize(
    "wrong", [{"action": "Encrpyt"}, {"context": {"surprise": 1}}, {"context": {"request": {"x": 1.5}}}, {"resource": ()}]
)
def test_a_question_that_the_engine_cannot_take_is_a_fault_and_no_refusal_by_policy(schema: SchemaHandle, wrong: dict[str, Any]) -> None:
    policies = PolicyHandle((str(n), est) for n, est in enumerate(parse_policies("permit (principal, action, resource);")))
    question: dict[str, Any] = {
        "principal": ("KMS::User", "1/a"),
        "action": "GenerateRandom",
        "resource": ("KMS::Scope", "1/r"),
        "context": {"request": REQUEST},
        "ground": Ground(policies, EntityHandle.build([], schema), schema),
    }
    assert evaluate(**question).allowed
    assert evaluate(**{**question, **wrong}) == FAULT


def test_no_decision_is_a_fault_even_where_the_engine_gives_no_error(schema: SchemaHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every such answer seen so far came with an error; nothing promises that the next one will."""
    silent = cedarpy.AuthzResult({"decision": "NoDecision", "diagnostics": {"reason": [], "errors": []}, "metrics": {}})
    assert silent.decision is cedarpy.Decision.NoDecision
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: silent)
    nothing = Ground(PolicyHandle([]), EntityHandle.build([], schema), schema)
    made = evaluate(principal=("KMS::User", "1/a"), action="GenerateRandom", resource=("KMS::Scope", "1/r"), context={}, ground=nothing)
    assert made == FAULT


def test_facts_that_cannot_be_read_deny(decide: Decide) -> None:
    text = forbid(' when { context.encryptionContext.hasTag("t") }')
    assert decide(text).allowed
    made = decide(text, encryptionContext=None)
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 1)


def test_two_policies_of_one_id_deny_rather_than_lose_one(decide: Decide, key: Key) -> None:
    """A file that gives a policy the id that a key's policy answers under is refused, and so is a set with one id twice."""
    with pytest.raises(PolicySetError, match="must not begin with key/"):
        decide(PERMIT.replace('"p"', f'"key/{key.key_id}/1"'))
    with pytest.raises(ValueError, match="two policies have the id"):
        PolicyHandle([("a", {}), ("a", {})])


def test_a_template_in_a_key_policy_denies(decide: Decide, key: Key) -> None:
    """A template that nobody links decides nothing, so a forbid that is one would be no forbid."""
    made = decide(PERMIT, resource=replace(key, policy="forbid (principal == ?principal, action, resource);", version=2))
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 1)


def test_an_error_beside_permits_names_none_of_them_as_the_reason(decide: Decide) -> None:
    made = decide(forbid(" when { 9223372036854775807 + 1 > 0 }"))
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 1)


def test_an_account_permit_that_fails_denies_only_where_it_counts(decide: Decide, key: Key) -> None:
    failing = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333") when '
    failing += "{ 9223372036854775807 + 1 > 0 };"
    own = replace(key, policy='@id("mine") permit (principal, action, resource);', version=2)
    assert decide(failing, resource=own).errors == 1
    made = decide(failing, resource=replace(own, account_delegation=False, version=3))
    assert (made.allowed, made.policy_ids, made.errors) == (True, (f"key/{key.key_id}/mine",), 0)


@pytest.mark.parametrize("name", ["__entity", "__extn", "__expr", "", "ключ", "a.b"])
def test_a_caller_chosen_name_is_only_ever_a_tag(decide: Decide, name: str) -> None:
    text = forbid(f' when {{ context.encryptionContext.hasTag("{name}") }}')
    assert decide(text).allowed
    made = decide(text, encryptionContext={name: '{"type":"KMS::Group","id":"admins"}'})
    assert (made.allowed, made.policy_ids, made.errors) == (False, ("f",), 0)


def test_without_a_permit_nothing_is_allowed(decide: Decide) -> None:
    made = decide('@id("f") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"Decrypt", resource);')
    assert (made.allowed, made.policy_ids, made.errors) == (False, (), 0)


def test_an_unreadable_key_policy_denies(decide: Decide, key: Key) -> None:
    made = decide(PERMIT, resource=replace(key, policy="this is no policy"))
    assert not made.allowed
    assert made.errors == 1


def test_a_key_that_does_not_delegate_ignores_account_permits_and_obeys_its_own(decide: Decide, key: Key) -> None:
    closed = replace(key, account_delegation=False)
    assert not decide(PERMIT, resource=closed).allowed
    own = replace(closed, policy='@id("mine") permit (principal, action, resource);', version=2)
    assert decide(PERMIT, resource=own).policy_ids == (f"key/{key.key_id}/mine",)


def test_a_refusal_is_not_remembered_and_a_change_of_the_key_counts_at_once(decide: Decide, key: Key) -> None:
    text = forbid(' when { resource.keyState == "Disabled" }')
    assert decide(text).allowed
    assert not decide(text, resource=replace(key, state=KeyState.DISABLED, version=2)).allowed


def test_an_absent_tag_is_not_an_empty_one(decide: Decide) -> None:
    text = forbid(' unless { context.encryptionContext.hasTag("t") }')
    assert not decide(text).allowed
    assert decide(text, encryptionContext={"t": ""}).allowed
    assert not decide(text).allowed


def test_a_decision_that_depends_on_time_is_made_anew(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer = authorizer_of(forbid(' when { context.request.currentTime > datetime("2026-06-01") }'))
    assert authorizer.decide(alice, "Encrypt", key, PlainFacts(EMPTY, request_facts)).allowed
    later = {**request_facts, "currentTime": "2026-07-01T00:00:00.000Z"}
    assert not authorizer.decide(alice, "Encrypt", key, PlainFacts(EMPTY, later)).allowed


def test_groups_of_another_caller_do_not_leak_through_the_cache(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer = authorizer_of(
        '@id("p") @layer("account") @reason("r") permit (principal in KMS::Group::"111122223333/g", action, '
        'resource in KMS::Account::"111122223333");'
    )
    facts = PlainFacts(EMPTY, request_facts)
    assert authorizer.decide(alice, "Encrypt", key, facts).allowed
    assert not authorizer.decide(replace(alice, groups=()), "Encrypt", key, facts).allowed


def test_an_evaluator_that_breaks_a_promise_stops_the_start(schema: SchemaHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    require_sound_evaluator(schema)
    monkeypatch.setattr("meridian.authorization.language.self_test.FORBID_GROUP", "")
    with pytest.raises(UnsoundEvaluatorError, match="action group"):
        require_sound_evaluator(schema)
