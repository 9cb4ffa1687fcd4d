"""`meridian region doctor`: what is wrong with a Region, and what can be done about it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.tables import print_table
from meridian.cli.terminal import say

COLUMNS = ("what", "subject", "why", "do")


@click.command()
@CONFIG
@click.option("--rows", is_flag=True, help="Also read every row of the database, and open every wrapped one.")
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(config: Path, rows: bool, output: str) -> None:
    """Look for what is wrong with a Region, while it serves or not, and say what can be done. Nothing is changed, no secret is shown.

    Exit code 0: nothing was found; 1: something was; 3: the settings or the database cannot be read.
    """
    from meridian.administration.doctor import examine

    found = run_or_exit(examine(settings_or_exit(config), rows=rows), "cannot look", SETUP)
    if output == "json":
        say(json.dumps([asdict(finding) for finding in found], indent=2))
    elif found:
        print_table(COLUMNS, [list(asdict(finding).values()) for finding in found], show_lines=True)
    else:
        say("nothing was found")
    sys.exit(OTHER if found else OK)
