"""What calls end with, one class per exception of AWS; `KmsServiceError` is all of them. Generated from the contract by `make gen`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meridian.client.misspelt import nearest
from meridian.client.service_error import KmsServiceError, TransportError


class UnrecognizedClientException(KmsServiceError):
    """The credential is unknown, or names no principal."""


class ExpiredTokenException(KmsServiceError):
    """The credential was good, and is so no more."""


class MissingAuthenticationTokenException(KmsServiceError):
    """The call carries no credential."""


class IncompleteSignatureException(KmsServiceError):
    """The request's signature lacks a part."""


class InvalidSignatureException(KmsServiceError):
    """The request's signature is not that of its access key, is too old, or is for another place."""


class UnknownOperationException(KmsServiceError):
    """The request names no operation of the service."""


class SerializationException(KmsServiceError):
    """The request's body cannot be read."""


class ThrottlingException(KmsServiceError):
    """The caller's account is over its rate for this class of calls, or others change the same key too fast; retry after
    `retry_after_seconds`.
    """


class ValidationException(KmsServiceError):
    """The request breaks a rule of shape, or a rule between its fields. `fields` names the fields at fault, in lowerCamelCase as JSON
    has them, however they are spelled here.
    """


class AccessDeniedException(KmsServiceError):
    """No policy or grant allows the call, a policy forbids it, or the key must not be revealed to this caller."""


class NotFoundException(KmsServiceError):
    """The key, alias, policy or grant does not exist here."""


class InvalidArnException(KmsServiceError):
    """An ARN cannot be read, or names a kind of thing that the operation does not take."""


class AlreadyExistsException(KmsServiceError):
    """The thing to be created exists already."""


class NotAuthorizedException(KmsServiceError):
    """The name belongs to the service itself: aliases that begin with alias/aws/. AWS declares it nowhere and answers it without a
    text.
    """


class InvalidAliasNameException(KmsServiceError):
    """The alias name is not allowed."""


class InvalidMarkerException(KmsServiceError):
    """The paging marker is not one that this service gave for this listing."""


class LimitExceededException(KmsServiceError):
    """A quota would be exceeded."""


class TagException(KmsServiceError):
    """The tags break a rule of tags."""


class MalformedPolicyDocumentException(KmsServiceError):
    """The key policy cannot be read, or breaks a rule of key policies."""


class DisabledException(KmsServiceError):
    """The key is disabled."""


class KMSInvalidStateException(KmsServiceError):
    """The key is in a state that does not allow the operation."""


class KeyUnavailableException(KmsServiceError):
    """The key cannot be used for the moment; retry."""


class InvalidKeyUsageException(KmsServiceError):
    """The usage of the key does not fit the operation, or the algorithm does not fit the key spec."""


class UnsupportedOperationException(KmsServiceError):
    """The operation can never work on a key of this origin, type or role."""


class FeatureNotBuiltException(UnsupportedOperationException):
    """The server lacks the operation or the feature; on the wire an UnsupportedOperationException."""


class IncorrectKeyException(KmsServiceError):
    """The key in the request is not the one that made the ciphertext."""


class InvalidCiphertextException(KmsServiceError):
    """The ciphertext does not open; the message says nothing about why."""


class KMSInvalidSignatureException(KmsServiceError):
    """The signature does not verify."""


class KMSInvalidMacException(KmsServiceError):
    """The MAC does not verify."""


class InvalidGrantTokenException(KmsServiceError):
    """The grant token is not one of this service."""


class InvalidGrantIdException(KmsServiceError):
    """The grant id is not of the form of grant ids."""


class ConflictException(KmsServiceError):
    """Another change of the same kind is under way."""


class DryRunOperationException(KmsServiceError):
    """The dry run passed."""


class ExpiredImportTokenException(KmsServiceError):
    """The import token is older than 24 hours."""


class InvalidImportTokenException(KmsServiceError):
    """The import token is malformed or belongs to another key."""


class IncorrectKeyMaterialException(KmsServiceError):
    """The imported bytes are not the ones this key expects."""


class DependencyTimeoutException(KmsServiceError):
    """Something this call depends on did not answer in time; retry."""


class KMSInternalException(KmsServiceError):
    """A fault inside the service; the request can be retried."""


class CustomKeyStoreNotFoundException(KmsServiceError):
    """No custom key store has this id or name."""


class CustomKeyStoreNameInUseException(KmsServiceError):
    """The account has a custom key store of this name."""


class CustomKeyStoreHasCMKsException(KmsServiceError):
    """The custom key store still holds keys."""


