"""Options that every command which calls a Region has."""

from __future__ import annotations

import click

from meridian.cli.forms import FORMS
from meridian.cli.new_files import NewFile
from meridian.cli.numbers import SECONDS
from meridian.cli.query import Expression
from meridian.cli.words import Word


class Target(click.ParamType[str]):
    """`host:port` of a Region."""

    name = "host:port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        # Not above: help needs nothing that calls.
        from meridian.client.connection import require_target

        try:
            require_target(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)
        return value


CONNECTION = (
    click.Option(["--endpoint"], envvar="MERIDIAN_ENDPOINT", type=Target(), help="host:port of a Region."),
    click.Option(["--ca"], envvar="MERIDIAN_CA", type=click.Path(), help="Authority of the Region's certificate, PEM."),
    click.Option(["--certificate"], envvar="MERIDIAN_CERTIFICATE", type=click.Path(), help="Client certificate, PEM."),
    click.Option(["--private-key"], envvar="MERIDIAN_PRIVATE_KEY", type=click.Path(), help="Its private key, PEM."),
    click.Option(["--token-file"], envvar="MERIDIAN_TOKEN_FILE", type=click.Path(), help="File with a bearer token."),
    click.Option(["--profile"], envvar="MERIDIAN_PROFILE", help="Profile that says what these options do not; `default` if there is one."),
)
OUTPUT = (
    click.Option(["--output", "-o"], type=Word(FORMS), help="json when piped, table on a terminal."),
    click.Option(["--query"], type=Expression(), metavar="JMESPATH", help="Print this part of the answer alone."),
    click.Option(["--field"], help="Print one member of the answer alone: bytes raw, texts as they are, what has a structure as JSON."),
    click.Option(["--out"], type=NewFile(), help="Write --field to this file, for its owner alone."),
    click.Option(["--base64"], is_flag=True, help="Bytes are base64, in and out."),
    click.Option(["--timeout"], type=SECONDS, help="Seconds to wait, more than 0."),
    click.Option(["--debug"], is_flag=True, help="Tell on standard error what is sent and what comes back, secrets masked."),
)
YES = click.Option(["--yes"], is_flag=True, help="Do not ask before what cannot be taken back.")
CLIENT_TOKEN = click.Option(["--client-token"], help="Repeat the change that was made under this token; a new one by default.")
