"""How many examples a property is tried with, and how often a fault comes: fewer where somebody waits, and many in `make test-deep`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

IS_DEEP: Final = bool(os.environ.get("MERIDIAN_DEEP"))
T = TypeVar("T", bound=Callable[..., Any])


def often(asked: int, deep: int) -> int:
    """How often something is done: `deep` times in `make test-deep`, `asked` times where one runs the test by hand."""
    return deep if IS_DEEP else asked


def examples(quick: int, deep: int, **other: Any) -> settings:
    """Settings of Hypothesis with one of the two numbers; what tests have `searched` is run by both."""
    return settings(max_examples=deep if IS_DEEP else quick, deadline=None, suppress_health_check=list(HealthCheck), **other)


def searched(quick: int, deep: int) -> Callable[[T], T]:
    """A property that both runs try, each with its number of examples."""

    def mark(test: T) -> T:
        marked: T = pytest.mark.searched(examples(quick, deep)(test))
        return marked

    return mark
