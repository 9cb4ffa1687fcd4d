"""What was probably meant by a name that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean Encrypt?` for the closest of the names, whatever their case; empty where none is close."""
    lowered = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), lowered, n=1)
    return f"; did you mean {lowered[found[0]]}?" if found else ""
