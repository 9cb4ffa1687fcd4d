"""`meridian kms`: one command per operation of the contract."""

from __future__ import annotations

from typing import Any

import click

from meridian.cli import values
from meridian.cli.connection import CLIENT_TOKEN, CONNECTION, OUTPUT, YES
from meridian.cli.danger import DANGERS
from meridian.cli.misspelt import no_such_command
from meridian.cli.wait_options import WAIT, WAITED
from meridian.contract.catalog import Rpc, rpcs, served_rpcs
from meridian.contract.comments import comment_on
from meridian.contract.fields import descriptor_of

EPILOG = "Names of members in --field are AWS's: KeyMetadata.KeyId."
OUTSIDE = {"DescribeKey": "DescribeExternalKey"}
"""Operations that, with --xks, become one of Meridian's own: it takes what they take, and asks the external key store proxy."""
XKS = click.Option(["--xks"], is_flag=True, help="Ask the external key store proxy for status and usage of the external key instead.")


def _command(rpc: Rpc) -> click.Command:
    descriptor = descriptor_of(rpc.request_class)
    fields = [values.option_of(field) for field in descriptor.fields]

    def callback(**options: Any) -> None:
        # Not above: help needs nothing that calls.
        from meridian.cli.calling import run

        run(served_rpcs()[OUTSIDE[rpc.name]] if options.pop("xks", False) else rpc, options)

    name = rpc.method_name.replace("_", "-")
    own = [
        *CONNECTION,
        *OUTPUT,
        *([CLIENT_TOKEN] if rpc.takes_token else []),
        *([YES] if rpc.name in DANGERS else []),
        *([XKS] if rpc.name in OUTSIDE else []),
        *(WAIT if rpc.name in WAITED else ()),
    ]
    return click.Command(name, params=[*fields, *own], callback=callback, help=comment_on(rpc), epilog=EPILOG)


class Operations(click.Group):
    """A command is made when it is asked for; the list is printed from the contract."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(rpc.method_name.replace("_", "-") for rpc in rpcs().values())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((_command(rpc) for rpc in rpcs().values() if rpc.method_name.replace("_", "-") == cmd_name), None)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """A name that no operation has is told with those that are like it."""
        known = self.list_commands(ctx)
        if not ctx.resilient_parsing and args[0][:1] != "-" and args[0] not in known:
            raise no_such_command(ctx, args[0], known)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted((rpc.method_name.replace("_", "-"), comment_on(rpc)) for rpc in rpcs().values()))


kms = Operations("kms", help="Call a Region: one command per operation.")
