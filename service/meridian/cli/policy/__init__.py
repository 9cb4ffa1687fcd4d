"""`meridian policy`: write, check, test and prove policies on plain files, and ask a running Region about its own."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "check-access": "remote",
    "coverage": "testing",
    "describe-set": "remote",
    "diff": "comparing",
    "explain": "explaining",
    "fmt": "checking",
    "graph": "drawing",
    "import-aws": "importing",
    "prove": "proving",
    "replay": "comparing",
    "test": "testing",
    "validate": "checking",
}


class PolicyCommands(click.Group):
    """Imports a command's module only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"meridian.cli.policy.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


@click.command(cls=PolicyCommands)
def policy() -> None:
    """Write, check, test and prove policies on plain files, and ask a running Region about its own."""
