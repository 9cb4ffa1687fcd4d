"""Many decisions at once are the decisions of the service, and what no policy can tell apart is asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from meridian.authorization.decision import sweep as sweep_module
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.entities import Resource, Surroundings
from meridian.authorization.language.entity_reads import entity_reads
from meridian.authorization.language.evaluator import evaluate_many, parse_policies
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.policy_kit.policy_set import PolicySet, decide, open_policy_set
from meridian.policy_kit.rows import key_of, principal_of
from meridian.policy_kit.suites import load_suites

ACCOUNT = "111122223333"
HEAD = '@id("{name}") @layer("account") @reason("r") permit (principal, action == KMS::Action::"Encrypt", '
HEAD += f'resource in KMS::Account::"{ACCOUNT}") '


@dataclass(frozen=True)
class Asked:
    principal: Principal
    action: str
    resource: Resource
    facts: PlainFacts


def asked(principal: dict[str, Any], key: dict[str, Any], version: int = 1) -> Asked:
    facts = PlainFacts({"encryptionContext": {}}, {"grants": []})
    return Asked(
        principal_of("ann", principal, "here"),
        "Encrypt",
        key_of(key, region="us-east-1", version=version, place="here"),
        facts,
    )


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[str], PolicySet]:
    def write(text: str) -> PolicySet:
        (tmp_path / "p.cedar").write_text(text)
        return open_policy_set(tmp_path, schema_text())

    return write


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many contexts each call of the engine was about."""
    seen: list[int] = []
    real = evaluate_many

    def counting(**given: Any) -> Any:
        seen.append(len(given["contexts"]))
        return real(**given)

    monkeypatch.setattr(sweep_module, "evaluate_many", counting)
    return seen


def shipped() -> Iterator[tuple[PolicySet, Surroundings, list[Any]]]:
    policies = open_policy_set(policy_folder() / "policies", schema_text())
    for suite in load_suites(policy_folder() / "tests", policies.model):
        opened = policies if suite.policies is None else open_policy_set(suite.policies, schema_text())
        yield opened, suite.fixtures.around, [case.request for case in suite.cases]


@pytest.mark.thorough
def test_every_cell_of_the_shipped_suites_is_decided_as_the_service_decides_it() -> None:
    compared = 0
    for policies, around, requests in shipped():
        authorizer = policies.within(around)
        for request, decided in zip(requests, policies.sweep(around).decide(requests), strict=True):
            assert decided == decide(authorizer, request), request
            compared += 1
    assert compared > 500


def test_what_no_policy_reads_is_asked_once(opened: Callable[[str], PolicySet], batches: list[int]) -> None:
    policies = opened(HEAD.format(name="any") + 'when { resource.keyState == "Enabled" };')
    cells = [asked({}, {"tags": {"team": str(number)}}, number) for number in range(5)]
    assert all(decided.allowed for decided in policies.sweep(Surroundings()).decide(cells))
    assert batches == [1]


def test_what_a_policy_reads_is_asked_each(opened: Callable[[str], PolicySet], batches: list[int]) -> None:
    policies = opened(HEAD.format(name="tagged") + 'when { resource.hasTag("team") && resource.getTag("team") == "3" };')
    cells = [asked({}, {"tags": {"team": str(number)}}, number) for number in range(5)]
    assert [decided.allowed for decided in policies.sweep(Surroundings()).decide(cells)] == [False, False, False, True, False]
    assert batches == [1] * 5


def test_contexts_of_one_pair_go_together(opened: Callable[[str], PolicySet], batches: list[int]) -> None:
    policies = opened(
        HEAD.format(name="c") + 'when { context.encryptionContext.hasTag("t") && context.encryptionContext.hasTag("u") && '
        'context.encryptionContext.getTag("t") == context.encryptionContext.getTag("u") };'
    )
    one = asked({}, {})
    cells = [replace(one, facts=PlainFacts({"encryptionContext": {"t": str(n), "u": "1"}}, {"grants": []})) for n in range(4)]
    assert [decided.allowed for decided in policies.sweep(Surroundings()).decide(cells)] == [False, True, False, False]
    assert batches == [4]


def test_contexts_that_no_policy_tells_apart_are_asked_once(opened: Callable[[str], PolicySet], batches: list[int]) -> None:
    policies = opened(
        HEAD.format(name="c") + 'when { context.encryptionContext.hasTag("t") && context.encryptionContext.getTag("t") like "1*" };'
    )
    one = asked({}, {})
    cells = [replace(one, facts=PlainFacts({"encryptionContext": {"t": str(n)}}, {"grants": []})) for n in range(20)]
    assert [decided.allowed for decided in policies.sweep(Surroundings()).decide(cells)] == [str(n).startswith("1") for n in range(20)]
    assert batches == [2]


def test_a_key_policy_that_cannot_be_read_denies_and_says_so(opened: Callable[[str], PolicySet]) -> None:
    policies = opened(HEAD.format(name="any") + ";")
    good = asked({}, {})
    assert isinstance(good.resource, Key)
    bad = replace(good, resource=replace(good.resource, policy="permit (", version=2))
    fine, faulty = policies.sweep(Surroundings()).decide([good, bad])
    assert (fine.allowed, fine.errors) == (True, 0)
    assert (faulty.allowed, faulty.errors) == (False, 1)
    assert faulty.fault.startswith("MalformedPolicyDocumentException")


def test_more_answers_than_are_kept_are_still_right(opened: Callable[[str], PolicySet], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "ANSWERS_MAX", 2)
    monkeypatch.setattr(sweep_module, "SLICES_MAX", 1)
    monkeypatch.setattr(sweep_module, "AT_ONCE", 2)
    policies = opened(HEAD.format(name="tagged") + 'when { resource.hasTag("team") && resource.getTag("team") == "3" };')
    texts = ("", "permit (principal, action, resource);")
    cells = [asked({}, {"tags": {"team": str(n % 5)}, "policy": texts[n % 2]}, n + 1) for n in range(10)]
    authorizer = policies.within(Surroundings())
    expected = [authorizer.decide(each.principal, each.action, each.resource, each.facts) for each in cells]
    assert list(policies.sweep(Surroundings()).decide(cells)) == expected


@pytest.mark.parametrize(
    ("condition", "attributes", "tags"),
    [
        ('resource.keyState == "x" && principal has arn', {"keyState", "arn"}, set()),
        ('principal.hasTag("a") && resource.getTag("b") == "c"', set(), {"a", "b"}),
        ("resource.hasTag(principal.account)", {"account"}, None),
        ('if context.request.mfaPresent then ["x"].contains(resource.region) else false', {"request", "mfaPresent", "region"}, set()),
        ('{a: resource.keySpec}.a like "x*"', {"a", "keySpec"}, set()),
        ('{hasTag: resource.keySpec, attr: resource.region}.hasTag == "x"', {"hasTag", "keySpec", "region"}, set()),
    ],
)
def test_names_that_are_read_are_found_wherever_they_stand(condition: str, attributes: set[str], tags: set[str] | None) -> None:
    reads = entity_reads(parse_policies(f"permit (principal, action, resource) when {{ {condition} }};"))
    assert (reads.attributes, reads.tags) == (frozenset(attributes), None if tags is None else frozenset(tags))
