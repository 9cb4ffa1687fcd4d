"""THE table: exception → gRPC status code, and whether its details carry retry advice.

On the wire an error is a status with AWS's message and a `google.rpc.ErrorInfo` whose reason is the AWS exception name; several
names share a code, so clients switch on the reason. Metadata: `request_id`, and `key_arn` where the caller may know the key.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from meridian import errors as e
from meridian.domain.foreign_text import cut_encoded
from meridian.transport.retry_advice import wait_milliseconds

DOMAIN: Final = "kms.meridian"
S = grpc.StatusCode

TABLE: Final[dict[type[e.KmsError], grpc.StatusCode]] = {
    e.UnrecognizedClientException: S.UNAUTHENTICATED,
    e.ExpiredTokenException: S.UNAUTHENTICATED,
    e.MissingAuthenticationTokenException: S.UNAUTHENTICATED,
    e.IncompleteSignatureException: S.UNAUTHENTICATED,
    e.InvalidSignatureException: S.UNAUTHENTICATED,
    e.UnknownOperationException: S.UNIMPLEMENTED,
    e.SerializationException: S.INVALID_ARGUMENT,
    e.ThrottlingException: S.RESOURCE_EXHAUSTED,
    e.ValidationException: S.INVALID_ARGUMENT,
    e.AccessDeniedException: S.PERMISSION_DENIED,
    e.NotFoundException: S.NOT_FOUND,
    e.InvalidArnException: S.INVALID_ARGUMENT,
    e.AlreadyExistsException: S.ALREADY_EXISTS,
    e.NotAuthorizedException: S.PERMISSION_DENIED,
    e.InvalidAliasNameException: S.INVALID_ARGUMENT,
    e.InvalidMarkerException: S.INVALID_ARGUMENT,
    e.LimitExceededException: S.RESOURCE_EXHAUSTED,
    e.TagException: S.INVALID_ARGUMENT,
    e.MalformedPolicyDocumentException: S.INVALID_ARGUMENT,
    e.DisabledException: S.FAILED_PRECONDITION,
    e.KMSInvalidStateException: S.FAILED_PRECONDITION,
    e.KeyUnavailableException: S.UNAVAILABLE,
    e.InvalidKeyUsageException: S.FAILED_PRECONDITION,
    e.UnsupportedOperationException: S.FAILED_PRECONDITION,
    e.FeatureNotBuiltException: S.UNIMPLEMENTED,
    e.IncorrectKeyException: S.INVALID_ARGUMENT,
    e.InvalidCiphertextException: S.INVALID_ARGUMENT,
    e.KMSInvalidSignatureException: S.INVALID_ARGUMENT,
    e.KMSInvalidMacException: S.INVALID_ARGUMENT,
    e.InvalidGrantTokenException: S.INVALID_ARGUMENT,
    e.InvalidGrantIdException: S.INVALID_ARGUMENT,
    e.ConflictException: S.ABORTED,
    e.DryRunOperationException: S.FAILED_PRECONDITION,
    e.ExpiredImportTokenException: S.FAILED_PRECONDITION,
    e.InvalidImportTokenException: S.INVALID_ARGUMENT,
    e.IncorrectKeyMaterialException: S.INVALID_ARGUMENT,
    e.DependencyTimeoutException: S.UNAVAILABLE,
    e.CallerLeft: S.CANCELLED,
    e.CallerDeadlinePassed: S.DEADLINE_EXCEEDED,
    e.KMSInternalException: S.INTERNAL,
    e.CustomKeyStoreNotFoundException: S.NOT_FOUND,
    e.CustomKeyStoreNameInUseException: S.ALREADY_EXISTS,
    e.CustomKeyStoreHasCMKsException: S.FAILED_PRECONDITION,
    e.CustomKeyStoreInvalidStateException: S.FAILED_PRECONDITION,
    e.XksKeyNotFoundException: S.NOT_FOUND,
    e.XksKeyAlreadyInUseException: S.ALREADY_EXISTS,
    e.XksKeyInvalidConfigurationException: S.FAILED_PRECONDITION,
    e.XksProxyUriInUseException: S.ALREADY_EXISTS,
    e.XksProxyUriEndpointInUseException: S.ALREADY_EXISTS,
    e.XksProxyUriUnreachableException: S.UNAVAILABLE,
    e.XksProxyIncorrectAuthenticationCredentialException: S.FAILED_PRECONDITION,
    e.XksProxyInvalidConfigurationException: S.FAILED_PRECONDITION,
    e.XksProxyInvalidResponseException: S.UNAVAILABLE,
    e.XksProxyVpcEndpointServiceInUseException: S.ALREADY_EXISTS,
    e.XksProxyVpcEndpointServiceNotFoundException: S.NOT_FOUND,
    e.XksProxyVpcEndpointServiceInvalidConfigurationException: S.FAILED_PRECONDITION,
    e.CloudHsmClusterInUseException: S.ALREADY_EXISTS,
    e.CloudHsmClusterNotFoundException: S.NOT_FOUND,
    e.CloudHsmClusterNotActiveException: S.FAILED_PRECONDITION,
    e.CloudHsmClusterNotRelatedException: S.FAILED_PRECONDITION,
    e.CloudHsmClusterInvalidConfigurationException: S.FAILED_PRECONDITION,
    e.IncorrectTrustAnchorException: S.FAILED_PRECONDITION,
}


TEXT_BYTES_MAX: Final = 1024
"""Of a message, percent-encoded. It leaves twice, in `grpc-message` and in the details, and every gRPC client takes trailers of 8 KiB; one
that cannot take what came makes a RESOURCE_EXHAUSTED of it."""
FAULTS_BYTES_MAX: Final = 2048
"""Of the fields at fault, with their texts."""
FAULT_BYTES_MAX: Final = 512
"""Of the text of one of them."""


ANY_REQUEST: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for the id of a request, which has this length."""
THROTTLED_KEPT: Final = 64


