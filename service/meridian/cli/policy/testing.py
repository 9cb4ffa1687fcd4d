"""`test` and `coverage`: does the policy set do what its authors say, and how much of it was asked."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.exit_codes import OTHER
from meridian.cli.new_files import NewFile
from meridian.cli.numbers import PERCENT
from meridian.cli.output import write_output
from meridian.cli.policy.options import EXISTING, default_policies, default_tests, output_option, policies_option, readable, show
from meridian.cli.progress import progress
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.coverage import coverage as coverage_of
from meridian.policy_kit.coverage import percent_decisive
from meridian.policy_kit.junit import junit_xml
from meridian.policy_kit.rows import RowError
from meridian.policy_kit.run import CaseResult, PolicyFolders, run_suites
from meridian.policy_kit.suites import load_suites

WATCH_SECONDS = 0.5


@click.command()
@click.argument("tests", type=EXISTING, required=False)
@policies_option
@output_option
@click.option("--junit", type=NewFile(), help="Also write the results as JUnit XML to this file.")
@click.option("--watch", is_flag=True, help="Run again whenever a policy or a test changes, until interrupted.")
def test(tests: Path | None, policies: Path | None, output: str, junit: Path | None, watch: bool) -> None:
    """Decide the cases and matrices of TESTS, a *.yaml file or a folder of them. Exit code 1 when a cell fails."""
    where, which = tests or default_tests(), policies or default_policies()
    if not watch:
        with readable():
            results = _run(where, which)
        _report(results, output, junit)
        sys.exit(OTHER if any(not result.passed for result in results) else 0)
    for _ in _changes(where, which):
        try:
            with readable():
                _report(_run(where, which), output, junit)
        except SystemExit:
            continue  # said what is wrong; the next change may mend it


def _run(tests: Path, policies: Path) -> list[CaseResult]:
    suites = load_suites(tests, SchemaModel(schema_text()))
    cells = sum(len(suite.cases) for suite in suites)
    with Cores.for_cells(cells) as cores, progress("cells", cells) as advance:
        results = list(run_suites(suites, PolicyFolders(policies, schema_text()), cores, advance))
    if not results:
        raise RowError(f"{tests}: has no case and no matrix, and tests nothing")
    return results


def _report(results: list[CaseResult], output: str, junit: Path | None) -> None:
    if junit is not None:
        write_output(junit, junit_xml(results), "--junit", private=False)
    if output == "json":
        show([dataclasses.asdict(result) for result in results])
        return
    failed = [result for result in results if not result.passed]
    if failed:
        print_table(
            ["case", "cell", "expected", "got", "why"],
            [[f"{each.file}\n{each.name}", each.cell, each.expected, each.got, "\n".join(each.why)] for each in failed],
            show_lines=True,
        )
    say(f"{len(results) - len(failed)} passed, {len(failed)} failed")


def _changes(*places: Path) -> Iterator[None]:
    """Once now, and again after each change of a file below these places."""
    seen = None
    while True:
        now = [(path, path.lstat().st_mtime_ns) for place in places for path in sorted(place.rglob("*") if place.is_dir() else [place])]
        if now != seen:
            seen = now
            yield
        time.sleep(WATCH_SECONDS)


@click.command()
@click.argument("tests", type=EXISTING, required=False)
@policies_option
@click.option("--fail-under", type=PERCENT, default=0.0, metavar="PERCENT", help="Exit code 1 when fewer policies were ever a reason.")
@output_option
def coverage(tests: Path | None, policies: Path | None, fail_under: float, output: str) -> None:
    """Say for each policy in how many cells of TESTS it was satisfied, decisive, and the only reason."""
    which = policies or default_policies()
    with readable():
        suites = load_suites(tests or default_tests(), SchemaModel(schema_text()))
        with progress("cells", sum(len(suite.cases) for suite in suites)) as advance:
            covered = coverage_of(suites, which, PolicyFolders(which, schema_text()), advance)
    percent = percent_decisive(covered)
    if output == "json":
        show({"percent": percent, "policies": [dataclasses.asdict(each) for each in covered]})
    else:
        print_table(
            ["policy", "place", "satisfied", "decisive", "alone"],
            [[each.policy_id, each.place, str(each.satisfied), str(each.decisive), str(each.alone)] for each in covered],
        )
        say(f"{percent:.1f} % of {len(covered)} policies were a reason at least once")
    sys.exit(OTHER if percent < fail_under else 0)
