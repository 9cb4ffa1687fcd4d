"""How the commands of policy authors end: by their findings, as the guide says."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meridian.cli.exit_codes import DENIED, NOT_FOUND, OK, OTHER, SETUP, USAGE
from meridian.cli.main import main

ACCOUNT = "111122223333"
HEAD = '@id("a") @layer("account") @reason("r") '
GROUP = f'{HEAD}permit (principal in KMS::Group::"{ACCOUNT}/team", action, resource in KMS::Account::"{ACCOUNT}");'
EVERYBODY = f'{HEAD}permit (principal, action, resource in KMS::Account::"{ACCOUNT}");'
BROKEN = "permit (principal"
SUITE = """
principals: {{ann: {{groups: [team]}}}}
keys: {{k: {{}}}}
tests: [{{name: t, principal: ann, action: Encrypt, key: k, expect: {expect}}}]
invariants: [{{name: i, forall: {{action: [Encrypt]}}, where: 'principal in KMS::Group::"111122223333/team"', {sentence}}}]
"""
EXPLAIN = f"explain --policies {{policies}} --principal User:{ACCOUNT}/ann --action Encrypt --key keySpec=SYMMETRIC_DEFAULT"
GOOD, BAD = {"expect": "allow", "sentence": "never: deny"}, {"expect": "deny", "sentence": "always: deny"}
ENDS = [
    ("validate {policies}", GROUP, GOOD, OK),
    ("validate {policies}", EVERYBODY, GOOD, OK),
    ("validate --strict {policies}", EVERYBODY, GOOD, OTHER),
    ("validate {policies}", BROKEN, GOOD, OTHER),
    ("fmt --check {policies}", GROUP, GOOD, OTHER),
    ("test {suite} --policies {policies}", GROUP, GOOD, OK),
    ("test {suite} --policies {policies}", GROUP, BAD, OTHER),
    ("test {suite} --policies {policies}", BROKEN, GOOD, SETUP),
    ("test {suite}x --policies {policies}", GROUP, GOOD, USAGE),
    ("coverage {suite} --policies {policies} --fail-under 100", GROUP, GOOD, OK),
    ("diff {policies} {policies} --exit-code", GROUP, GOOD, OK),
    (f"{EXPLAIN} --group team", GROUP, GOOD, OK),
    (EXPLAIN, GROUP, GOOD, DENIED),
    (f"{EXPLAIN} -o json", GROUP, GOOD, DENIED),
    ("explain --policies {policies} --audit {log} --event nothing", GROUP, GOOD, NOT_FOUND),
    ("explain --policies {policies}", GROUP, GOOD, SETUP),
    ("graph {suite} --policies {policies}", GROUP, GOOD, OK),
    ("prove {suite} --policies {policies}", GROUP, BAD, OTHER),
    ("replay {log} --policies {policies}", GROUP, GOOD, OK),
]


@pytest.mark.parametrize(("line", "policies", "suite", "code"), ENDS)
def test_a_command_ends_as_the_guide_says(line: str, policies: str, suite: dict[str, str], code: int, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.cedar").write_text(policies)
    (tmp_path / "s.yaml").write_text(SUITE.format(**suite))
    (tmp_path / "log.jsonl").write_text("")
    places = {"policies": tmp_path / "policies", "suite": tmp_path / "s.yaml", "log": tmp_path / "log.jsonl"}
    ran = CliRunner().invoke(main, ["policy", *line.format(**places).split()])
    assert ran.exit_code == code, ran.output