class SentStatus(NamedTuple):
    """A status as a front sends it."""

    code: int
    message: str
    details: bytes
    """The whole of it, for `grpc-status-details-bin`."""


def sent_status(error: e.KmsError, request_id: str) -> SentStatus:
    """What leaves the process. Where there is no room for calls, what is made once for all that are refused with the same advice: it would
    cost a third of a refusal."""
    if type(error) is e.ThrottlingException and not error.key_arn and len(request_id) == len(ANY_REQUEST):
        kept = _throttled(error.retry_after_seconds)
        return kept._replace(details=kept.details.replace(ANY_REQUEST.encode(), request_id.encode()))
    return _sent(status_of(error, request_id))


@lru_cache(maxsize=THROTTLED_KEPT)
def _throttled(seconds: float) -> SentStatus:
    return _sent(status_of(e.ThrottlingException(seconds), ANY_REQUEST))


def _sent(status: status_pb2.Status) -> SentStatus:
    return SentStatus(status.code, status.message, status.SerializeToString())


def status_of(error: e.KmsError, request_id: str) -> status_pb2.Status:
    """The rich status that leaves the process; its texts are cut to what trailers hold."""
    metadata = {"request_id": request_id}
    if error.key_arn:
        metadata["key_arn"] = error.key_arn
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN, metadata=metadata)
    status = status_pb2.Status(code=_number(_status_code(error)), message=cut_encoded(error.message, TEXT_BYTES_MAX))
    details = [info, *_advice(error)]
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _status_code(error: e.KmsError) -> grpc.StatusCode:
    """The row of the error's class, or of the nearest one above it that has a row."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def _number(code: grpc.StatusCode) -> int:
    return int(code_pb2.Code.Value(code.name))


def _advice(error: e.KmsError) -> list[error_details_pb2.BadRequest | error_details_pb2.RetryInfo]:
    if isinstance(error, e.ValidationException) and error.fields:
        return [_bad_request(error.fields)]
    wait = wait_milliseconds(error)
    if wait is not None:
        delay = duration_pb2.Duration(nanos=0)
        delay.FromMilliseconds(wait)
        return [error_details_pb2.RetryInfo(retry_delay=delay)]
    return []


def _bad_request(fields: Iterable[tuple[str, str]]) -> error_details_pb2.BadRequest:
    """The first fields at fault, as many as there is room for."""
    bad, room = error_details_pb2.BadRequest(), FAULTS_BYTES_MAX
    for name, text in fields:
        fault = error_details_pb2.BadRequest.FieldViolation(
            field=cut_encoded(name, FAULT_BYTES_MAX), description=cut_encoded(text, FAULT_BYTES_MAX)
        )
        room -= fault.ByteSize()
        if room < 0:
            break
        bad.field_violations.append(fault)
    return bad
