"""Options of the policy commands: each changes what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

MINE = 'permit (principal, action, resource in KMS::Account::"111122223333")'
ASKED = ("--principal", "User:111122223333/ann", "--action", "Encrypt", "--key", "multiRegion=false")
ANN = 'permit (principal == KMS::User::"111122223333/ann", action == KMS::Action::"Encrypt", resource in KMS::Account::"111122223333")'
CONDITIONS = {
    "--principal-tag": ('principal.hasTag("team") && principal.getTag("team") == "pay"', "team=pay"),
    "--key-tag": ('resource.hasTag("team") && resource.getTag("team") == "pay"', "team=pay"),
    "--encryption-context": (
        'context.encryptionContext.hasTag("stage") && context.encryptionContext.getTag("stage") == "test"',
        "stage=test",
    ),
    "--request": ("context.request.mfaPresent", "mfaPresent=true"),
}


@pytest.mark.parametrize("option", CONDITIONS)
def test_explain_decides_by_what_the_option_says(option: str, policies: Callable[..., Path], policy: Callable[..., Result]) -> None:
    """--principal-tag, --key-tag, --encryption-context and --request."""
    condition, value = CONDITIONS[option]
    encrypt = MINE.replace("action,", 'action == KMS::Action::"Encrypt",')
    folder = policies(f'@id("p") @layer("account") @reason("r") {encrypt} when {{ {condition} }};')
    arguments = ("explain", "--policies", folder, *ASKED)
    assert ": deny\n" in policy(*arguments).stdout
    assert ": allow\n" in policy(*arguments, option, value).stdout
    assert policy(*arguments, option, "nothing").exit_code == 3


def test_explain_decides_by_the_policy_of_the_key(policies: Callable[..., Path], policy: Callable[..., Result], tmp_path: Path) -> None:
    folder = policies(f'@id("p") @layer("account") @reason("r") {MINE};')
    key_policy = tmp_path / "key.cedar"
    key_policy.write_text('@id("k") @layer("key") @reason("shut") forbid (principal, action == KMS::Action::"Encrypt", resource);')
    arguments = ("explain", "--policies", folder, *ASKED)
    assert ": allow\n" in policy(*arguments).stdout
    assert ": deny\n" in policy(*arguments, "--key-policy", key_policy).stdout


def test_validate_tells_notes_where_they_are_wanted(policies: Callable[..., Path], policy_json: Callable[..., Any]) -> None:
    """--notes and --no-notes."""
    condition = 'context.request has sourceIp && context.request.sourceIp == ip("10.0.0.1")'
    folder = policies(f'@id("p") @layer("account") @reason("r") {ANN} when {{ {condition} }};')
    findings = {option: policy_json("validate", folder, option)["findings"] for option in ("--notes", "--no-notes")}
    assert [found["severity"] for found in findings["--notes"] if found["severity"] == "note"]
    assert not [found["severity"] for found in findings["--no-notes"] if found["severity"] == "note"]
