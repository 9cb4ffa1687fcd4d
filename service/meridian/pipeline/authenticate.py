"""Who is calling: THE place that decides it, asked by each wire at its edge, before anything of a request is read.

No anonymous call goes further; `pipeline/unauthenticated.py` ends it.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from meridian.authentication.aws_signature import AwsSignatures, Claim
from meridian.authentication.bearer_token import find_bearer_token
from meridian.authentication.certificate_names import CertificateNames
from meridian.authentication.client_certificate import ClientCertificates
from meridian.authentication.identity_tokens import IdentityTokens, is_identity_token
from meridian.call import Evidence
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.errors import MissingAuthenticationTokenException, UnrecognizedClientException
from meridian.ports.principals import Principals


class Authenticate:
    """Turns evidence into a principal.

    Exactly one credential counts: a certificate whose one name is a SPIFFE id, or a bearer token on a connection whose certificate
    names nobody, or that shows none where the front lets it; on the AWS wire, the signature. Raises:
    MissingAuthenticationTokenException without a credential; UnrecognizedClientException for one that names no principal, has expired,
    or comes with another; and what `AwsSignatures.authenticate` and `IdentityTokens.authenticate` raise.
    """

    def __init__(self, principals: Principals, certificates: ClientCertificates, signatures: AwsSignatures, tokens: IdentityTokens) -> None:
        self._signatures = signatures
        self._tokens = tokens
        self._principals = principals
        self._certificates = certificates
        self._names = CertificateNames()

    def __call__(self, evidence: Evidence, now: datetime) -> Principal:
        if evidence.signed_request is not None:
            return self._signatures.authenticate(evidence.signed_request, now)
        if evidence.repeated:
            raise UnrecognizedClientException(reason=f"{evidence.repeated} is given more than once")
        names = self._names.of(evidence.certificate_pem)
        if len(names) > 1:
            raise UnrecognizedClientException(reason="the client certificate has more than one name")
        shown = "authorization" in evidence.headers
        if names and shown:
            raise UnrecognizedClientException(reason="two credentials in one call")
        if names:
            if names[0] != evidence.spiffe_id:
                raise UnrecognizedClientException(reason="the name of the client certificate is no SPIFFE id")
            return self._certificates.authenticate(evidence, now)
        if not shown:
            raise MissingAuthenticationTokenException(reason="no credential")
        if not evidence.shows_no_certificate:
            self._certificates.require_good(evidence, now)
        return self._by_token(find_bearer_token(evidence.headers), now)

    def with_certificates(self, certificates: ClientCertificates) -> Authenticate:
        """The same for a listener that has authorities of its own."""
        return Authenticate(self._principals, certificates, self._signatures, self._tokens)

    def claim_of(self, head: RequestHead, now: datetime) -> Claim:
        """What the headers of a request of the AWS wire can say of its caller before the body is read. Raises: what
        `AwsSignatures.claim_of` raises."""
        return self._signatures.claim_of(head, now)

    def _by_token(self, token: str, now: datetime) -> Principal:
        # Looked up by hash, so that the time of the lookup tells nothing about the token.
        principal = self._principals.find_by_token_hash(sha256(token.encode()).hexdigest()) if token else None
        if principal is not None:
            return principal
        if not is_identity_token(token):
            raise UnrecognizedClientException(reason="unknown bearer token, or none is accepted here")
        return self._tokens.authenticate(token, now)
