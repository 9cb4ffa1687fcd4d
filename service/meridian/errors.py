"""Every failure a caller can meet, one class per AWS exception, under AWS's own names.

A class takes the values it reports and builds its message; nobody writes the same sentence twice. What a failure becomes on
the wire is not told here: see `transport/error_table.py`.

Source: AWS KMS API Reference (errors of each operation); message shapes as recorded from the service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import ClassVar, Final, Self


class KmsError(Exception):
    """Base of all failures that leave the process. `key_arn` is set only where the caller may know the key."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, key_arn: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.key_arn = key_arn
        self.reason = reason
        """The internal cause, for the audit record and the operator's log; never sent to the caller."""

    @property
    def code(self) -> str:
        """The AWS exception name, the exact string that clients switch on."""
        return type(self).__name__

    def without_frames(self) -> Self:
        """Itself, without the frames that it came through, and without what caused it: they hold what their calls held, records and tokens
        among it, for as long as the error is kept."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


# ------------------------------------------------------------------ identity, rate and shape of a request


class UnrecognizedClientException(KmsError):
    """The credential is unknown, or names no principal."""

    def __init__(self, *, reason: str = "") -> None:
        super().__init__("The security token included in the request is invalid.", reason=reason)


class ExpiredTokenException(KmsError):
    """The credential was good, and is so no more."""

    def __init__(self, *, reason: str = "") -> None:
        super().__init__("The security token included in the request is expired", reason=reason)


class MissingAuthenticationTokenException(KmsError):
    """The call carries no credential."""

    def __init__(self, *, reason: str = "") -> None:
        super().__init__("Missing Authentication Token", reason=reason)


class IncompleteSignatureException(KmsError):
    """The request's signature lacks a part."""


class InvalidSignatureException(KmsError):
    """The request's signature is not that of its access key, is too old, or is for another place."""


class UnknownOperationException(KmsError):
    """The request names no operation of the service."""


class SerializationException(KmsError):
    """The request's body cannot be read."""


class ThrottlingException(KmsError):
    """The caller's account is over its rate for this class of calls, or others change the
    same key too fast; retry after `retry_after_seconds`."""

    retryable = True

    def __init__(self, retry_after_seconds: float, *, reason: str = "") -> None:
        super().__init__("You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.", reason=reason)
        self.retry_after_seconds = retry_after_seconds


