"""`fmt`, `diff`, `explain` and `graph`, as their users run them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from click.testing import Result
from tests.unit.policy_kit.conftest import GUARD, PERMIT

COMMENT = "// why this is here\n"


def test_fmt_keeps_comments_and_meaning_and_is_done_after_once(policies: Any, policy: Callable[..., Result]) -> None:
    folder = policies(COMMENT + PERMIT)
    assert policy("fmt", folder, "--check").exit_code == 1
    assert (folder / "p.cedar").read_text() == COMMENT + PERMIT, "--check changes nothing"
    assert policy("fmt", folder).exit_code == 0
    assert (folder / "p.cedar").read_text().startswith(COMMENT)
    assert policy("fmt", folder, "--check").exit_code == 0
    assert policy("validate", folder).exit_code == 0


def test_fmt_leaves_what_it_cannot_read(policies: Any, policy: Callable[..., Result]) -> None:
    folder = policies("permit (principal, action")
    ran = policy("fmt", folder)
    assert ran.exit_code == 3
    assert "p.cedar" in ran.stderr
    assert (folder / "p.cedar").read_text() == "permit (principal, action"


def test_diff_tells_each_kind_of_change_with_its_policies(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    text = (
        "tests:\n"
        "  - {name: a, principal: ann, action: Encrypt, key: single, expect: allow}\n"
        "  - {name: b, principal: ann, action: ReplicateKey, key: primary, context: {replicaRegion: eu-west-2}, expect: deny}\n"
        "  - {name: c, principal: eve, action: Encrypt, key: single, expect: deny}\n"
    )
    eve = '@id("eve") @layer("account") @reason("r") permit (principal == KMS::User::"111122223333/eve", action, '
    new = policies(PERMIT.replace('@id("team")', '@id("crew")') + GUARD + ";" + eve + 'resource in KMS::Account::"111122223333");', "new")
    told = policy_json("diff", policies(PERMIT, "old"), new, "--tests", tests_file(text))
    assert told["decisions"] == 3
    assert [(c["kind"], c["old_ids"], c["new_ids"]) for c in told["changes"]] == [
        ("other reason", ["team"], ["crew"]),
        ("newly denied", ["team"], ["no-london"]),
        ("newly allowed", [], ["eve"]),
    ]


def test_diff_of_a_set_with_itself_is_empty_and_an_enumeration_finds_more_than_a_corpus(
    policies: Any, tests_file: Any, policy: Callable[..., Result], policy_json: Callable[..., Any]
) -> None:
    corpus = tests_file("tests:\n  - {name: a, principal: ann, action: Encrypt, key: single, expect: allow}\n")
    old, new = policies(PERMIT, "old"), policies(PERMIT + GUARD + 'when { context.replicaRegion == "eu-west-2" };', "new")
    assert policy_json("diff", old, old, "--tests", corpus, "--enumerate", "ReplicateKey")["changes"] == []
    assert policy_json("diff", old, new, "--tests", corpus)["changes"] == []
    enumerated = policy_json("diff", old, new, "--tests", corpus, "--enumerate", "ReplicateKey")
    assert {c["kind"] for c in enumerated["changes"]} == {"newly denied", "other reason"}
    assert policy("diff", old, new, "--tests", corpus, "--enumerate", "ReplicateKey", "--exit-code").exit_code == 1
    shown = [c["label"] for c in enumerated["changes"] if c["kind"] == "newly denied"][-1]
    caller = "principal {account: '111122223333', groups: [team], kind: User}, ReplicateKey, key {account: '111122223333', policy: "
    assert shown.startswith(caller), "as a file of tests has it"
    assert shown.endswith("accountDelegation: false}, context {replicaRegion: eu-west-2}")


def test_explain_from_flags_and_from_a_file_is_one_answer(
    policies: Any, policy: Callable[..., Result], policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    folder = policies(PERMIT + GUARD + 'when { context.replicaRegion == "eu-west-2" };')
    who = ("--principal", "User:111122223333/ann", "--group", "team", "--action", "ReplicateKey")
    flags = (*who, "--key", "multiRegion=true", "--context", "replicaRegion=eu-west-2")
    ran = policy("explain", "--policies", folder, *flags)
    assert "user/ann ReplicateKey" in ran.stdout
    assert ": deny\n  no-london (p.cedar:2): not to London" in ran.stdout
    file = tmp_path / "request.yaml"
    file.write_text(
        "principal: {name: ann, groups: [team]}\naction: ReplicateKey\nkey: {multiRegion: true}\ncontext: {replicaRegion: eu-west-2}\n"
    )
    assert policy_json("explain", "--policies", folder, "--file", file) == policy_json("explain", "--policies", folder, *flags)


def test_explain_says_which_condition_was_false(policies: Any, policy: Callable[..., Result]) -> None:
    ran = policy(
        "explain",
        "--policies",
        policies(PERMIT),
        "--principal",
        "User:111122223333/eve",
        "--action",
        "Encrypt",
        "--key",
        "multiRegion=false",
    )
    assert 'team (p.cedar:1) would permit, but not: principal in KMS::Group::"111122223333/team"' in ran.stdout


def test_explain_without_a_request_says_what_it_needs(policies: Any, policy: Callable[..., Result]) -> None:
    ran = policy("explain", "--policies", policies(PERMIT))
    assert ran.exit_code == 3
    assert "--principal" in ran.stderr


def test_graph_is_a_table_and_a_picture_with_a_square_a_cell(
    policies: Any, tests_file: Any, policy: Callable[..., Result], policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ("graph", tests_file(""), "--policies", policies(PERMIT), "--action", "Encrypt", "--action", "ListKeys")
    cells = policy_json(*arguments, "--svg", tmp_path / "g.svg")
    assert {(c["principal"], c["action"], c["key"]): c["allowed"] for c in cells} == {
        ("ann", "Encrypt", "single"): True,
        ("ann", "Encrypt", "primary"): True,
        ("eve", "Encrypt", "single"): False,
        ("eve", "Encrypt", "primary"): False,
        ("ann", "ListKeys", "scope"): True,
        ("eve", "ListKeys", "scope"): False,
    }
    tips = [e.text for e in ElementTree.parse(tmp_path / "g.svg").iter("{http://www.w3.org/2000/svg}title")]  # noqa: S314  # our own file
    assert "ann Encrypt single: allow by team" in tips
    assert len(tips) == 1 + len(cells)
    shown = policy(*arguments).stdout
    assert [line.split() for line in shown.splitlines() if "ann" in line or "eve" in line] == [
        ["│", "ann", "│", "all", "│", "yes", "│"],
        ["│", "eve", "│", "no", "│", "no", "│"],
    ]


def test_a_picture_tells_by_marks_and_words_what_it_tells_by_colours(
    policies: Any, tests_file: Any, policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    broken = '@id("b") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"Sign", resource) '
    broken += 'when { context.signingAlgorithm == "x" };'
    arguments = ("graph", tests_file(""), "--policies", policies(PERMIT + broken), "--key", "single")
    cells = policy_json(*arguments, "--action", "Sign", "--action", "Encrypt", "--svg", tmp_path / "g.svg")
    assert [c["errors"] > 0 for c in cells if c["principal"] == "ann"] == [True, False]
    marks: dict[str, list[str]] = {}
    root = ElementTree.parse(tmp_path / "g.svg")  # noqa: S314  # our own file
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        (tip,) = [e.text for e in group.iter("{http://www.w3.org/2000/svg}title")] or [""]
        (mark,) = [e.text for e in group.iter("{http://www.w3.org/2000/svg}text")]
        marks.setdefault(str(mark), []).append(str(tip).partition(":")[0])
    assert marks == {
        "!": ["ann Sign single", "eve Sign single", ""],
        "✓": ["ann Encrypt single", ""],
        "–": ["eve Encrypt single", ""],
    }
    words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words[-6:] == ["✓", "allowed", "–", "denied", "!", "cannot be decided, so denied"]


def test_a_picture_is_of_the_actions_that_its_file_is_about(policies: Any, tests_file: Any, policy_json: Callable[..., Any]) -> None:
    def shown(text: str) -> list[str]:
        cells = policy_json("graph", tests_file(text), "--policies", policies(PERMIT))
        return list(dict.fromkeys(cell["action"] for cell in cells))

    case = "tests: [{name: a, principal: ann, actions: [Verify, Encrypt], key: single, expect: allow}]\n"
    invariant = "invariants: [{name: i, forall: {actions: [Tagging]}, never: allow}]\n"
    assert shown(case + invariant) == ["Verify", "Encrypt", "TagResource", "UntagResource"]
    assert {"Encrypt", "CreateKey"} < set(shown("")), "of a file about none, a usual choice"


def test_replay_passes_over_calls_without_decisions_and_names_what_it_cannot_read(
    policies: Any, policy_json: Callable[..., Any], tmp_path: Path
) -> None:
    common: dict[str, Any] = {
        "eventName": "Encrypt",
        "eventTime": "2026-01-01T00:00:00Z",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "127.0.0.1",
    }
    common |= {"requestID": "r", "requestParameters": {"encryptionAlgorithm": "99"}}
    facts = {"caller": {"kind": "User", "groups": [], "tags": {}}, "keys": {}}
    decided = [{"action": "Encrypt", "resource": "x", "effect": "Deny", "policyIds": []}]
    records = [
        {**common, "eventID": "early", "meridian": {"decisions": [], "facts": facts}},
        {**common, "eventID": "odd", "meridian": {"decisions": decided, "facts": facts}},
        {**common, "eventID": "old", "meridian": {"decisions": decided}},
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, records)))
    told = policy_json("replay", log, "--policies", policies(PERMIT))
    assert told["decisions"] == 0
    assert [line.split(":")[0] for line in told["notReplayed"]] == ["odd", "old"]
