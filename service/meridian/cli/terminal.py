"""What is printed. On a terminal no text is a command to it, whoever wrote it: a description of a key, a reason, a message."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

import click

from meridian.cli.output import OutputError, printing

DRAWN: Final = frozenset("\n\t")
"""Besides what is printable: the ends of lines, and what stands between columns."""


def printable(text: str) -> str:
    """The text with every character that draws nothing written as JSON escapes it."""
    return "".join(c if c.isprintable() or c in DRAWN else _escaped(c) for c in text)


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text: as it is into a pipe or a file, and printable on a terminal. Raises: OutputError, for what is no error."""
    with _unheard() if err else printing("stdout"):
        stream = sys.stderr if err else sys.stdout
        click.echo(printable(text) if stream.isatty() else text, err=err, nl=nl, color=True)  # as it is: click would take colours out


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Who closed standard error hears nothing there; the exit code stays what it would have been."""
    with contextlib.suppress(OutputError), printing("stderr"):
        yield


def say_value(data: bytes) -> None:
    """Print bytes: as they are into a pipe or a file, and on a terminal as text, printable, what is no UTF-8 in hexadecimal.

    Raises: OutputError.
    """
    with printing("stdout"):
        if sys.stdout.isatty():
            click.echo(printable(data.decode(errors="backslashreplace")), nl=False)
        else:
            sys.stdout.buffer.write(data)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
