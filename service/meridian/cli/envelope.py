"""`meridian envelope`: files under data keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from meridian.cli.connection import CONNECTION
from meridian.cli.new_files import NewFile


@click.group()
def envelope() -> None:
    """Encrypt files under data keys; the data never leaves this machine."""


def _pairs(context: tuple[str, ...]) -> dict[str, str]:
    """Raises: click.BadParameter."""
    wrong = [pair for pair in context if "=" not in pair]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--encryption-context")
    pairs = dict(pair.split("=", 1) for pair in context)
    if len(pairs) != len(context):
        raise click.BadParameter("a name is given more than once", param_hint="--encryption-context")
    return pairs


def _files(function: Any) -> Any:
    for option in reversed(CONNECTION):
        function = click.option(*option.opts, option.name, envvar=option.envvar, type=option.type, help=option.help)(function)
    bound = "What the data is bound to: the same pairs decrypt it. May be given again."
    function = click.option("--encryption-context", "context", multiple=True, metavar="NAME=VALUE", help=bound)(function)
    function = click.argument("target", type=NewFile())(function)
    return click.argument("source", metavar="FILE|-")(function)


@envelope.command("encrypt")
@click.option("--key-id", required=True, help="Key id, key ARN, alias name or alias ARN.")
@_files
def encrypt_file(key_id: str, source: str, target: Path, context: tuple[str, ...], **options: Any) -> None:
    """Encrypt FILE, or standard input for -, into TARGET."""
    from meridian.cli.envelope_files import seal_file

    seal_file(key_id, source, target, _pairs(context), options)


@envelope.command("decrypt")
@_files
def decrypt_file(source: str, target: Path, context: tuple[str, ...], **options: Any) -> None:
    """Decrypt FILE, or standard input for -, into TARGET."""
    from meridian.cli.envelope_files import unseal_file

    unseal_file(source, target, _pairs(context), options)
