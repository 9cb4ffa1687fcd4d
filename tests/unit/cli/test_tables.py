"""Text of others in a table is text."""

from __future__ import annotations

from pathlib import Path

import pytest

import meridian.cli
from meridian.cli.tables import print_table


def test_neither_markup_nor_commands_to_the_terminal_are_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["last_error[/x]"], [["[/x] [red]no[/red]\x1b[31m\x9b1m\u202e way\rx"], ["two\nlines"]])
    shown = capsys.readouterr().out
    assert "last_error[/x]" in shown
    assert "[/x] [red]no[/red][31m1m wayx" in shown
    assert not {"\x1b", "\x9b", "\u202e", "\r"} & set(shown)
    assert "two lines" not in shown
    assert "two" in shown


def test_every_table_of_the_command_line_is_made_in_one_place() -> None:
    root = Path(meridian.cli.__path__[0])
    makers = {str(path.relative_to(root)) for path in root.rglob("*.py") if "rich.table" in path.read_text()}
    assert makers == {"tables.py"}
