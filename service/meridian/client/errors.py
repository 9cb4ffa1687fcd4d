"""What a Region refuses with, as exceptions named as in AWS.

Catch `KmsServiceError` for all of them, or one by its name: `except errors.NotFoundException`.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DOMAIN = "kms.meridian"
UNREACHABLE = "EndpointConnectionError"
CANCELLED = "CANCELLED"


class KmsServiceError(Exception):
    """A refused or failed call."""

    def __init__(self, code: str, message: str, request_id: str, metadata: dict[str, str], fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        """AWS exception name."""
        self.message = message
        self.request_id = request_id
        self.metadata = metadata
        self.fields = fields
        """(field, what is wrong with it) for refused requests."""


_classes: dict[str, type[KmsServiceError]] = {}


def error_class(code: str) -> type[KmsServiceError]:
    """The exception of an AWS name."""
    if code not in _classes:
        _classes[code] = type(code, (KmsServiceError,), {"__module__": __name__, "__doc__": f"AWS {code}."})
    return _classes[code]


def __getattr__(name: str) -> Any:
    if name.endswith(("Exception", "Error")) and name[0].isupper():
        return error_class(name)
    raise AttributeError(name)


def error_of(fault: grpc.RpcError) -> KmsServiceError:
    """The typed exception of a failed RPC."""
    call: Any = fault
    try:
        code, metadata, fields = _told(call)
    except (ValueError, DecodeError):  # details that are none, or not those of the status they came with
        code, metadata, fields = "", {}, ()
    if not code:
        code = UNREACHABLE if call.code() is grpc.StatusCode.UNAVAILABLE else call.code().name
    return error_class(code)(code, call.details() or "", metadata.get("request_id", ""), metadata, fields)


def _told(call: Any) -> tuple[str, dict[str, str], tuple[tuple[str, str], ...]]:
    """The AWS exception name, the metadata and the fields of a status. Raises: ValueError or DecodeError for one that cannot be read."""
    status = rpc_status.from_call(call)
    code = ""
    metadata: dict[str, str] = {}
    fields: tuple[tuple[str, str], ...] = ()
    for detail in status.details if status is not None else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info) and info.domain == DOMAIN:
            code, metadata = info.reason, dict(info.metadata)
        elif detail.Is(bad.DESCRIPTOR) and detail.Unpack(bad):
            fields = tuple((v.field, v.description) for v in bad.field_violations)
    return code, metadata, fields
