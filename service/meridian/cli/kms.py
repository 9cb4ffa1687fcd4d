"""`meridian kms`: one command per operation of the contract, and `meridian envelope` for files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from meridian.catalog import Rpc, rpcs
from meridian.cli import values
from meridian.cli.exit_codes import SETUP, exit_code
from meridian.cli.private_files import write_private
from meridian.client import Client, Endpoint
from meridian.client.envelope import EnvelopeError, seal, unseal
from meridian.client.errors import KmsServiceError

CONNECTION = (
    click.Option(["--endpoint"], envvar="MERIDIAN_ENDPOINT", help="host:port of a Region."),
    click.Option(["--ca"], envvar="MERIDIAN_CA", type=click.Path(), help="Authority of the Region's certificate, PEM."),
    click.Option(["--certificate"], envvar="MERIDIAN_CERTIFICATE", type=click.Path(), help="Client certificate, PEM."),
    click.Option(["--private-key"], envvar="MERIDIAN_PRIVATE_KEY", type=click.Path(), help="Its private key, PEM."),
    click.Option(["--token-file"], envvar="MERIDIAN_TOKEN_FILE", type=click.Path(), help="File with a bearer token."),
)
OUTPUT = (
    click.Option(["--output", "-o"], type=click.Choice(["json", "table"]), help="json when piped, table on a terminal."),
    click.Option(["--field"], help="Print one member of the answer alone; bytes are written raw."),
    click.Option(["--out"], type=click.Path(), help="Write --field to this file, for its owner alone."),
    click.Option(["--base64"], is_flag=True, help="Bytes are base64, in and out."),
    click.Option(["--timeout"], type=float, help="Seconds to wait."),
)
OWN = {name for option in (*CONNECTION, *OUTPUT) for name in [option.name]}


def endpoint_of(options: dict[str, Any]) -> Endpoint:
    """The Region that the options, or the environment, name."""
    names = ("endpoint", "ca", "certificate", "private_key", "token_file")
    given = {f"MERIDIAN_{name.upper()}": str(options[name]) for name in names if options.get(name)}
    try:
        return Endpoint.from_environment(given)
    except (ValueError, OSError) as fault:
        click.echo(f"cannot connect: {fault}", err=True)
        sys.exit(SETUP)


def fail(error: KmsServiceError) -> None:
    """Print an error and end with its exit code."""
    where = f" (request id {error.request_id})" if error.request_id else ""
    click.echo(f"{error.code}: {error.message}{where}", err=True)
    for field, text in error.fields:
        click.echo(f"  {field}: {text}", err=True)
    sys.exit(exit_code(error.code))


def _run(rpc: Rpc, options: dict[str, Any]) -> None:
    request: Any = rpc.request_class()
    for field in request.DESCRIPTOR.fields:
        values.set_field(request, field, options.get(field.name), base64_input=options["base64"])
    try:
        with Client(endpoint_of(options)) as client:
            answer = client.call(rpc, request, options["timeout"])
    except KmsServiceError as error:
        fail(error)
        return
    if options["field"]:
        _print_field(values.find_field(answer, options["field"]), options)
    else:
        values.print_answer(answer, options["output"] or ("table" if sys.stdout.isatty() else "json"))


def _print_field(value: Any, options: dict[str, Any]) -> None:
    data = value if isinstance(value, bytes) and not options["base64"] else None
    if data is None:
        import base64

        text = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
        data = f"{text}\n".encode()
    if options["out"]:
        write_private(Path(options["out"]), data)
    else:
        sys.stdout.buffer.write(data)


def _command(rpc: Rpc) -> click.Command:
    descriptor: Any = rpc.request_class.DESCRIPTOR
    fields = [values.option_of(field) for field in descriptor.fields]

    def callback(**options: Any) -> None:
        _run(rpc, options)

    name = rpc.method_name.replace("_", "-")
    return click.Command(name, params=[*fields, *CONNECTION, *OUTPUT], callback=callback, help=f"{rpc.name} of the KMS API.")


kms = click.Group(
    "kms", help="Call a Region: one command per operation.", commands={str(c.name): c for c in map(_command, rpcs().values())}
)


@click.group()
def envelope() -> None:
    """Encrypt files under data keys; the data never leaves this machine."""


def _pairs(context: tuple[str, ...]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in context)


def _files(function: Any) -> Any:
    for option in reversed(CONNECTION):
        function = click.option(*option.opts, option.name, envvar=option.envvar, type=option.type, help=option.help)(function)
    function = click.option("--encryption-context", "context", multiple=True, metavar="NAME=VALUE")(function)
    function = click.argument("target", type=click.Path(path_type=Path))(function)
    return click.argument("source", type=click.Path(path_type=Path, exists=True))(function)


@envelope.command("encrypt")
@click.option("--key-id", required=True)
@_files
def encrypt_file(key_id: str, source: Path, target: Path, context: tuple[str, ...], **options: Any) -> None:
    """Encrypt SOURCE into TARGET."""
    try:
        with Client(endpoint_of(options)) as client:
            target.write_bytes(seal(client, key_id, source.read_bytes(), _pairs(context)))
    except KmsServiceError as error:
        fail(error)


@envelope.command("decrypt")
@_files
def decrypt_file(source: Path, target: Path, context: tuple[str, ...], **options: Any) -> None:
    """Decrypt SOURCE into TARGET."""
    try:
        with Client(endpoint_of(options)) as client:
            opened = unseal(client, source.read_bytes(), _pairs(context))
    except KmsServiceError as error:
        fail(error)
        return
    except EnvelopeError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    write_private(target, opened)
