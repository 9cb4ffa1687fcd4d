"""`meridian outbox`: what a Region still has to tell others."""

from __future__ import annotations

from pathlib import Path

import click

from meridian.cli.exit_codes import SETUP
from meridian.cli.forms import FORMS, WRITERS
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.cli.words import Word

COLUMNS = ("kind", "target_region", "account", "key_id", "attempts", "due_at", "last_error", "request_id")


@click.group()
def outbox() -> None:
    """Look at deliveries between Regions."""


@outbox.command("list")
@CONFIG
@click.option("--output", "-o", type=Word(FORMS), default="table", show_default=True)
def list_entries(config: Path, output: str) -> None:
    """List deliveries that are not made yet."""
    from meridian.administration.outbox import read_outbox

    entries = run_or_exit(read_outbox(settings_or_exit(config)), str(config), SETUP)
    rows = [{name: str(getattr(entry, name)) for name in COLUMNS} for entry in entries]
    if output in WRITERS:
        say(WRITERS[output](rows))
        return
    print_table(COLUMNS, [list(row.values()) for row in rows])
