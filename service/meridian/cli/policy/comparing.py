"""`diff` and `replay`: what a new policy set would change, on paper and in what really happened."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import OTHER
from meridian.cli.policy.options import (
    EXISTING,
    GIVE_AROUND,
    around_of,
    around_option,
    default_tests,
    output_option,
    readable,
    show,
)
from meridian.cli.progress import progress
from meridian.cli.terminal import say
from meridian.policy_kit.audit_log import AuditLog
from meridian.policy_kit.compare import KINDS, Change, changes, corpus_of, enumerated
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.fixtures import fixtures_of
from meridian.policy_kit.many import Deciding
from meridian.policy_kit.policy_set import open_policy_set
from meridian.policy_kit.replay import Replaying, Row, Times
from meridian.policy_kit.replay import replay as replay_log
from meridian.policy_kit.suites import load_suites

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
        corpora = [(suite.path.name, suite.fixtures, list(corpus_of(suite))) for suite in suites]
        fixtures = suites[0].fixtures if suites else fixtures_of({}, "")
        corpora += [(action, fixtures, list(enumerated([action], before, after, fixtures))) for action in actions]
        asked = sum(len(corpus) for _, _, corpus in corpora)
        found: list[Change] = []
        with Cores.for_cells(asked) as cores:
            for title, named, corpus in corpora:
                with progress(title, len(corpus)) as advance:
                    found += changes(corpus, Deciding(before, named.around), Deciding(after, named.around), cores, advance)
    if output == "json":
        show({"decisions": asked, "changes": [dataclasses.asdict(change) for change in found], "notReplayed": []})
    else:
        _say_changes([(change.kind, change.label, change.old_ids, change.new_ids) for change in found])
        _say_counts(asked, Counter(change.kind for change in found), 0)
    sys.exit(OTHER if exit_code and found else 0)


@click.command()
@click.argument("log", type=EXISTING, nargs=-1, required=True)
@click.option("--policies", type=EXISTING, required=True, help="Folder of the new policies.")
@click.option("--exit-code", is_flag=True, help="Exit code 1 when a decision changes.")
@around_option
@output_option
def replay(log: tuple[Path, ...], policies: Path, exit_code: bool, around: Path | None, output: str) -> None:
    """Make the decisions of an audit LOG again under other policies: which real calls would be answered otherwise.

    LOG is a file or folder of audit streams. Calls that are equal in all that the new policies read are one row. Decisions
    whose facts the log does not hold are counted and named, never guessed.
    """
    with readable():
        surroundings = around_of(around)
        opened = open_policy_set(policies, schema_text())
        read = AuditLog.read(log, surroundings)
        work = Replaying(opened, surroundings, read.policies, "" if around is not None else GIVE_AROUND)
        with Cores.for_cells(len(read.records)) as cores, progress("records", len(read.records)) as advance:
            done = replay_log(read, work, cores, advance)
    if output == "json":
        show({"decisions": done.decisions, "changes": [_as_json(*each) for each in done.rows.items()], "notReplayed": done.skipped})
    else:
        _say_changes([(row.kind, _in_words(row, times), row.old_ids, row.new_ids) for row, times in done.rows.items()])
        for line in done.skipped[:SHOWN_MAX]:
            say(f"not replayed: {line}")
        counts = Counter[str]()
        for row, times in done.rows.items():
            counts[row.kind] += times.count
        _say_counts(done.decisions, counts, len(done.skipped))
    sys.exit(OTHER if exit_code and done.rows else 0)


def _as_json(row: Row, times: Times) -> dict[str, Any]:
    label = f"{row.principal} {row.action} {row.resource}"
    return {"label": label, **dataclasses.asdict(row), **dataclasses.asdict(times)}


def _in_words(row: Row, times: Times) -> str:
    facts = f" with {row.facts}" if row.facts else ""
    calls = f"event {times.first}" if times.count == 1 else f"{times.count} calls, events {times.first} to {times.last}"
    return f"{row.principal} {row.action} {row.resource}{facts}: {calls}"


def _say_changes(found: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]) -> None:
    for kind in KINDS:
        of_kind = [(label, old, new) for each, label, old, new in found if each == kind]
        for label, old, new in of_kind[:SHOWN_MAX]:
            say(f"{kind}: {label}\n    {_ids(old)} → {_ids(new)}")
        if len(of_kind) > SHOWN_MAX:
            say(f"{kind}: and {len(of_kind) - SHOWN_MAX} more")


def _say_counts(asked: int, counts: Counter[str], skipped: int) -> None:
    told = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
    say(f"{asked} decisions: {told}" + (f", {skipped} not replayed" if skipped else ""))


def _ids(ids: tuple[str, ...]) -> str:
    return ", ".join(ids) or "nothing"
