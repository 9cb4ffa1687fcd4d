"""Options whose values are words of a list."""

from __future__ import annotations

from typing import Any

import click

from meridian.domain.close_names import did_you_mean


class Word(click.Choice[str]):
    """One of these words; another is refused with the one that was probably meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return f"{super().get_invalid_choice_message(value, ctx)[:-1]}{did_you_mean(str(value), map(str, self.choices)) or '.'}"
