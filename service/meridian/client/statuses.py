"""From the status that a call ended with to the exception that its caller gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from meridian.client.errors import BY_CODE
from meridian.client.service_error import KmsServiceError, TransportError

DOMAIN: Final = "kms.meridian"
UNREACHABLE: Final = "EndpointConnectionError"
CANCELLED: Final = "CANCELLED"
TIME_IS_OVER: Final = "DEADLINE_EXCEEDED"
THROTTLED: Final = "ThrottlingException"
DETAILS: Final = "grpc-status-details-bin"
"""Trailing metadata with a whole google.rpc.Status. Source: gRPC, richer error model."""


def error_class(code: str) -> type[KmsServiceError]:
    """The class of a code; the base of all for the name of an exception that a newer Region has."""
    return BY_CODE.get(code, TransportError if code in grpc.StatusCode.__members__ else KmsServiceError)


def error_of(fault: grpc.RpcError) -> KmsServiceError:
    """The typed exception of a failed RPC."""
    call: Any = fault
    try:
        told = _told(_status_of(call))
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
    return _error(TIME_IS_OVER, "Deadline Exceeded", _Told())


@dataclass(frozen=True, slots=True)
class _Told:
    """What the details of a status say."""

    code: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()
    retry_after_seconds: float | None = None


def _status_of(call: Any) -> Any:
    """The rich status of a call; None where it has none. Raises: DecodeError; ValueError where it is another call's."""
    for name, value in call.trailing_metadata() or ():
        if name == DETAILS:
            status = status_pb2.Status.FromString(value)
            if status.code != call.code().value[0] or status.message != (call.details() or ""):
                raise ValueError("details of another status")
            return status
    return None


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
