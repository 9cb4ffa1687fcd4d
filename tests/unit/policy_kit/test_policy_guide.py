"""Every snippet of the policy guide: policies are valid and without warnings, tests pass, invariants hold, commands run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meridian.authorization.language.evaluator import SchemaHandle, validation_faults
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import DENIED, OK
from meridian.cli.main import main
from meridian.policy_kit.lint import RULES
from meridian.policy_kit.refusal_tables import refusal_tables

GUIDE = Path(__file__).parents[3] / "docs" / "policy-guide.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", GUIDE.read_text(), re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```(.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS_A_SERVER = ("describe-set", "check-access", "decisions", "explain-decision", "try", "replay", "diff")
"""Run against real Regions and folders by tests of their own."""


def blocks(section: str, kind: str) -> list[str]:
    return [text for name, text in BLOCK.findall(SECTIONS[section]) if name == kind]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)])


@pytest.mark.parametrize("section", [name for name in SECTIONS if blocks(name, "cedar")])
def test_a_section_is_valid_canonical_in_meaning_and_does_what_it_says(section: str, tmp_path: Path) -> None:
    (tmp_path / "p.cedar").write_text("\n".join(blocks(section, "cedar")))
    checked = run("validate", tmp_path)
    assert checked.exit_code == 0, checked.stdout
    (suite,) = blocks(section, "yaml")
    (tmp_path / "t.yaml").write_text(suite)
    tested = run("test", tmp_path / "t.yaml", "--policies", tmp_path)
    assert tested.exit_code == 0, tested.output
    assert " 0 passed" not in tested.stdout
    covered = run("coverage", tmp_path / "t.yaml", "--policies", tmp_path, "--fail-under", "100")
    assert covered.exit_code == 0, covered.output
    proved = run("prove", tmp_path / "t.yaml", "--policies", tmp_path)
    assert proved.exit_code == 0, proved.output


def test_key_policies_of_the_guide_are_valid() -> None:
    found = [text for section in SECTIONS for text in blocks(section, "cedar key")]
    assert found
    for text in found:
        assert validation_faults(text, SchemaHandle(schema_text())) == []


@pytest.mark.parametrize(
    ("section", "line"),
    [(name, line) for name in SECTIONS for text in blocks(name, "sh") for line in text.replace("\\\n", " ").splitlines()],
)
def test_a_command_of_the_guide_runs(section: str, line: str, tmp_path: Path) -> None:
    program, group, command, *arguments = shlex.split(line)
    assert (program, group) == ("meridian", "policy")
    if command in NEEDS_A_SERVER:
        assert run(command, "--help").exit_code == 0
        return
    (tmp_path / "p.cedar").write_text("\n".join(blocks(section, "cedar")) or "// none")
    (tmp_path / "policy.json").write_text("".join(blocks(section, "json")))
    (tmp_path / "attached.json").write_text("".join(blocks(section, "json attached")))
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        ran = run(command, *arguments)
    finally:
        os.chdir(before)
    is_denial = command == "explain" and ran.stdout.splitlines()[0].endswith(": deny")
    assert ran.exit_code == (DENIED if is_denial else OK), ran.output
    assert ran.stdout


def test_the_guide_explains_every_rule() -> None:
    told = re.findall(r"^\| ([a-z-]+)(?: \(note\))? \|", SECTIONS["Rules"], re.MULTILINE)
    assert set(told) - {"rule"} == set(RULES)


def test_every_command_of_the_kit_is_in_the_guide_and_has_help() -> None:
    from meridian.cli.policy import COMMANDS

    for command in COMMANDS:
        assert run(command, "--help").exit_code == 0
    told = GUIDE.read_text()
    assert [name for name in COMMANDS if name not in told] == []


def test_the_guide_lists_every_refusal_of_the_converter() -> None:
    _, refused = SECTIONS["Coming from AWS"].split("### What is refused\n")
    assert refused.strip() == refusal_tables().strip(), "run `make condition-keys`"
