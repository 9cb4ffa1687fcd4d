"""Every command that a guide prints in whole is one that the command line takes: its options exist, and none that it needs is missing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from meridian.cli.main import main

DOCS = Path(__file__).parents[3] / "docs"
GUIDES = ("external-key-manager.md", "external-key-stores.md", "hardware-tokens.md")
FORMS = (r"`(meridian [^`]+)`", r"^ *\$ (meridian (?:.*\\\n)*.*)", r"^    (meridian .*)")
"""In a line of text, in a block with a prompt, and in a block without."""


def commands(guide: str) -> list[str]:
    text = (DOCS / guide).read_text()
    found = [each for form in FORMS for each in re.findall(form, text, re.MULTILINE)]
    return [re.sub(r"\s+[>|].*", "", each.replace("\\\n", " ")) for each in found]


def require_whole(words: list[str]) -> None:
    """Raises: click.UsageError."""
    context = main.make_context(words[0], words[1:])
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)


PRINTED = [(guide, command) for guide in GUIDES for command in commands(guide)]


@pytest.mark.parametrize(("guide", "command"), PRINTED)
def test_a_printed_command_is_whole(guide: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("region.toml", "keys-a.pin", "keys-a.pem"):
        (tmp_path / name).write_text("x")
    require_whole(shlex.split(command.replace("$(cat keys-a.pem)", "PEM")))


def test_commands_are_found() -> None:
    assert len(PRINTED) > 5
