"""One of several processes of a Region, started by their parent alone: `cli/several.py`. Its settings come on its standard input."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from meridian.bootstrap.seat import Seat, name_in
from meridian.cli.exit_codes import OTHER, SETUP
from meridian.cli.json_log import log_as_json, log_with_name
from meridian.cli.one_region import CONFIG
from meridian.cli.serving import require_allowed, serve, steps
from meridian.cli.start import Start
from meridian.cli.terminal import say
from meridian.process_memory import be_asked_to_end_with_parent
from meridian.settings import BYTES_MAX, SettingsError, settings_from


@click.command()
@CONFIG
@click.option("--number", type=int, required=True)
@click.option("--of", type=int, required=True)
@click.option("--admin", type=click.Path(path_type=Path), required=True)
@click.option("--parent", type=int, required=True)
@click.option("--allow-file-seal", is_flag=True)
@click.option("--verbose", is_flag=True)
def one_of_several(config: Path, number: int, of: int, admin: Path, parent: int, allow_file_seal: bool, verbose: bool) -> None:  # noqa: PLR0913 - click passes options by name
    """Serve until the parent asks this process to end, or is no more."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    be_asked_to_end_with_parent()
    if os.getppid() != parent:  # it ended before this process could ask to be told
        sys.exit(OTHER)
    log_as_json()
    done = steps(verbose=verbose)
    text = sys.stdin.buffer.read(BYTES_MAX + 1)
    try:
        settings = settings_from(text, config)
    except SettingsError as fault:
        say(str(fault))
        sys.exit(SETUP)
    log_with_name(name_in(settings, number))
    require_allowed(settings, allow_file_seal=allow_file_seal)
    serve(Start(config, settings, text, Seat(number, of, admin), verbose), done)


if __name__ == "__main__":
    one_of_several()
