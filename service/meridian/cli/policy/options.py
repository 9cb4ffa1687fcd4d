"""What the policy commands share: their folders, their output, and how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from meridian.authorization.language.entities import Surroundings
from meridian.authorization.sets.packaged import policy_folder
from meridian.authorization.sets.policy_files import PolicySetError
from meridian.cli.exit_codes import SETUP
from meridian.cli.terminal import say
from meridian.cli.words import Word
from meridian.policy_kit.rows import RowError, surroundings_of, understood
from meridian.policy_kit.texts import TextFault, UnreadableRecordError

EXISTING = click.Path(path_type=Path, exists=True)

output_option = click.option(
    "--output", "-o", type=Word(["text", "json"]), default="text", show_default=True, help="For people, or for programs."
)
policies_option = click.option("--policies", type=EXISTING, help="Folder of the policies; the default set when not given.")


def default_policies() -> Path:
    return policy_folder() / "policies"


def default_tests() -> Path:
    return policy_folder() / "tests"


@contextmanager
def readable() -> Iterator[None]:
    """Ends with the exit code of a wrong setup, and every fault on a line, where files cannot be read."""
    try:
        yield
    except PolicySetError as fault:
        say("\n".join(fault.faults), err=True)
        sys.exit(SETUP)
    except (RowError, TextFault, UnreadableRecordError) as fault:
        say(str(fault), err=True)
        sys.exit(SETUP)


def show(value: Any) -> None:
    """A value as JSON."""
    say(json.dumps(value, indent=1, ensure_ascii=False))


GIVE_AROUND: Final = "give --around, with regionLabels and orgUnits as the settings of the Regions have them"
"""What helps where a decision depends on what an operator says about accounts and Regions."""
around_option = click.option(
    "--around", type=EXISTING, help="File that says which labels Regions have and which units accounts are in; a test file will do."
)


def around_of(path: Path | None) -> Surroundings:
    """The surroundings that a file names: `regionLabels` and `orgUnits`. Raises: RowError, TextFault."""
    if path is None:
        return Surroundings()
    from meridian.policy_kit.yaml_text import read_yaml

    document = read_yaml(path)
    with understood(str(path)):
        return surroundings_of(document or {})
