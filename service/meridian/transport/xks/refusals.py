"""THE table: what another KMS is told of a refusal, by HTTP status, name and sentence.

The sentences are the service's own and say nothing of keys, principals or causes; those are in the audit record. That of a
ValidationException names the field, which the caller wrote himself.

Source: AWS KMS External Key Store (XKS) Proxy API Specification, Errors.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from meridian import errors as e
from meridian.domain.foreign_text import printable

MESSAGE_CHARACTERS_MAX: Final = 511


class Refusal(NamedTuple):
    """An error of the specification."""

    status: int
    name: str
    sentence: str


INVALID_STATE: Final = Refusal(400, "InvalidStateException", "The external key is not in a state in which it can be used.")
NOT_AUTHENTICATED: Final = Refusal(401, "AuthenticationFailedException", "The request is not signed by a credential of this key store.")
INTERNAL: Final = Refusal(500, "InternalException", "The external key manager has failed.")
INVALID_PATH: Final = Refusal(404, "InvalidUriPathException", "Nothing is served under this path.")
VALIDATION: Final = Refusal(400, "ValidationException", "The request cannot be read.")
UNSUPPORTED: Final = Refusal(501, "UnsupportedOperationException", "The request asks for what is not implemented.")
THROTTLED: Final = Refusal(429, "ThrottlingException", "There are too many requests.")
TIMEOUT: Final = Refusal(503, "DependencyTimeoutException", "The external key manager did not answer in time.")

TABLE: Final[dict[type[e.KmsError], Refusal]] = {
    e.ValidationException: VALIDATION,
    e.SerializationException: VALIDATION,
    e.DisabledException: INVALID_STATE,
    e.KMSInvalidStateException: INVALID_STATE,
    e.KeyUnavailableException: INVALID_STATE,
    e.InvalidCiphertextException: Refusal(400, "InvalidCiphertextException", "The ciphertext does not open."),
    e.InvalidKeyUsageException: Refusal(400, "InvalidKeyUsageException", "The external key may not be used for this."),
    e.MissingAuthenticationTokenException: NOT_AUTHENTICATED,
    e.IncompleteSignatureException: NOT_AUTHENTICATED,
    e.InvalidSignatureException: NOT_AUTHENTICATED,
    e.UnrecognizedClientException: NOT_AUTHENTICATED,
    e.ExpiredTokenException: NOT_AUTHENTICATED,
    e.AccessDeniedException: Refusal(403, "AccessDeniedException", "The policies of the external key manager do not allow this."),
    e.NotFoundException: Refusal(404, "KeyNotFoundException", "There is no such external key."),
    e.UnknownOperationException: INVALID_PATH,
    e.ThrottlingException: THROTTLED,
    e.UnsupportedOperationException: UNSUPPORTED,
    e.DependencyTimeoutException: TIMEOUT,
    e.CallerLeft: TIMEOUT,
    e.KMSInternalException: INTERNAL,
}


def refusal_of(error: e.KmsError) -> tuple[Refusal, str]:
    """The refusal, and its message of printable ASCII. What has no row is the service's own failure."""
    kind = next((each for each in type(error).__mro__ if each in TABLE), e.KMSInternalException)
    refusal = TABLE[kind]
    sentence = error.message if refusal in (VALIDATION, UNSUPPORTED) and error.message else refusal.sentence
    return refusal, _ascii(sentence)


def _ascii(text: str) -> str:
    plain = "".join(each if " " <= each <= "~" else "?" for each in printable(text, MESSAGE_CHARACTERS_MAX))
    return plain[:MESSAGE_CHARACTERS_MAX]
