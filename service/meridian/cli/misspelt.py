"""Commands that nobody knows, and those that may have been meant."""

from __future__ import annotations

from collections.abc import Iterable

import click


def no_such_command(ctx: click.Context, name: str, known: Iterable[str]) -> click.UsageError:
    """The refusal of a name, with the names that are like it. `GenerateDataKey` and `generate_data_key` are like `generate-data-key`."""
    names = {_bare(each): each for each in known}
    found = names.get(_bare(name))
    if found is not None:
        return click.exceptions.NoSuchCommand(
            name, possibilities=[found], ctx=ctx, message=f"No such command {name!r}. Did you mean {found!r}?"
        )
    return click.exceptions.NoSuchCommand(name, possibilities=names.values(), ctx=ctx)


def _bare(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()
