"""`meridian whoami`: who the caller is to a Region, as its policies see him."""

from __future__ import annotations

from typing import Any

import click

from meridian.cli.connection import CONNECTION, OUTPUT
from meridian.contract.catalog import served_rpcs

HELP = "Tell who you are to a Region: ARN, groups, tags, and by which credential until when."


def _callback(**options: Any) -> None:
    # Not above: help needs nothing that calls.
    from meridian.cli.calling import run

    run(served_rpcs()["WhoAmI"], options)


whoami = click.Command("whoami", params=[*CONNECTION, *OUTPUT], callback=_callback, help=HELP)
