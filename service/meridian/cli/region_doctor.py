"""`meridian region doctor`: what is wrong with a Region, and what can be done about it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.serve import settings_or_exit
from meridian.cli.tables import print_table

COLUMNS = ("what", "subject", "why", "do")


@click.command()
@click.option("--config", required=True, type=click.Path(path_type=Path))
@click.option("--rows", is_flag=True, help="Also read every row of the database, and open every wrapped one.")
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(config: Path, rows: bool, output: str) -> None:
    """Look for what is wrong with a Region, while it serves or not, and say what can be done. Nothing is changed, no secret is shown.

    Exit code 0: nothing was found; 1: something was; 3: the settings or the database cannot be read.
    """
    from meridian.bootstrap.doctor import examine
    from meridian.bootstrap.startup import StartupError

    try:
        found = asyncio.run(examine(settings_or_exit(config), rows=rows))
    except StartupError as fault:
        click.echo(f"cannot look: {fault}", err=True)
        sys.exit(SETUP)
    if output == "json":
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    elif found:
        print_table(COLUMNS, [list(asdict(finding).values()) for finding in found], show_lines=True)
    else:
        click.echo("nothing was found")
    sys.exit(OTHER if found else OK)
