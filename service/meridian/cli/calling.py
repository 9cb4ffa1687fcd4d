"""Calls of the command line: to which Region, and how their answers are printed and their refusals told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from google.protobuf.descriptor import FieldDescriptor

from meridian.cli import answers, values
from meridian.cli.danger import require_meant
from meridian.cli.debug_lines import DebugLines
from meridian.cli.exit_codes import SETUP, exit_code
from meridian.cli.output import after, require_standard_output, write_output
from meridian.cli.short_files import PEM_BYTES_MAX, read_up_to
from meridian.cli.terminal import say, say_value
from meridian.cli.waits import Awaited
from meridian.client import Client, Endpoint
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import Rpc
from meridian.contract.fields import descriptor_of
from meridian.crypto.certificate_life import certificate_life, certificate_lives, require_key_of

CALLED: Final = "the call has been made"


def endpoint_of(options: dict[str, Any]) -> Endpoint:
    """The Region that the options, the environment or a profile name; what is wrong with a file is said before anything is sent."""
    try:
        if options.get("token_file"):
            _require_token(options["token_file"])
        endpoint = Endpoint.find(
            target=options["endpoint"],
            ca=options["ca"],
            certificate=options["certificate"],
            private_key=options["private_key"],
            token_file=options["token_file"],
            profile=options["profile"],
        )
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


def fail(error: KmsServiceError) -> NoReturn:
    """Print an error and end with its exit code."""
    where = f" (request id {error.request_id})" if error.request_id else ""
    say(f"{error.code}: {error.message}{where}", err=True)
    for field, text in error.fields:
        say(f"  {field}: {text}", err=True)
    sys.exit(exit_code(error.code))


def run(rpc: Rpc, options: dict[str, Any]) -> None:
    """Make the call that the options say, and print its answer; a refusal ends with its exit code."""
    request: Any = rpc.request_class()
    descriptor = descriptor_of(rpc.response_class)
    if options["out"] and options["field"] is None:
        raise click.UsageError("--out writes one member of the answer: give --field")
    if options["query"] is not None and options["field"] is not None:
        raise click.UsageError("--query and --field each print a part of the answer: give one")
    path = answers.path_of(descriptor, options["field"]) if options["field"] is not None else None
    for field in request.DESCRIPTOR.fields:
        values.set_field(request, field, options.get(field.name), base64_input=options["base64"])
    if not options["out"]:
        require_standard_output()
    require_meant(rpc.name, request, is_said=options.get("yes", False))
    endpoint = endpoint_of(options)
    debug = DebugLines(rpc, endpoint) if options["debug"] else None
    try:
        with Client(endpoint) as client:
            if debug is not None:
                debug.sent(request)
            awaited = Awaited.prepare(rpc.name, endpoint, request, client) if options.get("wait") else None
            answer = client.call(rpc, request, options["timeout"], options.get("client_token"))
    except KmsServiceError as error:
        if debug is not None:
            debug.refused(error)
        fail(error)
    if debug is not None:
        debug.answered(answer)
    with after(CALLED):
        _print(answer, path, options)
    if awaited is not None:
        _wait(awaited, request, options["wait_seconds"])


def _print(answer: Any, path: list[FieldDescriptor] | None, options: dict[str, Any]) -> None:
    if path is None:
        answers.print_answer(answer, options["output"], options["query"])
        return
    data = answers.member(answer, path, as_base64=options["base64"])
    if options["out"]:
        write_output(options["out"], data, "--out", private=True)
    else:
        say_value(data)


def _wait(awaited: Awaited, request: Any, seconds: float) -> None:
    """The call has been made and its answer printed: what follows is only seen."""
    try:
        awaited.finish(request, seconds)
    except KmsServiceError as error:
        say(f"{CALLED}, and its effect was not seen:", err=True)
        fail(error)
