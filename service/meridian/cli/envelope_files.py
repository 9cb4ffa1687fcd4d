"""A file into an envelope, and out of one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meridian.cli import values
from meridian.cli.calling import endpoint_of, fail
from meridian.cli.exit_codes import OTHER
from meridian.cli.private_files import write_private
from meridian.cli.terminal import say
from meridian.client import Client
from meridian.client.envelope import BYTES_MAX, SEALED_BYTES_MAX, EnvelopeError, seal, unseal
from meridian.client.errors import KmsServiceError


def seal_file(key_id: str, source: str, target: Path, context: dict[str, str], options: dict[str, Any]) -> None:
    """Encrypt a file under a new data key of a key. Raises: click.BadParameter."""
    data = values.read_bytes(source, "SOURCE", BYTES_MAX)
    sealed = _through_client(options, lambda client: seal(client, key_id, data, context))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(sealed)


def unseal_file(source: str, target: Path, context: dict[str, str], options: dict[str, Any]) -> None:
    """Decrypt an envelope into a file for its owner alone. Raises: click.BadParameter."""
    data = values.read_bytes(source, "SOURCE", SEALED_BYTES_MAX)
    write_private(target, _through_client(options, lambda client: unseal(client, data, context)))


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
