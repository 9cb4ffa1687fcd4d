"""`meridian serve` and `meridian migrate`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import click

from meridian.cli.exit_codes import SETUP
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.terminal import say

PROCESSES_MAX: Final = 64


@click.command()
@CONFIG
@click.option("--allow-file-seal", is_flag=True, help="Start although the root key is sealed by a file on this machine.")
@click.option("-v", "--verbose", is_flag=True, help="Tell each step of the start in the log, with its milliseconds.")
@click.option(
    "--processes",
    type=click.IntRange(1, PROCESSES_MAX),
    default=1,
    show_default=True,
    help="Serve by so many processes under one parent, on the same addresses.",
)
def serve(config: Path, allow_file_seal: bool, verbose: bool, processes: int) -> None:
    """Serve one Region until SIGTERM or SIGINT; a second one ends at once. SIGHUP reads certificates, principals and policies again."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before it serves there is nothing to read again, and nothing that it may end
    # Not above: help needs nothing that serves.
    if processes > 1:
        from meridian.cli.several import serve_by_several

        serve_by_several(config, processes, allow_file_seal=allow_file_seal, verbose=verbose)
    from meridian.cli.serving import serve_region

    serve_region(config, allow_file_seal=allow_file_seal, verbose=verbose)


@click.command()
@CONFIG
def migrate(config: Path) -> None:
    """Bring a Region's database to the schema of this release."""
    from meridian.adapters.store_sql.schema import HEAD
    from meridian.administration.database import migrate as bring_up

    run_or_exit(bring_up(settings_or_exit(config)), str(config), SETUP)
    say(f"schema {HEAD}")
