"""What a Region answers instead of an answer, as the error that it is here."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from meridian import errors
from meridian.domain.foreign_text import printable
from meridian.errors import DependencyTimeoutException, KmsError

TEXT_CHARACTERS_MAX: Final = 512
"""Of another Region's refusal, which is passed on to callers here."""
REASON_CHARACTERS_MAX: Final = 200

PASSED_ON: Final = (
    errors.AccessDeniedException,
    errors.ValidationException,
    errors.AlreadyExistsException,
    errors.LimitExceededException,
    errors.MalformedPolicyDocumentException,
    errors.TagException,
    errors.UnsupportedOperationException,
    errors.KMSInvalidStateException,
    errors.DisabledException,
)
"""What a Region may refuse with; anything else from there counts as no answer."""


def no_answer(region: str, reason: str) -> DependencyTimeoutException:
    """The error of a Region that cannot be reached, or whose answer is none; the reason may be its own text."""
    return DependencyTimeoutException(f"Region {region} did not answer.", reason=printable(reason, REASON_CHARACTERS_MAX))


def error_of(fault: grpc.aio.AioRpcError, region: str) -> KmsError:
    """The error that a Region answered with, or that it did not answer: also where what it answered cannot be read."""
    try:
        refusal = _refusal(fault, region)
    except (ValueError, DecodeError) as unreadable:
        return no_answer(region, f"a refusal that cannot be read: {type(unreadable).__name__}")
    return refusal or no_answer(region, f"{fault.code().name}: {fault.details()}")


def _refusal(fault: grpc.aio.AioRpcError, region: str) -> KmsError | None:
    """Raises: ValueError or DecodeError for a status that is none."""
    status = rpc_status.from_call(fault)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if status is not None and detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            return _typed(region, info.reason, status.message)
    return None


def _typed(region: str, reason: str, message: str) -> KmsError:
    for kind in PASSED_ON:
        if kind.__name__ == reason:
            return kind(printable(message, TEXT_CHARACTERS_MAX))
    return no_answer(region, f"{reason}: {message}")
