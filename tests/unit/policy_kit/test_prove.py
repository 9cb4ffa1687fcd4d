"""`meridian policy prove`: what holds, what a counter-example looks like, and that it is a test which fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from tests.unit.policy_kit.conftest import PERMIT, TESTS

RESIDENCY = (
    '@id("residency") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"ReplicateKey", resource) '
    'when { resource.hasTag("residency") } unless { context.replicaRegionLabels.contains(resource.getTag("residency")) };'
)
INVARIANT = """
invariants:
  - name: tagged keys stay
    forall: {action: [ReplicateKey]}
    where: 'resource.hasTag("residency") && !context.replicaRegionLabels.contains(resource.getTag("residency"))'
    never: allow
"""


def test_an_invariant_that_a_guardrail_keeps_holds_whatever_key_policies_say(
    policies: Any, tests_file: Any, policy_json: Callable[..., Any]
) -> None:
    (proof,) = policy_json("prove", tests_file(INVARIANT), "--policies", policies(PERMIT + RESIDENCY))
    assert proof["holds"]
    assert 0 < proof["counted"] < proof["cells"]
    assert proof["cutShort"] == []


def test_without_the_guardrail_a_counter_example_is_a_test_that_fails_until_it_is_mended(
    policies: Any, tests_file: Any, policy: Callable[..., Result], policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    ran = policy("prove", tests_file(INVARIANT), "--policies", policies(PERMIT))
    assert ran.exit_code == 1
    assert "DOES NOT HOLD" in ran.stdout
    (proof,) = policy_json("prove", tests_file(INVARIANT), "--policies", policies(PERMIT))
    case = tmp_path / "case.yaml"
    labels = {name: value for name, value in yaml.safe_load(TESTS).items() if name == "regionLabels"}
    case.write_text(yaml.safe_dump({**labels, **proof["counterExample"]["test"]}))
    assert policy("test", case, "--policies", policies(PERMIT)).exit_code == 1
    assert policy("test", case, "--policies", policies(PERMIT + RESIDENCY)).exit_code == 0


def test_a_condition_that_never_holds_proves_nothing(policies: Any, tests_file: Any, policy: Callable[..., Result]) -> None:
    text = INVARIANT.replace("never: allow", "never: allow").replace('resource.hasTag("residency") &&', "false &&")
    ran = policy("prove", tests_file(text), "--policies", policies(PERMIT + RESIDENCY))
    assert ran.exit_code == 1
    assert "is about no cell" in ran.stdout


def test_forall_narrows_an_axis(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    narrowed = INVARIANT.replace("{action: [ReplicateKey]}", '{action: [ReplicateKey], key.policy: [""], principal.groups: [[team]]}')
    (proof,) = policy_json("prove", tests_file(narrowed), "--policies", policies(PERMIT + RESIDENCY))
    (whole,) = policy_json("prove", tests_file(INVARIANT), "--policies", policies(PERMIT + RESIDENCY))
    assert proof["cells"] * 4 == whole["cells"]
    assert proof["holds"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("action: [ReplicateKey]", "action: [ReplicateKye]", "ReplicateKye is no action"),
        ("action: [ReplicateKey]", "key.policy: []", "forall names no action"),
        ("context.replicaRegionLabels", "context.replicaRegionLables", "where:"),
        ("where: 'resource", "where: '((resource", "where:"),
    ],
)
def test_an_invariant_that_cannot_be_read_is_named(
    old: str, new: str, fault: str, policies: Any, tests_file: Any, policy: Callable[..., Result]
) -> None:
    ran = policy("prove", tests_file(INVARIANT.replace(old, new)), "--policies", policies(PERMIT))
    assert ran.exit_code == 3
    assert "tagged keys stay" in ran.stderr
    assert fault in ran.stderr


def test_what_is_not_enumerated_is_said(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    timely = (
        '@id("late") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"ReplicateKey", resource) '
        'when { context.request.currentTime > datetime("2030-01-01") };'
    )
    crowd = "".join(
        f'@id("g{n}") @layer("account") @reason("r") permit (principal in KMS::Group::"111122223333/g{n}", '
        f'action == KMS::Action::"ReplicateKey", '
        'resource in KMS::Account::"111122223333");'
        for n in range(6)
    )
    narrow = INVARIANT.replace("action: [ReplicateKey]", 'action: [ReplicateKey], key.policy: [""]')
    (proof,) = policy_json("prove", tests_file(narrow), "--policies", policies(RESIDENCY + timely + crowd))
    assert proof["holds"]
    assert proof["cutShort"] == ["the time, which stands still at the file's now", "combinations of at most 2 of 6 groups"]
