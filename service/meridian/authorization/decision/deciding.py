"""Decisions whose parts may take too long for an event loop: they say what must be built, and are sent what was."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Build:
    """Something that a decision needs and that takes too long for an event loop; `make` may be called from any thread."""

    name: tuple[Any, ...]
    """The same for everybody who needs the same."""
    make: Callable[[], Any]


Deciding = Generator[Build, Any, T]
"""A decision under way: it yields what must be built, and is sent what was."""


def finished(deciding: Deciding[T]) -> T:
    """The outcome, everything built at once."""
    try:
        wanted = next(deciding)
        while True:
            try:
                made = wanted.make()
            except Exception as fault:
                wanted = deciding.throw(fault)
            else:
                wanted = deciding.send(made)
    except StopIteration as end:
        outcome: T = end.value
        return outcome