class CustomKeyStoreInvalidStateException(KmsServiceError):
    """The custom key store's connection state does not allow the operation."""


class XksKeyNotFoundException(KmsServiceError):
    """The external key store proxy does not know the external key."""


class XksKeyAlreadyInUseException(KmsServiceError):
    """The external key already backs a key in this store."""


class XksKeyInvalidConfigurationException(KmsServiceError):
    """The external key is not of the required kind, or not enabled."""


class XksProxyUriInUseException(KmsServiceError):
    """The proxy's address and path are used by another store."""


class XksProxyUriEndpointInUseException(KmsServiceError):
    """The proxy's address is used by a store of another kind."""


class XksProxyUriUnreachableException(KmsServiceError):
    """The proxy cannot be reached."""


class XksProxyIncorrectAuthenticationCredentialException(KmsServiceError):
    """The proxy refused the credential."""


class XksProxyInvalidConfigurationException(KmsServiceError):
    """The proxy is not configured as required."""


class XksProxyInvalidResponseException(KmsServiceError):
    """The proxy's answer cannot be understood."""


class XksProxyVpcEndpointServiceInUseException(KmsServiceError):
    """The endpoint service is used by another store."""


class XksProxyVpcEndpointServiceNotFoundException(KmsServiceError):
    """The endpoint service does not exist."""


class XksProxyVpcEndpointServiceInvalidConfigurationException(KmsServiceError):
    """The endpoint service is not configured as required."""


class CloudHsmClusterInUseException(KmsServiceError):
    """The HSM cluster serves another store."""


class CloudHsmClusterNotFoundException(KmsServiceError):
    """The HSM cluster does not exist."""


class CloudHsmClusterNotActiveException(KmsServiceError):
    """The HSM cluster is not active."""


class CloudHsmClusterNotRelatedException(KmsServiceError):
    """The HSM cluster is not related to the store's present one."""


class CloudHsmClusterInvalidConfigurationException(KmsServiceError):
    """The HSM cluster is not configured as required."""


class IncorrectTrustAnchorException(KmsServiceError):
    """The trust anchor is not the cluster's."""


class EndpointConnectionError(TransportError):
    """The Region cannot be reached, or the connection to it was lost: nothing is known of the call."""


class DeadlineExceeded(TransportError):
    """The time of the call is over; a change may have been made all the same."""


class Cancelled(TransportError):
    """The call was cancelled: by its caller, or as the connection was told to go away."""


