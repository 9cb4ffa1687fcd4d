"""Tables on a terminal. What stands in them may be somebody else's text: it is shown, and is never markup nor a command to the terminal."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from meridian.cli.output import printing

CELL_CHARACTERS_MAX: Final = 65_536
WIDTH_OF_A_FILE: Final = 160
"""Columns where the output is no terminal."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, show_lines: bool = False, show_header: bool = True) -> None:
    """Print rows of texts under the names of their columns; lines of a cell stay lines, other characters that draw fall away.

    Raises: OutputError.
    """
    # Not above: a command that prints no table need not wait for what draws them.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(header=Text(_cell(name))) for name in columns), show_lines=show_lines, show_header=show_header)
    for row in rows:
        table.add_row(*(Text(_cell(text)) for text in row))

    class Telling(Console):
        """What rich would end the process for, without a word."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    with printing("stdout"):
        Telling(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE).print(table)


def _cell(text: str) -> str:
    return "".join(c for c in text[:CELL_CHARACTERS_MAX] if c == "\n" or c.isprintable())
