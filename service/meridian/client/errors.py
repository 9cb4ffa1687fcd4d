"""What a Region refuses with, as exceptions named as in AWS.

Catch `KmsServiceError` for all of them, or one by its name: `except errors.NotFoundException`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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

    def __init__(
        self,
        code: str,
        message: str,
        request_id: str,
        metadata: dict[str, str],
        fields: tuple[tuple[str, str], ...],
        retry_after_seconds: float | None,
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        """AWS exception name."""
        self.message = message
        self.request_id = request_id
        self.metadata = metadata
        self.fields = fields
        """(field, what is wrong with it) for refused requests."""
        self.retry_after_seconds = retry_after_seconds
        """When the Region says that there may be room again; None where it says nothing of that."""


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
        told = _told(rpc_status.from_call(call))
    except (ValueError, DecodeError):  # details that are none, or not those of the status they came with
        told = _Told()
    code = told.code
    if not code:
        code = UNREACHABLE if call.code() is grpc.StatusCode.UNAVAILABLE else call.code().name
    return _error(code, call.details() or "", told)


def error_of_status(status: Any) -> KmsServiceError:
    """The typed exception of a status inside an answer."""
    try:
        told = _told(status)
    except DecodeError:
        told = _Told()
    return _error(told.code or grpc_name(status.code), status.message, told)


def grpc_name(number: int) -> str:
    """The name of a status code of gRPC; UNKNOWN for a number that is none."""
    return next((code.name for code in grpc.StatusCode if code.value[0] == number), grpc.StatusCode.UNKNOWN.name)


def passed_deadline() -> KmsServiceError:
    """The exception of what was not sent any more: its caller's time is over."""
    return _error(grpc.StatusCode.DEADLINE_EXCEEDED.name, "Deadline Exceeded", _Told())


@dataclass(frozen=True, slots=True)
class _Told:
    """What the details of a status say."""

    code: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()
    retry_after_seconds: float | None = None


def _error(code: str, message: str, told: _Told) -> KmsServiceError:
    request_id = told.metadata.get("request_id", "")
    return error_class(code)(code, message, request_id, told.metadata, told.fields, told.retry_after_seconds)


def _told(status: Any) -> _Told:
    """Raises: DecodeError for details that cannot be read."""
    told = _Told()
    for detail in status.details if status is not None else ():
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info) and info.domain == DOMAIN:
            told = replace(told, code=info.reason, metadata=dict(info.metadata))
        elif detail.Is(bad.DESCRIPTOR) and detail.Unpack(bad):
            told = replace(told, fields=tuple((v.field, v.description) for v in bad.field_violations))
        elif detail.Is(retry.DESCRIPTOR) and detail.Unpack(retry):
            told = replace(told, retry_after_seconds=retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
    return told
