"""What commands about one Region share: the option that names its settings, and how they end where something cannot be done."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from meridian.cli.exit_codes import SETUP
from meridian.cli.terminal import say

if TYPE_CHECKING:
    from meridian.settings import Settings

T = TypeVar("T")

CONFIG: Final = click.option("--config", required=True, type=click.Path(path_type=Path), help="The Region's settings file.")


def settings_or_exit(path: Path) -> Settings:
    """The settings, or the end of the process with every fault listed."""
    return text_and_settings_or_exit(path)[1]


def text_and_settings_or_exit(path: Path) -> tuple[bytes, Settings]:
    """As `settings_or_exit`, with what stands in the file."""
    # Not above: help, and commands that need no Region, read no settings.
    from meridian.settings import SettingsError, read_file, settings_from

    try:
        text = read_file(path)
        return text, settings_from(text, path)
    except SettingsError as fault:
        say(str(fault), err=True)
        sys.exit(SETUP)


def run_or_exit(work: Coroutine[Any, Any, T], outcome: str, code: int) -> T:
    """What comes of the work, or the end of the process: the outcome for whoever asked, the reason, and this exit code."""
    # Not above: a command that needs no Region starts without what makes one.
    from meridian.bootstrap.startup import StartupError

    try:
        return asyncio.run(work)
    except StartupError as fault:
        say(f"{outcome}: {fault}", err=True)
        sys.exit(code)
