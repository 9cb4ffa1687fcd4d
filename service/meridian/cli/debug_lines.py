"""`--debug`: what a command sends and gets, on standard error. Of bytes and secrets it shows how many there are, and nothing of them."""

from __future__ import annotations

import json
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from meridian.cli.terminal import say
from meridian.client import Endpoint
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import TIMESTAMP, Rpc, aws_member_name, is_map, is_secret, message_of

MASKED: Final = frozenset({"encryption_context", "source_encryption_context", "destination_encryption_context", "grant_tokens"})
"""Fields whose values are no secrets of the contract and may still be somebody's."""


class DebugLines:
    """Told of one call."""

    def __init__(self, rpc: Rpc, endpoint: Endpoint) -> None:
        self._tell(f"{rpc.name} at {endpoint.target}, with {endpoint.certificate}")

    def sent(self, request: Any) -> None:
        self._tell(f"sends {json.dumps(masked(request), ensure_ascii=False)}")

    def answered(self, answer: Any) -> None:
        self._tell(f"was answered {json.dumps(masked(answer), ensure_ascii=False)}")

    def refused(self, error: KmsServiceError) -> None:
        self._tell(f"was refused: {error.code}, request id {error.request_id or 'none'}")

    def _tell(self, text: str) -> None:
        say(f"debug: {text}", err=True)


def masked(message: Any) -> dict[str, Any]:
    """A message under AWS's names: each value that is bytes, a secret or a caller's own as what it is instead of what it says."""
    return {aws_member_name(field): _masked(field, value) for field, value in message.ListFields()}


def _masked(field: FieldDescriptor, value: Any) -> Any:
    if is_secret(field) or field.name in MASKED:
        return f"({len(value)} {'bytes' if isinstance(value, bytes) else 'characters' if isinstance(value, str) else 'entries'})"
    if is_map(field):
        return f"({len(value)} entries)"
    if field.is_repeated:
        return [_one(field, each) for each in value]
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return value
    return value.ToJsonString() if message_of(field).full_name == TIMESTAMP else masked(value)
