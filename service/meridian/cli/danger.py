"""What cannot be taken back is asked for once more on a terminal."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

DANGERS: Final = {
    "ScheduleKeyDeletion": "When its waiting period is over, nothing that was encrypted under it can be decrypted.",
    "DeleteImportedKeyMaterial": "Nothing can be encrypted or decrypted with it until the same material is imported again.",
    "DeleteAlias": "Callers who name the alias find no key.",
    "DeleteCustomKeyStore": "The store is gone, with its connection.",
    "DisconnectCustomKeyStore": "No key in it can be used until it is connected again.",
}
"""THE table of operations that ask first, and of what comes of them."""


def require_meant(operation: str, request: Any, *, is_said: bool) -> None:
    """Ask on a terminal, unless `--yes` says it already; a program has nobody to ask. Raises: click.Abort."""
    if operation not in DANGERS or is_said or sys.stdin is None or not sys.stdin.isatty():
        return
    named = next((getattr(request, field.name) for field in request.DESCRIPTOR.fields if field.type == field.TYPE_STRING), "")
    click.confirm(f"{operation} of {named}. {DANGERS[operation]} Go on?", abort=True, err=True)
