"""`meridian serve` and `meridian migrate`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meridian.cli.exit_codes import SETUP
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit, text_and_settings_or_exit
from meridian.cli.terminal import say

if TYPE_CHECKING:
    from meridian.settings import Settings

PROCESSES_MAX: Final = 64
"""As `bootstrap/seat.py`, which help does not read."""


@click.command()
@CONFIG
@click.option("--allow-file-seal", is_flag=True, help="Start although the root key is sealed by a file on this machine.")
@click.option("-v", "--verbose", is_flag=True, help="Tell each step of the start in the log, with its milliseconds.")
@click.option(
    "--processes",
    type=click.IntRange(1, PROCESSES_MAX),
    help="Serve by so many processes under one parent, on the same addresses; one per core where the front is Envoy, otherwise one.",
)
@click.option("--initialise", is_flag=True, hidden=True, help="First make what `region init` makes; for development alone.")
def serve(config: Path, allow_file_seal: bool, verbose: bool, processes: int | None, initialise: bool) -> None:
    """Serve one Region until SIGTERM or SIGINT; a second one ends at once. SIGHUP reads certificates, principals and policies again."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before it serves there is nothing to read again, and nothing that it may end
    # Not above: help needs nothing that serves.
    from meridian.bootstrap.seat import ALONE, usual_processes
    from meridian.cli.start import Start

    text, settings = text_and_settings_or_exit(config)
    if initialise:
        _initialise(settings)
    wanted = processes or usual_processes(settings)
    if wanted > 1:
        from meridian.cli.several import serve_by_several

        serve_by_several(Start(config, settings, text, ALONE, verbose), wanted, allow_file_seal=allow_file_seal)
    from meridian.cli.serving import serve_region

    serve_region(Start(config, settings, b"", ALONE, verbose), allow_file_seal=allow_file_seal)


def _initialise(settings: Settings) -> None:
    """In the process that goes on to serve: another one for it would read the code once more, which is most of a start."""
    if not settings.development:
        say("--initialise: a server makes no database but where `development = true`: run `meridian region init`", err=True)
        sys.exit(SETUP)
    from meridian.administration.database import initialise

    run_or_exit(initialise(settings), "cannot initialise", SETUP)


@click.command()
@CONFIG
def migrate(config: Path) -> None:
    """Bring a Region's database to the schema of this release."""
    from meridian.adapters.store_sql.schema import HEAD
    from meridian.administration.database import migrate as bring_up

    run_or_exit(bring_up(settings_or_exit(config)), str(config), SETUP)
    say(f"schema {HEAD}")
