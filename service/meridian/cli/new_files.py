"""Options that name a file to be written."""

from __future__ import annotations

import os
from pathlib import Path

import click


class NewFile(click.Path):
    """A file that can be written: what is in its way is said before anything is done."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if path.is_dir():
            self.fail(f"{path} is a folder", param, ctx)
        above = next(each for each in path.absolute().parents if each.exists())
        if not above.is_dir():
            self.fail(f"{path}: {above} is no folder", param, ctx)
        if not os.access(path if path.exists() else above, os.W_OK):
            self.fail(f"{path} may not be written", param, ctx)
        return path
