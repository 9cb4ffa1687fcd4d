"""Canonical text of policy files. What a file says is never changed: text whose tree would differ is refused."""

from __future__ import annotations

from pathlib import Path

from meridian.authorization.language.evaluator import PolicySyntaxError, format_policies, parse_policies
from meridian.policy_kit.texts import text_of


class FormatError(Exception):
    """A file cannot be formatted; the message names it."""


def policy_files(paths: tuple[Path, ...]) -> list[Path]:
    """The files themselves, and every *.cedar file of the folders. Raises: FormatError for a folder without any."""
    found: list[Path] = []
    for path in paths:
        files = sorted(path.glob("*.cedar")) if path.is_dir() else [path]
        if not files:
            raise FormatError(f"{path}: no policy files")
        found += files
    return found


def formatted(path: Path) -> tuple[str, str]:
    """The text of a file as it is, and in its canonical form. Raises: FormatError, TextFault."""
    text = text_of(path)
    try:
        made = format_policies(text)
        same = parse_policies(made) == parse_policies(text)
    except PolicySyntaxError as fault:
        raise FormatError(f"{path}: {fault}") from fault
    if not same:
        raise FormatError(f"{path}: formatting would change what it says; it is left as it is")
    return text, made
