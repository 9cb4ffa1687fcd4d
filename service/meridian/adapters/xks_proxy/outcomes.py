"""THE table: what can become of a request to a proxy, and what each outcome is called by each operation.

A caller reads the text of the row and nothing that the proxy wrote; that, bounded and printable, is for the operator's log alone.

Source: AWS XKS Proxy API Specification, Errors; AWS KMS Developer Guide, Troubleshooting external key stores; AWS KMS API Reference,
ConnectionErrorCode.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meridian.domain.key import Key
from meridian.errors import (
    CustomKeyStoreInvalidStateException,
    KmsError,
    KMSInvalidStateException,
    UnsupportedOperationException,
    XksKeyInvalidConfigurationException,
    XksKeyNotFoundException,
    XksProxyIncorrectAuthenticationCredentialException,
    XksProxyInvalidConfigurationException,
    XksProxyInvalidResponseException,
    XksProxyUriUnreachableException,
    XksProxyVpcEndpointServiceInvalidConfigurationException,
    XksProxyVpcEndpointServiceNotFoundException,
)


class Outcome(StrEnum):
    """How a request to a proxy failed; those that a proxy names have the name that it gives them."""

    VALIDATION = "ValidationException"
    INVALID_STATE = "InvalidStateException"
    INVALID_CIPHERTEXT = "InvalidCiphertextException"
    INVALID_KEY_USAGE = "InvalidKeyUsageException"
    AUTHENTICATION_FAILED = "AuthenticationFailedException"
    ACCESS_DENIED = "AccessDeniedException"
    KEY_NOT_FOUND = "KeyNotFoundException"
    INVALID_URI_PATH = "InvalidUriPathException"
    UNSUPPORTED = "UnsupportedOperationException"
    DEPENDENCY_TIMEOUT = "DependencyTimeoutException"
    THROTTLING = "ThrottlingException"
    INTERNAL = "InternalException"
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    MALFORMED = "malformed"
    ALL_UNAVAILABLE = "all unavailable"
    INNER = "inner"
    NO_CREDENTIAL = "no credential"
    NO_SERVICE = "no endpoint service"
    OTHER_SERVICE = "other endpoint service"


NAMED_BY_PROXIES: Final = frozenset(outcome for outcome in Outcome if outcome.endswith("Exception"))
RETRYABLE: Final = frozenset({Outcome.DEPENDENCY_TIMEOUT, Outcome.INTERNAL, Outcome.THROTTLING, Outcome.TIMED_OUT, Outcome.UNREACHABLE})
"""What may be otherwise soon; the rest stays until somebody changes something."""
OF_THE_WAY: Final = frozenset({Outcome.TIMED_OUT, Outcome.UNREACHABLE, Outcome.TLS})
"""No answer came at all."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an outcome is called."""

    text: str
    store: type[KmsError]
    """By CreateCustomKeyStore and UpdateCustomKeyStore."""
    connection: str
    """The ConnectionErrorCode."""
    create_key: type[KmsError]


_NOT_USABLE: Final = CustomKeyStoreInvalidStateException
_UNREACHABLE: Final = XksProxyUriUnreachableException
_RESPONSE: Final = XksProxyInvalidResponseException
_CONFIGURATION: Final = XksProxyInvalidConfigurationException
_KEY: Final = XksKeyInvalidConfigurationException