def _json_name(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


class ValidationException(KmsError):
    """The request breaks a rule of shape, or a rule between its fields. `fields` names the fields at fault, in lowerCamelCase as JSON has
    them, however they are spelled here."""

    def __init__(self, message: str, *, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.fields = tuple((_json_name(name), fault) for name, fault in fields)

    @classmethod
    def of_constraints(cls, faults: Sequence[tuple[str, str]]) -> ValidationException:
        """All broken constraints at once; `faults` are (field path, sentence) pairs."""
        noun = "error" if len(faults) == 1 else "errors"
        text = "; ".join(sentence for _, sentence in faults)
        return cls(f"{len(faults)} validation {noun} detected: {text}", fields=faults)


class AccessDeniedException(KmsError):
    """No policy or grant allows the call, a policy forbids it, or the key must not be revealed to this caller."""


# ------------------------------------------------------------------ names, keys and their states


class NotFoundException(KmsError):
    """The key, alias, policy or grant does not exist here."""


class InvalidArnException(KmsError):
    """An ARN cannot be read, or names a kind of thing that the operation does not take."""


class AlreadyExistsException(KmsError):
    """The thing to be created exists already."""


class NotAuthorizedException(KmsError):
    """The name belongs to the service itself: aliases that begin with alias/aws/. AWS declares it nowhere and answers it without a text."""


class InvalidAliasNameException(KmsError):
    """The alias name is not allowed."""


class InvalidMarkerException(KmsError):
    """The paging marker is not one that this service gave for this listing."""


class LimitExceededException(KmsError):
    """A quota would be exceeded."""


class TagException(KmsError):
    """The tags break a rule of tags."""


class MalformedPolicyDocumentException(KmsError):
    """The key policy cannot be read, or breaks a rule of key policies."""


class DisabledException(KmsError):
    """The key is disabled."""

    def __init__(self, key_arn: str) -> None:
        super().__init__(f"{key_arn} is disabled.", key_arn=key_arn)


class KMSInvalidStateException(KmsError):
    """The key is in a state that does not allow the operation."""


class KeyUnavailableException(KmsError):
    """The key cannot be used for the moment; retry."""

    retryable = True


class InvalidKeyUsageException(KmsError):
    """The usage of the key does not fit the operation, or the algorithm does not fit the key spec."""


class UnsupportedOperationException(KmsError):
    """The operation can never work on a key of this origin, type or role."""


class FeatureNotBuiltException(UnsupportedOperationException):
    """The server lacks the operation or the feature; on the wire an UnsupportedOperationException."""

    @property
    def code(self) -> str:
        return UnsupportedOperationException.__name__


class IncorrectKeyException(KmsError):
    """The key in the request is not the one that made the ciphertext."""

    def __init__(self, *, reason: str = "") -> None:
        super().__init__("The key ID in the request does not identify a CMK that can perform this operation.", reason=reason)


class InvalidCiphertextException(KmsError):
    """The ciphertext does not open; the message says nothing about why."""

    def __init__(self, *, reason: str = "") -> None:
        super().__init__("", reason=reason)


class KMSInvalidSignatureException(KmsError):
    """The signature does not verify."""


class KMSInvalidMacException(KmsError):
    """The MAC does not verify."""


class InvalidGrantTokenException(KmsError):
    """The grant token is not one of this service."""


class InvalidGrantIdException(KmsError):
    """The grant id is not of the form of grant ids."""


class ConflictException(KmsError):
    """Another change of the same kind is under way."""


class DryRunOperationException(KmsError):
    """The dry run passed."""

    def __init__(self) -> None:
        super().__init__("The request would have succeeded, but the DryRun option is set.")


class ExpiredImportTokenException(KmsError):
    """The import token is older than 24 hours."""


class InvalidImportTokenException(KmsError):
    """The import token is malformed or belongs to another key."""


class IncorrectKeyMaterialException(KmsError):
    """The imported bytes are not the ones this key expects."""


class DependencyTimeoutException(KmsError):
    """Something this call depends on did not answer in time; retry."""

    retryable = True


class CallerLeft(KmsError):
    """The caller gave the call up, or his connection is gone, before the call was done."""

    @property
    def code(self) -> str:
        return "CANCELLED"


class CallerDeadlinePassed(KmsError):
    """The deadline that the caller named passed before the call was done."""

    @property
    def code(self) -> str:
        return "DEADLINE_EXCEEDED"


class KMSInternalException(KmsError):
    """A fault inside the service; the request can be retried."""

    retryable = True

    def __init__(self, *, reason: str = "") -> None:
        super().__init__("The request failed because of an internal error. Retry the request.", reason=reason)


class Cut(Enum):
    """Why a call was ended before its work was done."""

    CALLER_LEFT = auto()
    CALLER_DEADLINE = auto()
    SERVICE_BOUND = auto()
    """The longest time that the service gives to a call of this kind."""
    SERVICE_ENDS = auto()
    """The process was asked to end, and waits no longer."""


CUTS: Final[dict[Cut, Callable[[], KmsError]]] = {
    Cut.CALLER_LEFT: lambda: CallerLeft("The caller left before the answer.", reason="the caller left"),
    Cut.CALLER_DEADLINE: lambda: CallerDeadlinePassed("The caller's deadline passed.", reason="the caller's deadline passed"),
    Cut.SERVICE_BOUND: lambda: DependencyTimeoutException("The request took too long.", reason="the service's bound passed"),
    Cut.SERVICE_ENDS: lambda: DependencyTimeoutException("The service is ending. Retry the request.", reason="the process ends"),
}
"""THE table of calls that are cut: what the answer, the audit record and the metric say of each. AWS has no name for the first two,
which only a caller who is away could read; their names are those of gRPC's own status codes."""

SERVER_FAULTS: Final = (KeyUnavailableException, DependencyTimeoutException, KMSInternalException)
"""THE errors that are nobody's but the service's: HTTP 500 on the AWS wire, `failed` in its metrics."""


# ------------------------------------------------------------------ custom key stores


class CustomKeyStoreNotFoundException(KmsError):
    """No custom key store has this id or name."""


class CustomKeyStoreNameInUseException(KmsError):
    """The account has a custom key store of this name."""


class CustomKeyStoreHasCMKsException(KmsError):
    """The custom key store still holds keys."""


class CustomKeyStoreInvalidStateException(KmsError):
    """The custom key store's connection state does not allow the operation."""


class XksKeyNotFoundException(KmsError):
    """The external key store proxy does not know the external key."""


class XksKeyAlreadyInUseException(KmsError):
    """The external key already backs a key in this store."""


class XksKeyInvalidConfigurationException(KmsError):
    """The external key is not of the required kind, or not enabled."""


class XksProxyUriInUseException(KmsError):
    """The proxy's address and path are used by another store."""


class XksProxyUriEndpointInUseException(KmsError):
    """The proxy's address is used by a store of another kind."""


class XksProxyUriUnreachableException(KmsError):
    """The proxy cannot be reached."""


class XksProxyIncorrectAuthenticationCredentialException(KmsError):
    """The proxy refused the credential."""


class XksProxyInvalidConfigurationException(KmsError):
    """The proxy is not configured as required."""


class XksProxyInvalidResponseException(KmsError):
    """The proxy's answer cannot be understood."""


class XksProxyVpcEndpointServiceInUseException(KmsError):
    """The endpoint service is used by another store."""


class XksProxyVpcEndpointServiceNotFoundException(KmsError):
    """The endpoint service does not exist."""


class XksProxyVpcEndpointServiceInvalidConfigurationException(KmsError):
    """The endpoint service is not configured as required."""


class CloudHsmClusterInUseException(KmsError):
    """The HSM cluster serves another store."""


class CloudHsmClusterNotFoundException(KmsError):
    """The HSM cluster does not exist."""


class CloudHsmClusterNotActiveException(KmsError):
    """The HSM cluster is not active."""


class CloudHsmClusterNotRelatedException(KmsError):
    """The HSM cluster is not related to the store's present one."""


class CloudHsmClusterInvalidConfigurationException(KmsError):
    """The HSM cluster is not configured as required."""


class IncorrectTrustAnchorException(KmsError):
    """The trust anchor is not the cluster's."""
