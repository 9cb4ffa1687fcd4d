"""What a process that serves was started with, kept over what it becomes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from meridian.bootstrap.seat import Seat
from meridian.cli.one_region import settings_or_exit
from meridian.settings import BYTES_MAX, Settings, settings_from

STANDARD_INPUT = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Of one process of a Region."""

    config: Path
    """The file of the settings."""
    settings: Settings
    text: bytes
    """The settings as a parent gave them; empty where the file counts."""
    seat: Seat
    verbose: bool

    def give_settings(self) -> None:
        """To what this process becomes, on its standard input, as the parent did: they may have a secret, and lie in no file."""
        if self.text:
            kept = os.memfd_create("settings")
            with os.fdopen(os.dup(kept), "wb") as file:
                file.write(self.text)
            os.lseek(kept, 0, os.SEEK_SET)
            os.dup2(kept, STANDARD_INPUT)
            os.close(kept)


def given_settings(config: Path, seat: Seat) -> Settings:
    """What `give_settings` gave, or what is in the file where the process is alone. Ends the process where the file cannot be used; raises
    SettingsError where what was given cannot."""
    if not seat.is_shared:
        return settings_or_exit(config)
    with os.fdopen(os.dup(STANDARD_INPUT), "rb") as file:
        text = file.read(BYTES_MAX + 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, STANDARD_INPUT)
    os.close(nothing)
    return settings_from(text, config)
