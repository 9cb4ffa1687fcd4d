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
    terminal that is too narrow each row is a table of its own, with a line for each column, and lines without a table where one word is
    too long for that: a terminal wraps them, and what is copied from it is whole.

    Raises: OutputError.
    """
    # Not above: a command that prints no table need not wait for what draws them.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    def drawn(names: Sequence[str], of_rows: Sequence[Sequence[str]], *, header: bool) -> Table:
        widths = _widths(names, of_rows, console.width, header=header)
        columns = (Column(header=Text(_cell(name)), width=width) for name, width in zip(names, widths, strict=True))
        made = Table(*columns, show_lines=show_lines, show_header=header)
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
        if _width(columns, every) <= console.width:
            console.print(drawn(columns, every, header=show_header))
            return
        if len(columns) == COLUMNS_OF_A_RECORD and not show_header:
            records = [[(name, value) for name, value in every]]
        else:
            records = [[pair for pair in zip(columns, row, strict=True) if pair[1]] for row in every]
        for record in records:
            if _width(("", ""), record) <= console.width:
                console.print(drawn(("name", "value"), record, header=False))
            else:
                console.print(Text(_lines(record)), soft_wrap=True)


def _lines(record: Iterable[Sequence[str]]) -> str:
    """Each name, and its value behind it, or beneath it where that has several lines."""
    lines = []
    for name, value in record:
        first, *more = _cell(value).split("\n")
        lines += [f"{_cell(name)}: {first}"] if not more else [f"{_cell(name)}:", *(f"  {line}" for line in (first, *more))]
    return "\n".join([*lines, ""])


def _least(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column must be in which no word is broken."""
    return [max(map(len, (*name.split(), *(word for row in rows for word in row[at].split()), ""))) for at, name in enumerate(columns)]


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How wide a table must be in which no word is broken."""
    return sum(_least(columns, rows)) + len(columns) * BORDER + 1


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int, *, header: bool) -> list[int]:
    """How wide each column is: no word is broken, and what room is left goes to those that need least for their longest line."""
    names = columns if header else [""] * len(columns)
    widths = _least(names, rows)
    left = room - sum(widths) - len(columns) * BORDER - 1
    wanted = [
        max((len(line) for text in (names[at], *(row[at] for row in rows)) for line in text.split("\n")), default=0)
        for at in range(len(columns))
    ]
    for at in sorted(range(len(columns)), key=lambda at: wanted[at] - widths[at]):
        more = max(0, min(left, wanted[at] - widths[at]))
        widths[at], left = widths[at] + more, left - more
    return widths


def _cell(text: str) -> str:
    return "".join(c for c in text[:CELL_CHARACTERS_MAX] if c == "\n" or c.isprintable())
