"""Options that name a file to be written."""

from __future__ import annotations

import os
from pathlib import Path

import click

from meridian.cli.whole_files import require_writable


class NewFile(click.Path):
    """A file that can be written: what is in its way is said before anything is done."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        try:
            require_writable(path)
        except OSError as fault:
            self.fail(f"{path}: {fault.strerror}", param, ctx)
        return path
