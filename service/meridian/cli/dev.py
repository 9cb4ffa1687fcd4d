"""`meridian dev`: Regions on this machine, each its own process with its own database, with everything made for you."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from meridian.cli.numbers import PORT, PORT_MAX
from meridian.cli.words import Word

FRONTS: Final = ("grpcio", "envoy")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the deployment; made if it is not there.")
@click.option("--regions", default="us-east-1,eu-west-1", show_default=True, help="Regions, separated by commas.")
@click.option("--grpc-port", type=PORT, default=7401, show_default=True, help="gRPC port of the first Region; the next has the next port.")
@click.option("--aws-port", type=PORT, help="AWS port of the first Region; the next has the next port. Free ports when not given.")
@click.option("--admin-port", type=PORT, default=7601, show_default=True, help="Health and metrics port of the first Region.")
@click.option("--principals", type=click.Path(path_type=Path), help="File of principals that takes the place of those in the folder.")
@click.option(
    "--policies",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Folder of policies that the Regions follow instead of DIR/policies; nothing in it is changed.",
)
@click.option("--front", type=Word(FRONTS), default=FRONTS[0], show_default=True, help="What answers callers; envoy needs meridian[envoy].")
@click.option("--ephemeral", is_flag=True, help="Keep nothing: use a temporary folder that is removed at the end.")
def dev(data: Path | None, regions: str, principals: Path | None, policies: Path | None, front: str, ephemeral: bool, **ports: Any) -> None:
    """Run Regions on loopback until Ctrl-C. SIGHUP starts stopped Regions again; the others read their files again."""
    # Not above: help needs nothing that makes Regions.
    from meridian.cli.dev_deployment import run_deployment
    from meridian.settings import REGION_NAME

    names = [name.strip() for name in regions.split(",") if name.strip()]
    if len(set(names)) != len(names) or not names:
        raise click.BadParameter("name each Region once", param_hint="--regions")
    wrong = [name for name in names if not re.fullmatch(REGION_NAME, name, re.ASCII)]
    if wrong:
        raise click.BadParameter(f"{wrong[0]} is no name of a Region", param_hint="--regions")
    _require_ports(len(names), ports)
    if ephemeral:
        with tempfile.TemporaryDirectory(prefix="meridian-") as folder:
            sys.exit(run_deployment(Path(folder), names, principals, policies, front, **ports))
    if data is None:
        raise click.UsageError("give --data DIR, or --ephemeral")
    sys.exit(run_deployment(data.resolve(), names, principals, policies, front, **ports))


def _require_ports(regions: int, ports: Mapping[str, int | None]) -> None:
    """Each Region has the next port of each kind. Raises: click.BadParameter."""
    taken: dict[int, str] = {}
    for name, first in ports.items():
        option = f"--{name.replace('_', '-')}"
        for port in range(first, first + regions) if first is not None else ():
            if port > PORT_MAX:
                raise click.BadParameter(f"{regions} Regions from port {first} on go beyond {PORT_MAX}", param_hint=option)
            if taken.setdefault(port, option) != option:
                raise click.BadParameter(f"port {port} is taken by {taken[port]}", param_hint=option)