BY_CODE: Final[dict[str, type[KmsServiceError]]] = {
    "UnrecognizedClientException": UnrecognizedClientException,
    "ExpiredTokenException": ExpiredTokenException,
    "MissingAuthenticationTokenException": MissingAuthenticationTokenException,
    "IncompleteSignatureException": IncompleteSignatureException,
    "InvalidSignatureException": InvalidSignatureException,
    "UnknownOperationException": UnknownOperationException,
    "SerializationException": SerializationException,
    "ThrottlingException": ThrottlingException,
    "ValidationException": ValidationException,
    "AccessDeniedException": AccessDeniedException,
    "NotFoundException": NotFoundException,
    "InvalidArnException": InvalidArnException,
    "AlreadyExistsException": AlreadyExistsException,
    "NotAuthorizedException": NotAuthorizedException,
    "InvalidAliasNameException": InvalidAliasNameException,
    "InvalidMarkerException": InvalidMarkerException,
    "LimitExceededException": LimitExceededException,
    "TagException": TagException,
    "MalformedPolicyDocumentException": MalformedPolicyDocumentException,
    "DisabledException": DisabledException,
    "KMSInvalidStateException": KMSInvalidStateException,
    "KeyUnavailableException": KeyUnavailableException,
    "InvalidKeyUsageException": InvalidKeyUsageException,
    "UnsupportedOperationException": UnsupportedOperationException,
    "FeatureNotBuiltException": FeatureNotBuiltException,
    "IncorrectKeyException": IncorrectKeyException,
    "InvalidCiphertextException": InvalidCiphertextException,
    "KMSInvalidSignatureException": KMSInvalidSignatureException,
    "KMSInvalidMacException": KMSInvalidMacException,
    "InvalidGrantTokenException": InvalidGrantTokenException,
    "InvalidGrantIdException": InvalidGrantIdException,
    "ConflictException": ConflictException,
    "DryRunOperationException": DryRunOperationException,
    "ExpiredImportTokenException": ExpiredImportTokenException,
    "InvalidImportTokenException": InvalidImportTokenException,
    "IncorrectKeyMaterialException": IncorrectKeyMaterialException,
    "DependencyTimeoutException": DependencyTimeoutException,
    "KMSInternalException": KMSInternalException,
    "CustomKeyStoreNotFoundException": CustomKeyStoreNotFoundException,
    "CustomKeyStoreNameInUseException": CustomKeyStoreNameInUseException,
    "CustomKeyStoreHasCMKsException": CustomKeyStoreHasCMKsException,
    "CustomKeyStoreInvalidStateException": CustomKeyStoreInvalidStateException,
    "XksKeyNotFoundException": XksKeyNotFoundException,
    "XksKeyAlreadyInUseException": XksKeyAlreadyInUseException,
    "XksKeyInvalidConfigurationException": XksKeyInvalidConfigurationException,
    "XksProxyUriInUseException": XksProxyUriInUseException,
    "XksProxyUriEndpointInUseException": XksProxyUriEndpointInUseException,
    "XksProxyUriUnreachableException": XksProxyUriUnreachableException,
    "XksProxyIncorrectAuthenticationCredentialException": XksProxyIncorrectAuthenticationCredentialException,
    "XksProxyInvalidConfigurationException": XksProxyInvalidConfigurationException,
    "XksProxyInvalidResponseException": XksProxyInvalidResponseException,
    "XksProxyVpcEndpointServiceInUseException": XksProxyVpcEndpointServiceInUseException,
    "XksProxyVpcEndpointServiceNotFoundException": XksProxyVpcEndpointServiceNotFoundException,
    "XksProxyVpcEndpointServiceInvalidConfigurationException": XksProxyVpcEndpointServiceInvalidConfigurationException,
    "CloudHsmClusterInUseException": CloudHsmClusterInUseException,
    "CloudHsmClusterNotFoundException": CloudHsmClusterNotFoundException,
    "CloudHsmClusterNotActiveException": CloudHsmClusterNotActiveException,
    "CloudHsmClusterNotRelatedException": CloudHsmClusterNotRelatedException,
    "CloudHsmClusterInvalidConfigurationException": CloudHsmClusterInvalidConfigurationException,
    "IncorrectTrustAnchorException": IncorrectTrustAnchorException,
    "EndpointConnectionError": EndpointConnectionError,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": Cancelled,
}


__all__ = [
    "KmsServiceError",
    "TransportError",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "UnknownOperationException",
    "SerializationException",
    "ThrottlingException",
    "ValidationException",
    "AccessDeniedException",
    "NotFoundException",
    "InvalidArnException",
    "AlreadyExistsException",
    "NotAuthorizedException",
    "InvalidAliasNameException",
    "InvalidMarkerException",
    "LimitExceededException",
    "TagException",
    "MalformedPolicyDocumentException",
    "DisabledException",
    "KMSInvalidStateException",
    "KeyUnavailableException",
    "InvalidKeyUsageException",
    "UnsupportedOperationException",
    "FeatureNotBuiltException",
    "IncorrectKeyException",
    "InvalidCiphertextException",
    "KMSInvalidSignatureException",
    "KMSInvalidMacException",
    "InvalidGrantTokenException",
    "InvalidGrantIdException",
    "ConflictException",
    "DryRunOperationException",
    "ExpiredImportTokenException",
    "InvalidImportTokenException",
    "IncorrectKeyMaterialException",
    "DependencyTimeoutException",
    "KMSInternalException",
    "CustomKeyStoreNotFoundException",
    "CustomKeyStoreNameInUseException",
    "CustomKeyStoreHasCMKsException",
    "CustomKeyStoreInvalidStateException",
    "XksKeyNotFoundException",
    "XksKeyAlreadyInUseException",
    "XksKeyInvalidConfigurationException",
    "XksProxyUriInUseException",
    "XksProxyUriEndpointInUseException",
    "XksProxyUriUnreachableException",
    "XksProxyIncorrectAuthenticationCredentialException",
    "XksProxyInvalidConfigurationException",
    "XksProxyInvalidResponseException",
    "XksProxyVpcEndpointServiceInUseException",
    "XksProxyVpcEndpointServiceNotFoundException",
    "XksProxyVpcEndpointServiceInvalidConfigurationException",
    "CloudHsmClusterInUseException",
    "CloudHsmClusterNotFoundException",
    "CloudHsmClusterNotActiveException",
    "CloudHsmClusterNotRelatedException",
    "CloudHsmClusterInvalidConfigurationException",
    "IncorrectTrustAnchorException",
    "EndpointConnectionError",
    "DeadlineExceeded",
    "Cancelled",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        raise AttributeError(f"module {__name__} has no exception {name}{nearest(name, __all__)}")
