"""What a command made and cannot hand over: a sentence and an exit code, whether it was to go into a file or to be printed."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import IO, Final

import click

from meridian.cli.exit_codes import OUTPUT
from meridian.cli.whole_files import write_whole

STANDARD: Final = {"stdout": "standard output", "stderr": "standard error"}


class OutputError(click.ClickException):
    """The output cannot be written; one line says which and why."""

    exit_code = OUTPUT


def write_output(path: Path, data: bytes, option: str, *, private: bool) -> None:
    """Write a file that an option or argument names, whole or not at all. Raises: OutputError."""
    try:
        write_whole(path, data, private=private)
    except OSError as fault:
        raise OutputError(f"{option}: {path}: {fault.strerror}") from fault


@contextlib.contextmanager
def printing(stream: str) -> Iterator[None]:
    """Whatever is printed in here has left when this ends. Raises: OutputError.

    Python would try again at the end of the process what a full disk did not take, and change the exit code: it is not tried again.
    """
    file: IO[str] | None = getattr(sys, stream)
    if file is None:
        raise OutputError(f"{STANDARD[stream]}: is closed")
    try:
        yield
        file.flush()
    except OSError as fault:
        give_up(file)
        raise OutputError(f"{STANDARD[stream]}: {fault.strerror}") from fault


@contextlib.contextmanager
def helping() -> Iterator[None]:
    """Click prints help in here, and raises what the system says. Raises: OutputError where that is about standard output."""
    try:
        yield
    except OSError as fault:
        if sys.stdout is None or _raised_in(fault) is not click.echo.__code__:
            raise
        give_up(sys.stdout)
        raise OutputError(f"{STANDARD['stdout']}: {fault.strerror}") from fault


def _raised_in(fault: OSError) -> CodeType | None:
    """The innermost code of Python that a fault came from."""
    code = None
    for frame, _ in traceback.walk_tb(fault.__traceback__):
        code = frame.f_code
    return code


def require_standard_output() -> None:
    """Raises: OutputError where it was closed before the process began."""
    if sys.stdout is None:
        raise OutputError(f"{STANDARD['stdout']}: is closed")


@contextlib.contextmanager
def after(done: str) -> Iterator[None]:
    """What cannot be handed over in here comes from something that is done already; the sentence says so. Raises: OutputError."""
    try:
        yield
    except OutputError as fault:
        raise OutputError(f"{fault.message}; {done}") from fault


def give_up(file: IO[str]) -> None:
    """Let what a stream still keeps go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
        file.flush()
