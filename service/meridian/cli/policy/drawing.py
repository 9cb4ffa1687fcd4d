"""`graph`: who can do what, as a table and as a picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.cli.new_files import NewFile
from meridian.cli.output import write_output
from meridian.cli.policy.options import EXISTING, default_policies, default_tests, output_option, policies_option, readable, show
from meridian.cli.tables import print_table
from meridian.policy_kit.graph import FAULT, Access, access_of, actions_of, svg_of
from meridian.policy_kit.policy_set import open_policy_set
from meridian.policy_kit.suites import load_suite

USUAL_ACTIONS = (
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "Sign",
    "DescribeKey",
    "CreateKey",
    "PutKeyPolicy",
    "CreateGrant",
    "ScheduleKeyDeletion",
)
"""Shown of a file that is about no action."""


@click.command()
@click.argument("fixtures", type=EXISTING, required=False)
@policies_option
@click.option("--principal", "principals", multiple=True, help="Only these principals of the file.")
@click.option("--action", "actions", multiple=True, help="These actions; those that the file is about when not given.")
@click.option("--key", "keys", multiple=True, help="Only these keys of the file.")
@click.option("--svg", type=NewFile(), help="Also draw the picture into this file.")
@output_option
def graph(  # noqa: PLR0913 - click passes options by name
    fixtures: Path | None,
    policies: Path | None,
    principals: tuple[str, ...],
    actions: tuple[str, ...],
    keys: tuple[str, ...],
    svg: Path | None,
    output: str,
) -> None:
    """Decide every principal × action × key that FIXTURES, a file of tests, names, with requests that ask for nothing special."""
    with readable():
        suite = load_suite(fixtures or default_tests() / "defaults.yaml", SchemaModel(schema_text()))
        opened = open_policy_set(policies or suite.policies or default_policies(), schema_text())
        named = suite.fixtures
        shown = actions or actions_of(suite, opened.model) or USUAL_ACTIONS
        cells = access_of(opened.within(named.around), named, principals or tuple(named.principals), shown, keys or tuple(named.keys))
    if svg is not None:
        write_output(svg, svg_of(cells, f"Who can do what: {suite.path.name}"), "--svg", private=False)
    if output == "json":
        show([dataclasses.asdict(cell) for cell in cells])
    else:
        _print_table(cells)


def _print_table(cells: tuple[Access, ...]) -> None:
    """Principals down, actions across; in each place the keys for which the answer is yes, or how many of them."""
    asked = list(dict.fromkeys(cell.action for cell in cells))
    print_table(
        ["principal", *asked],
        [
            [principal, *[_summary([c for c in cells if c.principal == principal and c.action == action]) for action in asked]]
            for principal in dict.fromkeys(cell.principal for cell in cells)
        ],
    )


def _summary(cells: list[Access]) -> str:
    if any(cell.errors for cell in cells):
        return FAULT.words
    allowed = [cell.key for cell in cells if cell.allowed]
    if not allowed:
        return "no" if cells else ""
    if len(allowed) == len(cells):
        return "all" if len(cells) > 1 else "yes"
    return ", ".join(allowed) if len(allowed) <= 2 else f"{len(allowed)} of {len(cells)}"
