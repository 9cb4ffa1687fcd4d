"""`meridian region init --sample`: files of a Region with comments, to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from meridian.administration.new_seal import new_file_seal
from meridian.authorization.sets.packaged import policy_folder
from meridian.cli.private_files import write_private

OTHER_ACCOUNT: Final = "account-444455556666.cedar"
"""Of the default policies: for trying calls between accounts."""


class SampleError(Exception):
    """Something is there already; the text says what."""


def write_sample(settings: Path) -> list[Path]:
    """Write settings under this name, and beside them principals, policies and a seal, each for its owner alone; the answer names them.

    Raises: SampleError where one of them is there, and then nothing is written; OSError.
    """
    made = _files(settings)
    there = [path for path in made if path.exists()]
    if there:
        raise SampleError(f"{there[0]} is there, and a sample overwrites nothing")
    for path, data in made.items():
        write_private(path, data)
    return list(made)


def _files(settings: Path) -> Mapping[Path, bytes]:
    folder, samples = settings.parent, files("meridian.cli") / "samples"
    policies = [path for path in sorted((policy_folder() / "policies").glob("*.cedar")) if path.name != OTHER_ACCOUNT]
    return {
        settings: (samples / "region.toml").read_bytes(),
        folder / "principals.toml": (samples / "principals.toml").read_bytes(),
        folder / "seal": new_file_seal(),
        **{folder / "policies" / path.name: path.read_bytes() for path in policies},
    }
