"""`meridian region doctor`: what is wrong with a Region, and what can be done about it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.forms import FORMS, WRITERS
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.cli.words import Word

COLUMNS = ("verdict", "what", "subject", "why", "do")


@click.command()
@CONFIG
@click.option("--rows", is_flag=True, help="Also read every row of the database, and open every wrapped one.")
@click.option("--output", "-o", type=Word(FORMS), default="table", show_default=True)
def doctor(config: Path, rows: bool, output: str) -> None:
    """Look at everything that a Region needs, while it serves or not: a verdict for each, and what can be done. Nothing is changed, no
    secret is shown.

    Exit code 0: nothing was found; 1: something was, or the database is away; 3: the settings cannot be read.
    """
    from meridian.administration.doctor import examine
    from meridian.administration.finding import WRONG

    said = run_or_exit(examine(settings_or_exit(config), rows=rows), "cannot look", SETUP)
    lines = [asdict(each) for each in said]
    if output in WRITERS:
        say(WRITERS[output](lines))
    else:
        print_table(COLUMNS, [list(line.values()) for line in lines], show_lines=any(each.do for each in said))
    sys.exit(OTHER if any(each.verdict == WRONG for each in said) else OK)
