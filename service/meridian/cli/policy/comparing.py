"""`diff` and `replay`: what a new policy set would change, on paper and in what really happened."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import OTHER, SETUP
from meridian.cli.policy.options import (
    EXISTING,
    GIVE_AROUND,
    around_of,
    around_option,
    default_tests,
    output_option,
    progress,
    readable,
    show,
)
from meridian.cli.terminal import say
from meridian.domain.policy_decision import PolicyDecision
from meridian.policy_kit.asked_surroundings import AskedSurroundings
from meridian.policy_kit.audit_log import AuditLog, Recorded
from meridian.policy_kit.compare import KINDS, Change, change_of, changes, corpus_of, enumerated
from meridian.policy_kit.fixtures import fixtures_of
from meridian.policy_kit.policy_set import open_policy_set
from meridian.policy_kit.suites import load_suites
from meridian.policy_kit.texts import TextFault, UnreadableRecordError

SHOWN_MAX = 200


@click.command()
@click.argument("old", type=EXISTING)
@click.argument("new", type=EXISTING)
@click.option("--tests", type=EXISTING, help="Suites whose cells are the corpus; those of the default set when not given.")
@click.option(
    "--enumerate", "actions", multiple=True, metavar="ACTION", help="Also every cell that either set can tell apart, for this action."
)
@click.option("--exit-code", is_flag=True, help="Exit code 1 when a decision changes.")
@output_option
def diff(old: Path, new: Path, tests: Path | None, actions: tuple[str, ...], exit_code: bool, output: str) -> None:
    """Decide a corpus under the policies of folder OLD and of folder NEW: newly allowed, newly denied, other reason."""
    with readable():
        before, after = open_policy_set(old, schema_text()), open_policy_set(new, schema_text())
        suites = [s for s in load_suites(tests or default_tests(), SchemaModel(schema_text())) if s.policies is None]
        found: list[Change] = []
        asked = 0
        for suite in suites:
            corpus = list(corpus_of(suite))
            asked += len(corpus)
            found += changes(corpus, before.within(suite.fixtures.around), after.within(suite.fixtures.around))
        for action in actions:
            fixtures = suites[0].fixtures if suites else fixtures_of({}, "")
            cells = list(enumerated([action], before, after, fixtures))
            asked += len(cells)
            with progress(action, len(cells)) as advance:
                found += changes(cells, before.within(fixtures.around), after.within(fixtures.around), advance)
    _report(found, asked, [], output)
    sys.exit(OTHER if exit_code and found else 0)


@click.command()
@click.argument("log", type=EXISTING, nargs=-1, required=True)
@click.option("--policies", type=EXISTING, required=True, help="Folder of the new policies.")
@click.option("--exit-code", is_flag=True, help="Exit code 1 when a decision changes.")
@around_option
@output_option
def replay(log: tuple[Path, ...], policies: Path, exit_code: bool, around: Path | None, output: str) -> None:
    """Make the decisions of an audit LOG again under other policies: which real calls would be answered otherwise.

    LOG is a file or folder of audit streams. Decisions whose facts the log does not hold are counted and named, never guessed.
    """
    with readable():
        surroundings = around_of(around)
        opened = open_policy_set(policies, schema_text())
        authorizer = opened.within(surroundings)
        unknown = AskedSurroundings(opened) if around is None else None
    found: list[Change] = []
    skipped: list[str] = []
    asked = 0
    for recorded in _recorded(log, surroundings, skipped):
        missing = unknown.unknown_of(recorded.principal, recorded.action, recorded.resource) if unknown is not None else ""
        if missing:
            skipped.append(f"{recorded.event_id}: {recorded.action}: the policies ask for {missing}, which no record holds: {GIVE_AROUND}")
            continue
        asked += 1
        before = PolicyDecision(recorded.action, recorded.resource.arn, recorded.allowed, recorded.policy_ids)
        kind, after = change_of(before, authorizer.decide(recorded.principal, recorded.action, recorded.resource, recorded.facts))
        if kind:
            label = f"{recorded.event_id}: {recorded.principal.arn} {recorded.action} {recorded.resource.arn}"
            found.append(Change(kind, label, before.policy_ids, after.policy_ids))
    _report(found, asked, skipped, output)
    sys.exit(OTHER if exit_code and found else 0)


def _recorded(paths: Iterable[Path], around: Surroundings, skipped: list[str]) -> Iterator[Recorded]:
    try:
        log = AuditLog.read(paths, around)
    except (UnreadableRecordError, TextFault) as fault:
        say(str(fault), err=True)
        sys.exit(SETUP)
    for record in log.records:
        try:
            yield from log.decisions(record)
        except UnreadableRecordError as fault:
            skipped.append(f"{record['eventID']}: {fault}")


def _report(found: list[Change], asked: int, skipped: list[str], output: str) -> None:
    if output == "json":
        show({"decisions": asked, "changes": [dataclasses.asdict(change) for change in found], "notReplayed": skipped})
        return
    for kind in KINDS:
        of_kind = [change for change in found if change.kind == kind]
        for change in of_kind[:SHOWN_MAX]:
            say(f"{kind}: {change.label}\n    {_ids(change.old_ids)} → {_ids(change.new_ids)}")
        if len(of_kind) > SHOWN_MAX:
            say(f"{kind}: and {len(of_kind) - SHOWN_MAX} more")
    for line in skipped[:SHOWN_MAX]:
        say(f"not replayed: {line}")
    counts = Counter(change.kind for change in found)
    say(
        f"{asked} decisions: "
        + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
        + (f", {len(skipped)} not replayed" if skipped else "")
    )


def _ids(ids: tuple[str, ...]) -> str:
    return ", ".join(ids) or "nothing"
