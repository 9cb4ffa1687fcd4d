"""Who signs a call of the XKS proxy API: THE place that decides it. A credential opens the key store that its path names, and no other.

The other KMS signs for the Region that it calls from, which is not this one's and may be any.

Source: AWS KMS External Key Store (XKS) Proxy API Specification, Authorization.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from meridian.authentication.aws_signature import OTHER_DATE, Claim, SignedRequest, SigningKeys, read_claim, require_fresh, require_signed
from meridian.domain.request_head import RequestHead
from meridian.errors import InvalidSignatureException, UnrecognizedClientException
from meridian.ports.xks import Exports

SERVICE: Final = "kms-xks-proxy"
SIGNED_ALWAYS: Final = ("host", "x-amz-date")
REGION_CHARACTERS_MAX: Final = 64
"""Of the caller's Region, any of which may be named: signing keys are kept by it."""
METHOD: Final = "xks_signature"
"""Of principals that were authenticated here."""


class XksSignatures:
    """Signed requests → credentials of key stores."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports
        self._keys = SigningKeys()

    def claim_of(self, head: RequestHead, prefix: str, now: datetime) -> Claim:
        """What the headers alone can say of a request to the key store of this prefix. Raises: MissingAuthenticationTokenException,
        IncompleteSignatureException, InvalidSignatureException, UnrecognizedClientException; KMSInternalException.
        """
        claim = read_claim(head.headers)
        if self._exports.find_secret(prefix, claim.access_key_id) is None:
            raise UnrecognizedClientException(reason="unknown access key of this key store")
        require_fresh(claim.sent, now)
        if claim.service != SERVICE:
            raise InvalidSignatureException(f"Credential should be scoped to correct service: '{SERVICE}'.", reason="another service")
        if len(claim.region) > REGION_CHARACTERS_MAX:
            raise InvalidSignatureException("Credential should be scoped to a valid region.", reason="a Region with too long a name")
        if claim.date != claim.sent[:8]:
            raise InvalidSignatureException(OTHER_DATE, reason="another date")
        require_signed(claim, head.headers, SIGNED_ALWAYS, ())
        return claim

    def require(self, request: SignedRequest, prefix: str) -> None:
        """Return where the request is signed by the credential that it names. Raises: InvalidSignatureException,
        UnrecognizedClientException; KMSInternalException.
        """
        secret = self._exports.find_secret(prefix, request.claim.access_key_id)
        if secret is None:
            raise UnrecognizedClientException(reason="the access key was revoked meanwhile")
        self._keys.require_signature(request, secret)
