"""`meridian backup` and `meridian restore`: a Region's database, whole, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meridian.cli.exit_codes import SETUP
from meridian.cli.new_files import NewFile
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.terminal import say

if TYPE_CHECKING:
    from meridian.adapters.store_sql.row_survey import Survey

NAMED_MAX = 100


@click.command()
@CONFIG
@click.option("--to", "to", required=True, type=NewFile(), help="A new file; nothing is overwritten.")
def backup(config: Path, to: Path) -> None:
    """Copy a Region's database into one new file of mode 0600, as of one moment, while the Region serves.

    Every wrapped row is opened with the Region's seal; those that do not open are named. Keep the seal elsewhere: either alone opens
    nothing. A PostgreSQL database is copied by its own `pg_dump`, which must be in the PATH.
    """
    from meridian.administration.backups import back_up

    found = run_or_exit(back_up(settings_or_exit(config), to), "no backup was made", SETUP)
    _tell_rows(found)
    say(f"backup {to}: {found.opened} wrapped rows open, {len(found.faults) + found.unnamed} do not")


@click.command()
@CONFIG
@click.option("--from", "source", required=True, type=click.Path(path_type=Path), help="A file that `meridian backup` made.")
@click.option("--accept-loss", is_flag=True, help="Use a copy of another making, although the audit log tells of changes after it.")
def restore(config: Path, source: Path, accept_loss: bool) -> None:
    """Put a backup in the place of a Region's database, while no process of the Region runs.

    What was there is kept beside it; on PostgreSQL under another name on the same server, where the role of the settings must be
    allowed to make databases. The Region begins a new incarnation, as `meridian region restored` says: its multi-Region keys
    serve what they have, and none acts as primary until every other Region has answered.
    """
    from meridian.administration.backups import restore as put_back

    done = run_or_exit(put_back(settings_or_exit(config), source, accept_loss=accept_loss), "nothing has changed", SETUP)
    _tell_rows(done.rows)
    if done.kept:
        say(f"what was there is {done.kept}")
    if done.lost.changes:
        say(f"lost: {done.lost.changes} changes that the audit log tells of, the last at {done.lost.newest}", err=True)
    say(f"restored, incarnation {done.incarnation}: {done.rows.opened} wrapped rows open; start the Region")


def _tell_rows(found: Survey) -> None:
    for fault in found.faults[:NAMED_MAX]:
        say(f"{fault.table} {fault.name}: {fault.why}", err=True)
    more = len(found.faults) + found.unnamed - NAMED_MAX
    if more > 0:
        say(f"{more} more; `meridian region doctor --rows` names them", err=True)
