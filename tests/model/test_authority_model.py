"""Regions that need not trust each other, searched exhaustively: the rules hold together, and each of them is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from tests.model.authority_gate import HOSTILE, Signed, State, believed, facts
from tests.model.authority_model import AuthorityModel
from tests.model.authority_scenarios import AUTHORITY, LARGE, READINGS, SCENARIOS, LeftOut, as_row, search

pytestmark = pytest.mark.deep

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "spec" / "multi-region.md"


def name_of(left_out: LeftOut) -> str:
    return left_out.rule


@pytest.mark.parametrize("line", SCENARIOS)
def test_no_hostile_region_breaks_a_rule_or_stops_the_others(line: str) -> None:
    found = search(line)
    assert found.fault is None, trace_of(found.path)
    assert found.states > 50


@pytest.mark.timeout(900)
@pytest.mark.parametrize("line", LARGE)
def test_no_hostile_region_breaks_a_rule_in_longer_histories(line: str) -> None:
    found = search(line)
    assert found.fault is None, trace_of(found.path)


@pytest.mark.parametrize("left_out", AUTHORITY, ids=name_of)
def test_every_rule_is_needed(left_out: LeftOut) -> None:
    assert search(left_out.scenario).fault is None
    require_row(left_out)


@pytest.mark.parametrize("left_out", READINGS, ids=name_of)
def test_every_word_of_a_rule_is_needed(left_out: LeftOut) -> None:
    require_row(left_out)


def require_row(left_out: LeftOut) -> None:
    """The search finds the fault, and the document says which and how far away."""
    found = search(left_out.scenario, left_out.rule)
    print(trace_of(found.path))
    assert found.broken == left_out.breaks
    assert as_row(left_out, found) in DOCUMENT.read_text().splitlines()


def test_the_document_has_no_row_that_is_not_searched() -> None:
    part = DOCUMENT.read_text().partition("What the search of the protocol finds")[2]
    cells = [line.split("|") for line in part.splitlines() if line.startswith("| ")]
    written = [each[1].strip() for each in cells if len(each) == 6]  # four columns
    searched = [left_out.rule for left_out in AUTHORITY + READINGS]
    assert [rule for rule in written if rule not in ("left out", "read as")] == searched


def test_the_hostile_region_can_say_what_the_attacks_said() -> None:
    """The search is only as good as its forgeries: each kind of lie that once worked is among them."""
    model = AuthorityModel({}, "AB", "AB")
    lies = [z for z in model.lies(model.start, "B", model.start.signed) if z.signer == HOSTILE]
    present = model.start.rows[1].seen
    assert any(z.view.primary == HOSTILE and z.view.term == present.term for z in lies)
    assert any(z.view.term[0] > present.term[0] and z.view.term[1] == HOSTILE for z in lies)
    assert any(z.view.primary == "B" and z.view.version == 0 for z in lies)
    assert any(not z.view.materials & present.materials for z in lies)
    assert any({e[0] for e in z.view.members} == {"B", HOSTILE} for z in lies)


def test_a_true_state_is_believed_whoever_passes_it_on() -> None:
    model = AuthorityModel({"handover": 1}, "ABC", "ABC")
    told = next(s for s in model.begins_at_primary(model.start, "A", {"handover"}) if s.rows[0].seen.primary == "B").rows[0].shown
    assert isinstance(told, Signed)
    row = facts(model.start.rows[2])
    assert told in believed(row, "C", frozenset({told}))
    assert not believed(row, "C", frozenset({told._replace(signer=HOSTILE)}))


def trace_of(path: list[State]) -> str:
    """The rows that changed at each step, for a reader of a failure."""
    lines: list[str] = []
    for before, after in zip([None, *path], path, strict=False):
        for at, row in enumerate(after.rows):
            if before is None or before.rows[at] != row:
                words = f"lost={sorted(row.lost)} rejoin={row.rejoin!r} stale={row.stale}"
                lines.append(f"{len(lines):3} {'ABC'[at]} {row.status} {row.shown} {words}")
    return "\n".join(lines)
