"""A file into an envelope, and out of one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from meridian.cli import values
from meridian.cli.calling import CALLED, endpoint_of, fail
from meridian.cli.exit_codes import OTHER
from meridian.cli.output import after, write_output
from meridian.cli.terminal import say
from meridian.client import Client
from meridian.client.envelope import Envelope
from meridian.client.envelope_error import EnvelopeError
from meridian.client.errors import KmsServiceError

TARGET: Final = "TARGET"
BYTES_MAX: Final = 1 << 30
"""Of a file: it is in memory, and so is its envelope."""
SEALED_BYTES_MAX: Final = BYTES_MAX + (1 << 16)
"""Of an envelope: the longest file, and everything around it and between its segments."""


def seal_file(key_id: str, source: str, target: Path, context: dict[str, str], options: dict[str, Any]) -> None:
    """Encrypt a file under a new data key of a key. Raises: click.BadParameter, OutputError."""
    data = values.read_bytes(source, "SOURCE", BYTES_MAX)
    sealed = _through_client(options, lambda client: Envelope(client, key_id).encrypt(data, encryption_context=context))
    with after(CALLED):
        write_output(target, sealed, TARGET, private=False)


def unseal_file(source: str, target: Path, context: dict[str, str], options: dict[str, Any]) -> None:
    """Decrypt an envelope into a file for its owner alone. Raises: click.BadParameter, OutputError."""
    data = values.read_bytes(source, "SOURCE", SEALED_BYTES_MAX)
    opened = _through_client(options, lambda client: Envelope(client, "").decrypt(data, encryption_context=context))
    with after(CALLED):
        write_output(target, opened, TARGET, private=True)


def _through_client(options: dict[str, Any], work: Callable[[Client], bytes]) -> bytes:
    """What comes of the work, or the end of the process."""
    try:
        with Client(endpoint_of(options)) as client:
            return work(client)
    except KmsServiceError as error:
        fail(error)
    except EnvelopeError as error:
        say(str(error), err=True)
        sys.exit(OTHER)
