"""`meridian k8s-kms`: the API server of Kubernetes encrypts what it stores under a key of Meridian."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from meridian.cli.connection import CONNECTION
from meridian.cli.exit_codes import OK, OTHER, SETUP
from meridian.cli.new_files import NewFile
from meridian.cli.terminal import say

HEALTH_PORT: Final = 7661
END_SECONDS: Final = 10.0
"""From the first signal to the end, whatever hangs."""


def _credentials(command: click.Command) -> click.Command:
    """The options of the connection, but for the endpoint: there may be several, and none comes from the environment."""
    command.params += [option for option in CONNECTION if option.name != "endpoint"]
    return command


@_credentials
@click.command("k8s-kms")
@click.option("--socket", required=True, type=NewFile(), help="Unix socket that the API server connects to; its folder is there.")
@click.option(
    "--endpoint",
    "endpoints",
    required=True,
    multiple=True,
    help="host:port in the key's own Region, or REGION=host:port. The nearest first.",
)
@click.option("--key", required=True, help="ARN of the key; with endpoints in other Regions, that of a multi-Region key.")
@click.option("--health-port", type=click.IntRange(1, 65535), default=HEALTH_PORT, show_default=True, help="Port of 127.0.0.1.")
def k8s_kms(socket: Path, endpoints: tuple[str, ...], key: str, health_port: int, **options: Any) -> None:
    """Protect what a cluster stores: serve the KMS v2 API of Kubernetes until SIGTERM.

    Reads its certificates and token again while it runs. Health and metrics are on 127.0.0.1.
    """
    # Not above: help needs nothing that calls or serves.
    from meridian.cli.calling import endpoint_of
    from meridian.k8s_kms.credentials import CredentialFiles
    from meridian.k8s_kms.endpoints import read_places
    from meridian.k8s_kms.key_name import KeyName
    from meridian.k8s_kms.process import Choices

    try:
        name = KeyName.read(key)
    except ValueError as fault:
        raise click.BadParameter(f"{key} {fault}", param_hint="--key") from fault
    try:
        places = read_places(endpoints, name)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="--endpoint") from fault
    sound = endpoint_of({**options, "endpoint": places[0].target})
    token = Path(options["token_file"]) if options.get("token_file") else None
    files = CredentialFiles(sound.ca, sound.certificate, sound.private_key, token, _life_of)
    sys.exit(serve(Choices(socket.absolute(), health_port, name, places, files, _now)))


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a client has no ports


def _life_of(pem: bytes) -> tuple[datetime, datetime]:
    """Raises: ValueError."""
    from meridian.crypto.certificate_life import certificate_life

    life = certificate_life(pem)
    return life.not_before, life.not_after


def serve(choices: Any) -> int:
    """Until the end of the process; the answer is its exit code."""
    from meridian.cli.json_log import log_as_json
    from meridian.process_memory import protect_memory

    log_as_json()
    protect_memory()
    return asyncio.run(_serve(choices))


async def _serve(choices: Any) -> int:
    from meridian.cli.ending import Ending
    from meridian.cli.signals import LoopSignals
    from meridian.k8s_kms.process import Process, StartError

    ending = Ending(END_SECONDS, LoopSignals())
    try:
        process = Process(choices)
        fault = await process.start()
    except StartError as refused:
        say(f"cannot start: {refused}", err=True)
        return SETUP
    say(f"ready, but the key cannot be used yet: {fault}" if fault else "ready")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    asked, unasked = loop.create_task(ending.asked()), loop.create_task(process.ended())
    await asyncio.wait({asked, unasked}, return_when=asyncio.FIRST_COMPLETED)
    code = OTHER if unasked.done() else OK
    if unasked.done():
        say(f"ends: {unasked.result()}", err=True)
        ending.ask()
    await process.stop()
    return code
