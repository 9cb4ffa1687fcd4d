"""Answers and refusals of the query protocol, in XML; THE table of what STS calls the errors of this service.

Source: Smithy, AWS query protocol; AWS STS API Reference, errors of each operation and Common errors.
"""

from __future__ import annotations

from datetime import UTC
from typing import Final, NamedTuple

from meridian import errors as e
from meridian.domain.foreign_text import printable
from meridian.sts.v1 import sts_pb2 as wire

NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"
TEXT_CHARACTERS_MAX: Final = 8192
"""As long as a session token may be; nothing else is nearly so long."""


class Refusal(NamedTuple):
    """An error of STS."""

    status: int
    code: str
    is_sender: bool


INTERNAL: Final = Refusal(500, "InternalFailure", False)
AWAY: Final = Refusal(400, "IDPCommunicationError", True)
"""Of a key set that is not at hand: SDKs try that again."""
TABLE: Final[dict[type[e.KmsError], Refusal]] = {
    e.ValidationException: Refusal(400, "ValidationError", True),
    e.UnsupportedOperationException: Refusal(400, "InvalidParameterCombination", True),
    e.AccessDeniedException: Refusal(403, "AccessDenied", True),
    e.ExpiredTokenException: Refusal(400, "ExpiredTokenException", True),
    e.MissingAuthenticationTokenException: Refusal(403, "MissingAuthenticationToken", True),
    e.IncompleteSignatureException: Refusal(400, "IncompleteSignature", True),
    e.InvalidSignatureException: Refusal(403, "SignatureDoesNotMatch", True),
    e.UnrecognizedClientException: Refusal(403, "InvalidClientTokenId", True),
    e.UnknownOperationException: Refusal(400, "InvalidAction", True),
    e.ThrottlingException: Refusal(400, "Throttling", True),
    e.DependencyTimeoutException: Refusal(503, "ServiceUnavailable", False),
}
OF_TOKEN: Final[dict[type[e.KmsError], Refusal]] = {
    e.UnrecognizedClientException: Refusal(400, "InvalidIdentityToken", True),
    e.DependencyTimeoutException: AWAY,
}
"""Where the token of an identity provider is what is wrong."""


def refusal_of(error: e.KmsError, *, of_token: bool) -> Refusal:
    """What STS calls it; what has no row is the service's own failure."""
    tables = (OF_TOKEN, TABLE) if of_token else (TABLE,)
    return next((table[kind] for table in tables for kind in type(error).__mro__ if kind in table), INTERNAL)


def write_refusal(refusal: Refusal, message: str, request_id: str) -> bytes:
    """The body of a refusal."""
    kind = "Sender" if refusal.is_sender else "Receiver"
    inner = f"<Type>{kind}</Type><Code>{refusal.code}</Code><Message>{_text(message)}</Message>"
    return _document("ErrorResponse", f"<Error>{inner}</Error><RequestId>{_text(request_id)}</RequestId>")


def write_assumed(answer: wire.AssumeRoleWithWebIdentityResponse, request_id: str) -> bytes:
    """The body of an answer with keys."""
    keys, user = answer.credentials, answer.assumed_role_user
    ends = keys.expiration.ToDatetime(UTC)
    return _result(
        "AssumeRoleWithWebIdentity",
        _element(
            "Credentials",
            _leaf("AccessKeyId", keys.access_key_id)
            + _leaf("SecretAccessKey", keys.secret_access_key)
            + _leaf("SessionToken", keys.session_token)
            + _leaf("Expiration", f"{ends:%Y-%m-%dT%H:%M:%SZ}"),
        )
        + _leaf("SubjectFromWebIdentityToken", answer.subject_from_web_identity_token)
        + _element("AssumedRoleUser", _leaf("AssumedRoleId", user.assumed_role_id) + _leaf("Arn", user.arn))
        + _leaf("Provider", answer.provider),
        request_id,
    )


def write_identity(answer: wire.GetCallerIdentityResponse, request_id: str) -> bytes:
    """The body of an answer that says who calls."""
    inner = _leaf("Arn", answer.arn) + _leaf("UserId", answer.user_id) + _leaf("Account", answer.account)
    return _result("GetCallerIdentity", inner, request_id)


def _result(operation: str, inner: str, request_id: str) -> bytes:
    metadata = _element("ResponseMetadata", _leaf("RequestId", request_id))
    return _document(f"{operation}Response", f"{_element(f'{operation}Result', inner)}{metadata}")


def _document(name: str, inner: str) -> bytes:
    return f'<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode()


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _leaf(name: str, text: str) -> str:
    return _element(name, _text(text))


def _text(text: str) -> str:
    return printable(text, TEXT_CHARACTERS_MAX).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
