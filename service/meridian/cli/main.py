"""The `meridian` command."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from typing import Any

import click

from meridian.cli.resting_collector import resting_collector
from meridian.cli.terminal import printable

EXIT_CODES = """\b
Exit codes: 0 ok, 1 other failure, 2 usage, 3 setup, 4 denied, 5 not found,
6 key state, 7 throttled, 8 unavailable, 9 incomplete (audit verify)."""

COMMANDS = {
    "audit": ("meridian.cli.audit", "audit"),
    "backup": ("meridian.cli.backups", "backup"),
    "dev": ("meridian.cli.dev", "dev"),
    "envelope": ("meridian.cli.kms", "envelope"),
    "kms": ("meridian.cli.kms", "kms"),
    "migrate": ("meridian.cli.serve", "migrate"),
    "outbox": ("meridian.cli.outbox", "outbox"),
    "policy": ("meridian.cli.policy", "policy"),
    "region": ("meridian.cli.region", "region"),
    "restore": ("meridian.cli.backups", "restore"),
    "serve": ("meridian.cli.serve", "serve"),
}


class Commands(click.Group):
    """Imports a command's module only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        with resting_collector():
            command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """A message of click may quote a file, or a file's name."""
        try:
            return super().invoke(ctx)
        except click.ClickException as fault:
            fault.message = printable(fault.message) if sys.stderr.isatty() else fault.message  # type: ignore[misc] # no other way in
            raise


@click.command(cls=Commands, epilog=EXIT_CODES)
@click.version_option(version("meridian"), prog_name="meridian")
def main() -> None:
    """A key management service with the semantics of AWS KMS."""
