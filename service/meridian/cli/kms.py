"""`meridian kms`: one command per operation of the contract, and `meridian envelope` for files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from meridian.catalog import Rpc, rpcs
from meridian.cli import values
from meridian.cli.exit_codes import OTHER, SETUP, exit_code
from meridian.cli.new_files import NewFile
from meridian.cli.private_files import write_private
from meridian.cli.short_files import PEM_BYTES_MAX, read_up_to
from meridian.cli.terminal import say, say_value
from meridian.client import Client, Endpoint
from meridian.client.envelope import BYTES_MAX, SEALED_BYTES_MAX, EnvelopeError, seal, unseal
from meridian.client.errors import KmsServiceError
from meridian.crypto.certificate_life import certificate_life, certificate_lives, require_key_of

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
    click.Option(["--out"], type=NewFile(), help="Write --field to this file, for its owner alone."),
    click.Option(["--base64"], is_flag=True, help="Bytes are base64, in and out."),
    click.Option(["--timeout"], type=float, help="Seconds to wait."),
)
CLIENT_TOKEN = click.Option(["--client-token"], help="Repeat the change that was made under this token; a new one by default.")
OWN = {name for option in (*CONNECTION, *OUTPUT, CLIENT_TOKEN) for name in [option.name]}


def endpoint_of(options: dict[str, Any]) -> Endpoint:
    """The Region that the options, or the environment, name; what is wrong with a file is said before anything is sent."""
    names = ("endpoint", "ca", "certificate", "private_key", "token_file")
    given = {f"MERIDIAN_{name.upper()}": str(options[name]) for name in names if options.get(name)}
    try:
        if options.get("token_file"):
            _require_token(options["token_file"])
        endpoint = Endpoint.from_environment(given)
        certificate = _checked("--certificate", endpoint.certificate, certificate_life)
        _checked("--private-key", endpoint.private_key, lambda pem: require_key_of(certificate, pem))
        _checked("--ca", endpoint.ca, certificate_lives)
    except ValueError as fault:
        say(f"cannot connect: {fault}", err=True)
        sys.exit(SETUP)
    return endpoint


def _checked(option: str, path: Path, check: Callable[[bytes], object]) -> bytes:
    """The bytes of a PEM file that passes a check. Raises: ValueError that names the option and the file."""
    try:
        pem = read_up_to(path, PEM_BYTES_MAX)
        check(pem)
    except OSError as fault:
        raise ValueError(f"{option}: {path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise ValueError(f"{option}: {path}: cannot be used: {fault}") from fault
    return pem


def _require_token(path: str) -> None:
    """Raises: ValueError that names the option and the file."""
    try:
        token = read_up_to(Path(path), PEM_BYTES_MAX).strip()
    except OSError as fault:
        raise ValueError(f"--token-file: {path}: {fault.strerror}") from fault
    if not token or not all(0x21 <= byte <= 0x7E for byte in token):
        raise ValueError(f"--token-file: {path}: is no token, which is one line of ASCII")


def fail(error: KmsServiceError) -> None:
    """Print an error and end with its exit code."""
    where = f" (request id {error.request_id})" if error.request_id else ""
    say(f"{error.code}: {error.message}{where}", err=True)
    for field, text in error.fields:
        say(f"  {field}: {text}", err=True)
    sys.exit(exit_code(error.code))


def _run(rpc: Rpc, options: dict[str, Any]) -> None:
    request: Any = rpc.request_class()
    for field in request.DESCRIPTOR.fields:
        values.set_field(request, field, options.get(field.name), base64_input=options["base64"])
    try:
        with Client(endpoint_of(options)) as client:
            answer = client.call(rpc, request, options["timeout"], options.get("client_token"))
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
        write_private(options["out"], data)
    else:
        say_value(data)


def _command(rpc: Rpc) -> click.Command:
    descriptor: Any = rpc.request_class.DESCRIPTOR
    fields = [values.option_of(field) for field in descriptor.fields]

    def callback(**options: Any) -> None:
        _run(rpc, options)

    name = rpc.method_name.replace("_", "-")
    own = [*CONNECTION, *OUTPUT, *([CLIENT_TOKEN] if rpc.takes_token else [])]
    return click.Command(name, params=[*fields, *own], callback=callback, help=f"{rpc.name} of the KMS API.")


kms = click.Group(
    "kms", help="Call a Region: one command per operation.", commands={str(c.name): c for c in map(_command, rpcs().values())}
)


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
    function = click.option("--encryption-context", "context", multiple=True, metavar="NAME=VALUE")(function)
    function = click.argument("target", type=NewFile())(function)
    return click.argument("source", metavar="FILE|-")(function)


@envelope.command("encrypt")
@click.option("--key-id", required=True)
@_files
def encrypt_file(key_id: str, source: str, target: Path, context: tuple[str, ...], **options: Any) -> None:
    """Encrypt a file into TARGET."""
    data, pairs = values.read_bytes(source, "SOURCE", BYTES_MAX), _pairs(context)
    try:
        with Client(endpoint_of(options)) as client:
            sealed = seal(client, key_id, data, pairs)
    except KmsServiceError as error:
        fail(error)
        return
    except EnvelopeError as error:
        say(str(error), err=True)
        sys.exit(OTHER)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(sealed)


@envelope.command("decrypt")
@_files
def decrypt_file(source: str, target: Path, context: tuple[str, ...], **options: Any) -> None:
    """Decrypt a file into TARGET."""
    data, pairs = values.read_bytes(source, "SOURCE", SEALED_BYTES_MAX), _pairs(context)
    try:
        with Client(endpoint_of(options)) as client:
            opened = unseal(client, data, pairs)
    except KmsServiceError as error:
        fail(error)
        return
    except EnvelopeError as error:
        say(str(error), err=True)
        sys.exit(OTHER)
    write_private(target, opened)
