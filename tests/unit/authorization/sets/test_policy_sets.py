"""What may be loaded as a policy, and what refuses the whole set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.policy_files import PolicySetError, load_policies

ACCOUNT = '@id("a") @layer("account") @reason("r") '
GUARD = '@id("g") @layer("guardrail") @reason("r") '


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit (principal, action, resource)", "unexpected end"),
        ('@layer("guardrail") @reason("r") forbid (principal, action, resource);', "@id is missing"),
        ('@id("x") @layer("guardrail") forbid (principal, action, resource);', "@reason is missing"),
        ('@id("x") @reason("r") forbid (principal, action, resource);', "@layer is missing"),
        ('@id("key/x") @layer("guardrail") @reason("r") forbid (principal, action, resource);', "must not begin with key/"),
        ('@id("x") @layer("tenant") @reason("r") forbid (principal, action, resource);', "is unknown"),
        (GUARD + "permit (principal, action, resource);", "may only forbid"),
        (ACCOUNT + "permit (principal, action, resource);", "must name resources of its account"),
        (ACCOUNT + 'permit (principal, action, resource in KMS::Account::"nobody");', "must name resources of its account"),
        (ACCOUNT + '@foreign("true") permit (principal, action, resource);', "@foreign needs"),
        ('@id("k") @layer("key") @reason("r") permit (principal, action, resource);', "stored with their key"),
        (GUARD + "forbid (principal, action, resource) when { context.tpyo };", "tpyo"),
        (GUARD + 'forbid (principal, action == KMS::Action::"Encrpyt", resource);', "Encrpyt"),
        (GUARD + "forbid (principal == ?principal, action, resource);", "templates are not allowed"),
        (GUARD + "forbid (principal, action, resource);" + GUARD + "forbid (principal, action, resource);", "given to two"),
    ],
)
def test_a_fault_refuses_the_whole_set_and_is_named(tmp_path: Path, schema: SchemaHandle, text: str, fault: str) -> None:
    (tmp_path / "good.cedar").write_text('@id("good") @layer("guardrail") @reason("r") forbid (principal, action, resource);')
    (tmp_path / "bad.cedar").write_text(text)
    with pytest.raises(PolicySetError) as caught:
        load_policies(tmp_path, schema)
    assert caught.value.faults
    assert fault in str(caught.value)
    assert all(re.match(r"bad\.cedar:1(:\d+)?: ", each) for each in caught.value.faults), "each with its line"


def test_a_torn_file_is_told_with_the_line_of_the_policy_that_is_torn(tmp_path: Path, schema: SchemaHandle) -> None:
    whole = GUARD + "forbid (principal, action, resource);\n\n"
    for torn in ("forbid (principal, action,", "forbid (principal, action, resource) when { 1 + };", 'forbid (principal) when { "x };'):
        (tmp_path / "torn.cedar").write_text(whole + "// the second\n" + GUARD + "\n" + torn)
        with pytest.raises(PolicySetError) as caught:
            load_policies(tmp_path, schema)
        assert caught.value.faults[0].startswith("torn.cedar:4: "), caught.value.faults


def test_an_empty_folder_is_no_policy_set(tmp_path: Path, schema: SchemaHandle) -> None:
    with pytest.raises(PolicySetError, match="no policy files"):
        load_policies(tmp_path, schema)


def test_the_digest_changes_with_the_text(tmp_path: Path, schema: SchemaHandle) -> None:
    path = tmp_path / "p.cedar"
    path.write_text(GUARD + "forbid (principal, action, resource);")
    before = load_policies(tmp_path, schema).digest
    path.write_text(GUARD + "forbid (principal, action, resource) when { true };")
    assert load_policies(tmp_path, schema).digest != before
