"""Groups whose commands stand in a table: the list is printed from the table, and a command's module is imported when it is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from meridian.cli.misspelt import no_such_command
from meridian.cli.output import helping
from meridian.cli.resting_collector import resting_collector
from meridian.cli.terminal import printable


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is, and its line in the list."""

    module: str
    attribute: str
    summary: str


class LazyGroup(click.Group):
    """A group over a table of places."""

    def __init__(self, *args: Any, places: Mapping[str, Place], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return None
        with resting_collector():
            command: click.Command = getattr(importlib.import_module(place.module), place.attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Click itself knows no names of a table that could be meant."""
        if not ctx.resilient_parsing and args[0][:1] != "-" and args[0] not in self._places:
            raise no_such_command(ctx, args[0], self._places)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with helping():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """A message of click may quote a file, or a file's name."""
        try:
            with helping():
                return super().invoke(ctx)
        except click.ClickException as fault:
            fault.message = printable(fault.message) if sys.stderr.isatty() else fault.message  # type: ignore[misc]  # no other way in
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without the commands themselves: a list needs none of what they import."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._places[name].summary) for name in sorted(self._places)])
