"""`meridian policy test` and `coverage`: cells, matrices, reasons, reports, and files that say nonsense."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result
from tests.unit.policy_kit.conftest import GUARD, PERMIT

LONDON = 'unless { context.replicaRegionLabels.contains("US") };\n'


def test_lists_multiply_and_reasons_are_compared(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    text = "tests:\n  - {name: n, principals: [ann, eve], actions: [Encrypt, Decrypt], key: single, expect: allow, by: [team]}\n"
    results = policy_json("test", tests_file(text), "--policies", policies(PERMIT))
    assert [(r["cell"], r["passed"]) for r in results] == [
        ("ann Encrypt single", True),
        ("ann Decrypt single", True),
        ("eve Encrypt single", False),
        ("eve Decrypt single", False),
    ]


def test_the_right_answer_for_another_reason_fails(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    text = "tests:\n  - {name: n, principal: eve, action: Encrypt, key: single, expect: deny, by: [no-london]}\n"
    (result,) = policy_json("test", tests_file(text), "--policies", policies(PERMIT))
    assert not result["passed"]
    assert result["expected"] == "deny by no-london"
    assert result["got"] == "deny by nothing"
    assert result["why"] == ['team (p.cedar:1) would permit, but not: principal in KMS::Group::"111122223333/team"']


def test_a_matrix_expects_deny_where_no_row_allows(policies: Any, tests_file: Any, policy: Callable[..., Result]) -> None:
    text = "matrices:\n  - {name: m, principals: [ann, eve], actions: [Encrypt], keys: [single, primary], allow: [{principal: ann}]}\n"
    assert policy("test", tests_file(text), "--policies", policies(PERMIT)).stdout == "4 passed, 0 failed\n"
    more = text.replace("{principal: ann}", "{principal: ann}, {principal: eve, key: single}")
    assert "3 passed, 1 failed" in policy("test", tests_file(more), "--policies", policies(PERMIT)).stdout


def test_a_failure_is_a_row_that_says_why_and_ends_with_one(policies: Any, tests_file: Any, policy: Callable[..., Result]) -> None:
    text = "tests:\n  - {name: n, principal: ann, action: ReplicateKey, key: primary, context: {replicaRegion: eu-west-2}, expect: allow}\n"
    ran = policy("test", tests_file(text), "--policies", policies(PERMIT + GUARD + LONDON))
    assert ran.exit_code == 1
    assert "not to London" in ran.stdout
    assert "0 passed, 1 failed" in ran.stdout


def test_junit_tells_each_cell(policies: Any, tests_file: Any, policy: Callable[..., Result], tmp_path: Path) -> None:
    text = "tests:\n  - {name: n, principals: [ann, eve], action: Encrypt, key: single, expect: allow}\n"
    policy("test", tests_file(text), "--policies", policies(PERMIT), "--junit", tmp_path / "out.xml")
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()[0]  # noqa: S314  # our own file
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.find("failure") is not None for case in suite] == [False, True]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tests: [{name: n, principal: ann, action: Encrypt, key: single, expct: deny}]", "n: expct is unknown"),
        ("tests: [{name: n, principal: ann, action: Encrypt, key: single}]", "expect is missing"),
        ("tests: [{name: n, principal: bob, action: Encrypt, key: single, expect: deny}]", "principal bob is not among"),
        ("tests: [{name: n, principal: ann, action: Encrypt, key: other, expect: deny}]", "key other is not among"),
        ("tests: [{name: n, principal: ann, action: Encrpyt, key: single, expect: deny}]", "Encrpyt is no action"),
        ("tests: [{name: n, principal: ann, action: Encrypt, key: single, expect: maybe}]", "neither allow nor deny"),
        (
            "tests: [{name: n, principal: ann, action: Encrypt, key: single, context: {replicaRegion: x}, expect: deny}]",
            "context.replicaRegion is an attribute of none",
        ),
        ("tests: [{name: n, principal: ann, action: Encrypt, key: single, request: {mfa: true}, expect: deny}]", "request.mfa is unknown"),
        ("tests: [{name: n, principal: ann, action: Encrypt, key: single, use: c, expect: deny}]", "context c is not among"),
        ("matrices: [{name: m, principals: [ann], actions: [Encrypt], allow: [{principal: eve}]}]", "no cell of the matrix"),
        ("invariants: [{name: i, forall: {action: [Encrypt]}}]", "either never or always"),
        ("kees: {}", "kees is unknown"),
        ("tests: [{name: n, principal: ann, actions: [], key: single, expect: deny}]", "n: actions is empty"),
        ("tests: [{name: n, principals: [], action: Encrypt, key: single, expect: deny}]", "n: principals is empty"),
        ("tests: [{name: n, principal: ann, action: [], key: single, expect: deny}]", "n: actions is empty"),
        ("tests: [{name: n, principal: ann, action: Encrypt, keys: [], expect: deny}]", "n: keys is empty"),
        ("matrices: [{name: m, principals: [ann], actions: [], allow: []}]", "m: actions is empty"),
        ("matrices: [{name: m, principals: [ann], actions: [Encrypt], allow: [{principals: []}]}]", "m: principals is empty"),
        ("tests: []", "tests is empty and tests nothing"),
        ("tests:", "tests is empty and tests nothing"),
        ("matrices: []", "matrices is empty and tests nothing"),
        ("invariants: []", "invariants is empty and tests nothing"),
        ("contexts: {c: {}}", "has no case and no matrix"),
        ("invariants: [{name: i, never: allow}]", "has no case and no matrix"),
    ],
)
def test_a_slip_of_the_pen_is_named_with_its_place(
    text: str, fault: str, policies: Any, tests_file: Any, policy: Callable[..., Result]
) -> None:
    ran = policy("test", tests_file(text), "--policies", policies(PERMIT))
    assert ran.exit_code == 3
    assert fault in ran.stderr


def test_a_key_with_a_field_that_no_key_has_is_refused(tmp_path: Path, policies: Any, policy: Callable[..., Result]) -> None:
    (tmp_path / "k.yaml").write_text("keys: {k: {orgin: EXTERNAL}}\n")
    ran = policy("test", tmp_path / "k.yaml", "--policies", policies(PERMIT))
    assert ran.exit_code == 3
    assert "keys.k: orgin is unknown" in ran.stderr


def test_coverage_counts_satisfied_decisive_and_alone(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    text = (
        "tests:\n"
        "  - {name: a, principal: ann, action: Encrypt, key: single, expect: allow}\n"
        "  - {name: b, principal: ann, action: ReplicateKey, key: primary, context: {replicaRegion: eu-west-2}, expect: deny}\n"
    )
    covered = policy_json("coverage", tests_file(text), "--policies", policies(PERMIT + GUARD + LONDON))
    rows = {row["policy_id"]: (row["satisfied"], row["decisive"], row["alone"]) for row in covered["policies"]}
    assert rows == {"team": (2, 1, 1), "no-london": (1, 1, 1)}


def test_a_policy_that_no_cell_reaches_fails_the_threshold(policies: Any, tests_file: Any, policy: Callable[..., Result]) -> None:
    text = "tests:\n  - {name: a, principal: ann, action: Encrypt, key: single, expect: allow}\n"
    arguments = ("coverage", tests_file(text), "--policies", policies(PERMIT + GUARD + LONDON))
    assert policy(*arguments, "--fail-under", "50").exit_code == 0
    ran = policy(*arguments, "--fail-under", "51")
    assert ran.exit_code == 1
    assert "50.0 %" in ran.stdout


def test_watch_runs_again_after_a_change_until_it_is_ended(policies: Any, tests_file: Any, tmp_path: Path) -> None:
    text = "tests:\n  - {name: n, principal: ann, action: Encrypt, key: single, expect: allow}\n"
    folder, file = policies(PERMIT), tests_file(text)
    command = [sys.executable, "-m", "meridian", "policy", "test", str(file), "--policies", str(folder), "--watch"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline() == "1 passed, 0 failed\n"
        policies(PERMIT.replace('Group::"111122223333/team"', 'Group::"111122223333/crew"'))
        printed = iter(watching.stdout.readline, "")
        assert next(line for line in printed if "passed" in line) == "0 passed, 1 failed\n"
    finally:
        watching.terminate()
        watching.wait(timeout=10)
