"""Numbers that options take."""

from __future__ import annotations

import math
from typing import Any, Final

import click

from meridian.contract.call_times import SECONDS_MAX

PORT_MAX: Final = 65_535
PORT: Final = click.IntRange(1, PORT_MAX)


class FiniteRange(click.FloatRange):
    """A range without what is no number, which is neither below nor above anything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number that can be counted to", param, ctx)
        return number


SECONDS: Final = FiniteRange(0, SECONDS_MAX, min_open=True)
"""How long to wait for something: some time, and a day at most."""
PERCENT: Final = FiniteRange(0, 100)