TABLE: Final[dict[Outcome, Row]] = {
    Outcome.VALIDATION: Row(
        "The external key store proxy found a parameter of the request not valid.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", _NOT_USABLE
    ),
    Outcome.INVALID_STATE: Row(
        "The external key, or the external key store behind the proxy, is disabled or blocked.",
        _UNREACHABLE,
        "XKS_PROXY_NOT_REACHABLE",
        _KEY,
    ),
    Outcome.INVALID_CIPHERTEXT: Row(
        "The external key manager cannot open what it is said to have sealed.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", _NOT_USABLE
    ),
    Outcome.INVALID_KEY_USAGE: Row(
        "The external key may not be used for this cryptographic operation.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", _KEY
    ),
    Outcome.AUTHENTICATION_FAILED: Row(
        "The external key store proxy does not accept the authentication credential of the key store.",
        XksProxyIncorrectAuthenticationCredentialException,
        "INVALID_CREDENTIALS",
        _NOT_USABLE,
    ),
    Outcome.ACCESS_DENIED: Row(
        "The external key store proxy denies access to the external key.", _CONFIGURATION, "XKS_PROXY_ACCESS_DENIED", _NOT_USABLE
    ),
    Outcome.KEY_NOT_FOUND: Row(
        "The external key store proxy does not find the external key.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", XksKeyNotFoundException
    ),
    Outcome.INVALID_URI_PATH: Row(
        "The external key store proxy serves nothing under the URI path of the key store.",
        _CONFIGURATION,
        "XKS_PROXY_INVALID_CONFIGURATION",
        _NOT_USABLE,
    ),
    Outcome.UNSUPPORTED: Row(
        "The external key store proxy does not support the operation.",
        _RESPONSE,
        "XKS_PROXY_INVALID_RESPONSE",
        UnsupportedOperationException,
    ),
    Outcome.DEPENDENCY_TIMEOUT: Row(
        "The external key manager did not answer its proxy in time.", _UNREACHABLE, "XKS_PROXY_TIMED_OUT", _NOT_USABLE
    ),
    Outcome.TIMED_OUT: Row("The external key store proxy did not answer in time.", _UNREACHABLE, "XKS_PROXY_TIMED_OUT", _NOT_USABLE),
    Outcome.THROTTLING: Row(
        "The external key store proxy has more requests than it takes.", _UNREACHABLE, "XKS_PROXY_NOT_REACHABLE", _NOT_USABLE
    ),
    Outcome.INTERNAL: Row(
        "The external key store proxy, or the key manager behind it, failed.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", _NOT_USABLE
    ),
    Outcome.UNREACHABLE: Row("The external key store proxy cannot be reached.", _UNREACHABLE, "XKS_PROXY_NOT_REACHABLE", _NOT_USABLE),
    Outcome.TLS: Row(
        "No TLS connection with the external key store proxy can be made.",
        _UNREACHABLE,
        "XKS_PROXY_INVALID_TLS_CONFIGURATION",
        _NOT_USABLE,
    ),
    Outcome.MALFORMED: Row(
        "The answer of the external key store proxy cannot be interpreted.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", _NOT_USABLE
    ),
    Outcome.ALL_UNAVAILABLE: Row(
        "Every external key manager behind the proxy is unavailable.", _UNREACHABLE, "XKS_PROXY_NOT_REACHABLE", _NOT_USABLE
    ),
    Outcome.INNER: Row(
        "What the external key manager opened is not what was sealed for it.", _RESPONSE, "XKS_PROXY_INVALID_RESPONSE", _NOT_USABLE
    ),
    Outcome.NO_CREDENTIAL: Row(
        "The key store has no authentication credential: give it one with UpdateCustomKeyStore.",
        XksProxyIncorrectAuthenticationCredentialException,
        "INVALID_CREDENTIALS",
        _NOT_USABLE,
    ),
    Outcome.NO_SERVICE: Row(
        "The VPC endpoint service of the external key store proxy is not known here.",
        XksProxyVpcEndpointServiceNotFoundException,
        "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND",
        _NOT_USABLE,
    ),
    Outcome.OTHER_SERVICE: Row(
        "The VPC endpoint service leads to another host than the URI endpoint of the key store.",
        XksProxyVpcEndpointServiceInvalidConfigurationException,
        "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
        _NOT_USABLE,
    ),
}


class ProxyFault(Exception):
    """A request to a proxy failed. `detail` is for the operator's log: it may hold what the proxy wrote, bounded and printable."""

    def __init__(self, outcome: Outcome, detail: str = "") -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.detail = detail

    @property
    def reason(self) -> str:
        """For the audit record and the log."""
        return f"{self.outcome.value}: {self.detail}" if self.detail else self.outcome.value

    def of_store(self) -> KmsError:
        """What CreateCustomKeyStore and UpdateCustomKeyStore answer."""
        row = TABLE[self.outcome]
        return row.store(row.text, reason=self.reason)

    def of_new_key(self) -> KmsError:
        """What CreateKey answers."""
        row = TABLE[self.outcome]
        return row.create_key(row.text, reason=self.reason)

    def of_use(self, key: Key) -> KmsError:
        """What every cryptographic operation answers."""
        return KMSInvalidStateException(TABLE[self.outcome].text, key_arn=key.arn, reason=self.reason)


class NotAsked(ProxyFault):
    """Nothing was sent, for the proxy has not answered before; the outcome is that of the last request."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome, "not asked, for it has not answered before")
