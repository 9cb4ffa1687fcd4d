"""First step: who is calling. No anonymous caller goes further."""

from __future__ import annotations

from hashlib import sha256

from meridian.authentication.aws_signature import AwsSignatures
from meridian.authentication.bearer_token import find_bearer_token
from meridian.authentication.client_certificate import ClientCertificates
from meridian.domain.call import Call, Principal
from meridian.errors import MissingAuthenticationTokenException, UnrecognizedClientException
from meridian.ports.principals import Principals


class Authenticate:
    """Turns the evidence on a call into a principal.

    Exactly one credential counts: a certificate with a SPIFFE id, or a bearer token on a connection whose certificate names
    nobody; on the AWS wire, the signature. Raises: MissingAuthenticationTokenException without a credential;
    UnrecognizedClientException for one that names no principal, has expired, or comes with another; and what
    `AwsSignatures.authenticate` raises.
    """

    def __init__(self, principals: Principals, certificates: ClientCertificates, signatures: AwsSignatures) -> None:
        self._signatures = signatures
        self._principals = principals
        self._certificates = certificates

    def __call__(self, call: Call) -> None:
        if call.evidence.signed_request is not None:
            call.principal = self._signatures.authenticate(call.evidence.signed_request, call.received_at)
            return
        token = find_bearer_token(call.evidence.headers)
        if call.evidence.spiffe_id:
            if token:
                raise UnrecognizedClientException(reason="two credentials in one call")
            call.principal = self._certificates.authenticate(call.evidence, call.received_at)
        elif token:
            self._certificates.require_good(call.evidence, call.received_at)
            call.principal = self._by_token(token)
        else:
            raise MissingAuthenticationTokenException(reason="no credential")

    def _by_token(self, token: str) -> Principal:
        # Looked up by hash, so that the time of the lookup tells nothing about the token.
        principal = self._principals.find_by_token_hash(sha256(token.encode()).hexdigest())
        if principal is None:
            raise UnrecognizedClientException(reason="unknown bearer token, or none is accepted here")
        return principal
