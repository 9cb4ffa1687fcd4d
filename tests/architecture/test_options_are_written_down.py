"""docs/clients.md has every option that commands share, every option of `meridian dev`, and every environment variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from meridian.cli.connection import CONNECTION, OUTPUT
from meridian.cli.dev import dev
from meridian.cli.main import main
from meridian.domain.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text()
VARIABLE = re.compile(r"\bMERIDIAN_[A-Z_]*[A-Z](?![A-Z_a-z])|\bMERIDIAN_[A-Z_]+_(?=\{)")


def rows_of(first: str) -> list[list[str]]:
    """The cells of every table whose first heading is this."""
    tables = [part.split("\n\n", 1)[0] for part in PAGE.split(f"\n| {first} |")[1:]]
    return [[cell.strip() for cell in line.strip("|").split("|")] for table in tables for line in table.splitlines()[2:]]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner)


def test_the_page_has_every_option_that_calls_share() -> None:
    written = [names_in(row[0]) for row in rows_of("option") if len(row) == 2]
    assert written == [list(option.opts) for option in (*CONNECTION, *OUTPUT)]
    assert f"{Limits().request_bytes:,}" in PAGE


def test_the_page_has_every_option_of_dev_with_its_default() -> None:
    written = {names_in(row[0])[0]: row[1] for row in rows_of("option") if len(row) == 3}
    options = [each for each in dev.params if isinstance(each, click.Option)]
    assert list(written) == [option.opts[0] for option in options]
    for option in options:
        default = option.to_info_dict()["default"]
        assert written[option.opts[0]] == (str(default) if isinstance(default, str | int) and not isinstance(default, bool) else "")


def test_the_page_has_every_variable_that_the_service_names() -> None:
    texts = [path.read_text() for path in (ROOT / "service").rglob("*.py") if "_pb2" not in path.name]
    named = {name for text in texts for name in VARIABLE.findall(text)}
    built = {name for name in named if name.endswith("_")}
    assert len(built) > 1, "those that end with the name of a Region are found"
    written = [names_in(row[0])[0] for row in rows_of("variable")]
    assert len(written) == len(set(written))
    assert set(written) == (named - built) | {f"{name}<REGION>" for name in built}


def test_the_page_has_every_variable_that_an_option_reads() -> None:
    read = {
        (str(option.envvar), option.opts[0])
        for command in commands(main)
        for option in command.params
        if isinstance(option, click.Option) and option.envvar
    }
    assert len(read) > 4
    rows = {names_in(row[0])[0]: names_in(row[2]) for row in rows_of("variable")}
    assert {(name, option) for name, given in rows.items() for option in given if option.startswith("--")} == read
    assert all(command.context_settings.get("auto_envvar_prefix") is None for command in commands(main)), "no variable is made up"
