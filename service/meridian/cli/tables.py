"""Tables on a terminal. What stands in them may be somebody else's text: it is shown, and is never markup nor a command to the terminal."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from meridian.cli.output import printing

CELL_CHARACTERS_MAX: Final = 65_536
COLUMNS_OF_A_RECORD: Final = 2
BORDER: Final = 3
"""Columns that stand around each cell."""
WIDTH_OF_A_FILE: Final = 160
"""Columns where the output is no terminal."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, show_lines: bool = False, show_header: bool = True) -> None:
    """Print rows of texts under the names of their columns; lines of a cell stay lines, other characters that draw fall away. On a
    terminal that is too narrow each row is a table of its own, with a line for each column.

    Raises: OutputError.
    """
    # Not above: a command that prints no table need not wait for what draws them.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    def drawn(names: Sequence[str], of_rows: Iterable[Sequence[str]], *, header: bool) -> Table:
        made = Table(*(Column(header=Text(_cell(name))) for name in names), show_lines=show_lines, show_header=header)
        for row in of_rows:
            made.add_row(*(Text(_cell(text)) for text in row))
        return made

    class Telling(Console):
        """What rich would end the process for, without a word."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    every = [list(row) for row in rows]
    with printing("stdout"):
        console = Telling(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
        if len(columns) <= COLUMNS_OF_A_RECORD or _width(columns, every) <= console.width:
            console.print(drawn(columns, every, header=show_header))
            return
        for row in every:
            console.print(drawn(("name", "value"), [pair for pair in zip(columns, row, strict=True) if pair[1]], header=False))


def _width(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """How wide a table must be in which no word is broken."""
    words = [[name, *(word for row in rows for word in row[at].split())] for at, name in enumerate(columns)]
    widths = [max(map(len, of_column)) for of_column in words]
    return sum(widths) + len(columns) * BORDER + 1


def _cell(text: str) -> str:
    return "".join(c for c in text[:CELL_CHARACTERS_MAX] if c == "\n" or c.isprintable())
