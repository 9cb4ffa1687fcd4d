"""Each rule of lint, on a policy that breaks it and on one that does not; a rule that was confirmed is silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

ACCOUNT = '@id("a") @layer("account") @reason("r") '
GUARD = '@id("g") @layer("guardrail") @reason("r") '
MINE = 'resource in KMS::Account::"111122223333")'
ME = 'principal == KMS::User::"111122223333/ann"'

CASES = {
    "closed-domain": (
        GUARD + 'forbid (principal, action == KMS::Action::"Encrypt", resource) when { resource.keyOrigin == "EXTRNAL" };',
        GUARD + 'forbid (principal, action == KMS::Action::"Encrypt", resource) when { resource.keyOrigin == "EXTERNAL" };',
    ),
    "unknown-attribute": (
        GUARD + 'forbid (principal, action == KMS::Action::"ReplicateKey", resource) unless { context has repilcaRegion };',
        GUARD + 'forbid (principal, action == KMS::Action::"ReplicateKey", resource) unless { context has replicaRegion };',
    ),
    "overflow": (
        GUARD + 'forbid (principal, action == KMS::Action::"EnableKeyRotation", resource) when { context.rotationPeriodInDays * 24 > 99 };',
        GUARD + 'forbid (principal, action == KMS::Action::"EnableKeyRotation", resource) when { context.rotationPeriodInDays > 99 };',
    ),
    "region-by-name": (
        GUARD + 'forbid (principal, action == KMS::Action::"ReplicateKey", resource) unless { context.replicaRegion like "eu-*" };',
        GUARD
        + 'forbid (principal, action == KMS::Action::"ReplicateKey", resource) unless { context.replicaRegionLabels.contains("EU") };',
    ),
    "open-by-absence": (
        GUARD + 'forbid (principal, action == KMS::Action::"ImportKeyMaterial", resource) when '
        '{ context has validTo && context.validTo > datetime("2030-01-01") };',
        GUARD + 'forbid (principal, action == KMS::Action::"ImportKeyMaterial", resource) unless '
        '{ context has validTo && context.validTo < datetime("2030-01-01") };',
    ),
    "constant-condition": (
        ACCOUNT + f'permit ({ME}, action == KMS::Action::"Encrypt", {MINE} when {{ 1 < 2 }};',
        ACCOUNT + f'permit ({ME}, action == KMS::Action::"Encrypt", {MINE} when {{ resource.multiRegion }};',
    ),
    "open-permit": (
        ACCOUNT + f"permit (principal, action, {MINE};",
        ACCOUNT + f"permit ({ME}, action, {MINE};",
    ),
    "group-equality": (
        ACCOUNT + f'permit (principal, action in KMS::Action::"Use", {MINE} when {{ principal == KMS::Group::"111122223333/team" }};',
        ACCOUNT + f'permit (principal, action in KMS::Action::"Use", {MINE} when {{ principal in KMS::Group::"111122223333/team" }};',
    ),
    "steered-permit": (
        ACCOUNT + f'permit ({ME}, action == KMS::Action::"Encrypt", resource in KMS::AliasPath::"111122223333/alias/pay");',
        ACCOUNT
        + f'permit ({ME}, action == KMS::Action::"Encrypt", resource in KMS::AliasPath::"111122223333/alias/pay");'
        + GUARD
        + 'forbid (principal, action in [KMS::Action::"CreateAlias", KMS::Action::"UpdateAlias"], resource) '
        'unless { principal in KMS::Group::"111122223333/platform" };',
    ),
    "decision-key": (
        ACCOUNT + f'permit ({ME}, action == KMS::Action::"Encrypt", {MINE} when {{ context.encryptionContext.hasTag(principal.account) }};',
        ACCOUNT + f'permit ({ME}, action == KMS::Action::"Encrypt", {MINE} when {{ context.encryptionContext.hasTag("o") && '
        'context.encryptionContext.getTag("o") like "s3://*" };',
    ),
    "not-remembered": (
        ACCOUNT
        + f'permit ({ME}, action == KMS::Action::"Encrypt", {MINE} when {{ context.request.currentTime < datetime("2030-01-01") }};',
        ACCOUNT + f'permit ({ME}, action == KMS::Action::"Encrypt", {MINE} when {{ context.request.mfaPresent }};',
    ),
}
NOTES = {"decision-key", "not-remembered"}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(rule: str, policies: Callable[[str], Path], policy_json: Callable[..., Any]) -> None:
    broken, sound = CASES[rule]
    assert rule in {found["rule"] for found in policy_json("validate", policies(broken))["findings"]}
    assert rule not in {found["rule"] for found in policy_json("validate", policies(sound))["findings"]}


@pytest.mark.parametrize("rule", CASES)
def test_a_warning_fails_a_strict_run_and_a_note_does_not(
    rule: str, policies: Callable[[str], Path], policy: Callable[..., Result]
) -> None:
    """--strict"""
    folder = policies(CASES[rule][0])
    assert policy("validate", folder).exit_code == 0, "the policies are valid"
    ran = policy("validate", "--strict", folder)
    assert ran.exit_code == (0 if rule in NOTES else 1)
    assert f": {rule}: " in ran.stdout
    assert "p.cedar:1: " in ran.stdout


@pytest.mark.parametrize("rule", CASES)
def test_a_confirmed_rule_is_silent(rule: str, policies: Callable[[str], Path], policy: Callable[..., Result]) -> None:
    text = "".join(f'@confirmed("{rule}, other") {part}' for part in CASES[rule][0].splitlines())
    assert rule not in policy("validate", policies(text)).stdout


def test_a_pair_that_is_looked_for_as_an_attribute_is_told_how_to_be_looked_for(
    policies: Callable[[str], Path], policy: Callable[..., Result]
) -> None:
    head = GUARD + 'forbid (principal, action == KMS::Action::"Encrypt", resource) unless '
    ran = policy("validate", policies(head + "{ context has encryptionContext.dept };"))
    assert ": unknown-attribute: " in ran.stdout
    assert 'write context.encryptionContext.hasTag("dept")' in ran.stdout
    sound = policies(head + '{ context has encryptionContext && context.encryptionContext.hasTag("dept") };')
    assert "unknown-attribute" not in policy("validate", sound).stdout


def test_every_rule_has_a_case() -> None:
    from meridian.policy_kit.lint import RULES

    assert set(RULES) == set(CASES)


def test_a_fault_of_the_schema_is_named_with_its_line(policies: Callable[[str], Path], policy: Callable[..., Result]) -> None:
    ran = policy("validate", policies("\n\n" + GUARD + "forbid (principal, action, resource) when { context.tpyo };"))
    assert ran.exit_code == 1
    assert "p.cedar:3:95: g: " in ran.stdout
    assert "tpyo" in ran.stdout
