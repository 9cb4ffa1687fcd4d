"""`meridian svid`: certificates of a SPIFFE Workload API, as files that a Region reads."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meridian.cli.exit_codes import OK, SETUP, UNAVAILABLE
from meridian.cli.numbers import FiniteRange
from meridian.cli.private_files import write_private
from meridian.cli.terminal import say
from meridian.cli.whole_files import require_writable

if TYPE_CHECKING:
    from meridian.workload_api.svid import Svid

UNIX: Final = "unix:"
SECONDS_MAX: Final = 86_400
CERTIFICATE, PRIVATE_KEY, BUNDLE = "svid.pem", "svid.key", "bundle.pem"


def _require_unix(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value.startswith(UNIX):
        raise click.BadParameter("must be unix:///path: a Workload API is of its own machine")
    return value


def _require_folder(folder: Path) -> None:
    """One that can be written into, made where there is none; before anything is asked."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        require_writable(folder / PRIVATE_KEY)
    except OSError as fault:
        say(f"--to: {folder}: {fault.strerror}", err=True)
        sys.exit(SETUP)


@click.command()
@click.option("--socket", "api", required=True, callback=_require_unix, help="unix:///path of the Workload API.")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the files.")
@click.option("--spiffe-id", default="", help="Which SVID, where there are several; the first otherwise.")
@click.option("--once", is_flag=True, help="End when the files are written the first time.")
@click.option(
    "--wait",
    type=FiniteRange(0, SECONDS_MAX),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --once waits for them.",
)
def svid(api: str, folder: Path, spiffe_id: str, once: bool, wait: float) -> None:
    """Keep svid.pem, svid.key and bundle.pem as a SPIFFE Workload API gives them, until SIGTERM or SIGINT.

    A Region whose settings name these files takes each change without a restart. Exit code 8: nothing could be had in time with --once.
    """
    # Not above: help needs nothing that calls.
    from meridian.workload_api.follow import Follower

    _require_folder(folder)
    written = threading.Event()

    def take(found: Svid) -> None:
        for name, data in ((PRIVATE_KEY, found.private_key), (CERTIFICATE, found.certificate), (BUNDLE, found.bundle)):
            write_private(folder / name, data)
        say(f"{found.spiffe_id} until {found.until:%Y-%m-%dT%H:%M:%SZ}")
        written.set()
        if once:
            follower.end()

    follower = Follower(api, spiffe_id, take, lambda fault: say(fault, err=True))

    def end(_number: int, _frame: Any) -> None:
        follower.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    late = threading.Timer(wait, follower.end)
    late.daemon = True
    if once:
        late.start()
    follower.run()
    late.cancel()
    sys.exit(OK if written.is_set() or not once else UNAVAILABLE)
