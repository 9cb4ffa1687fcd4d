"""Signature Version 4: the caller has proved that he holds a secret access key, for this very request, within five minutes.

What is signed is computed from what arrived: the body's hash never comes from a header, and the scope must name this Region and this
service.

Source: AWS General Reference, Signature Version 4 signing process; answers of AWS services for the texts.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from meridian.authentication.session_keys import SessionKeys
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.domain.newest import Newest
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from meridian.ports.principals import AccessKey, Principals

ALGORITHM: Final = "AWS4-HMAC-SHA256"
WINDOW: Final = timedelta(minutes=5)
FORM: Final = "%Y%m%dT%H%M%SZ"
FORM_CHARACTERS: Final = 16
SIGNED_IF_SENT: Final = ("x-amz-security-token", CLIENT_TOKEN, CALLER_REQUEST_ID)
KEYS_MAX: Final = 4096
OTHER_DATE: Final = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
    "method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class SignedService:
    """A service that requests are signed for."""

    name: str
    signed_always: tuple[str, ...]
    """Headers that a signature must cover."""


KMS: Final = SignedService("kms", ("host", "x-amz-date", "x-amz-target"))
STS: Final = SignedService("sts", ("host", "x-amz-date"))


@dataclass(frozen=True, slots=True)
class Claim:
    """What the headers of a request claim, before anything is proved."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    sent: str
    """The time of the request, in the form of `X-Amz-Date`."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request whose signature can be checked: nothing of the body has been read but its bytes."""

    head: RequestHead
    claim: Claim
    body: bytes

    def __repr__(self) -> str:
        return f"SignedRequest({self.head!r})"


class AwsSignatures:
    """Signed requests to one service → principals."""

    def __init__(self, principals: Principals, sessions: SessionKeys, *, region: str, service: SignedService) -> None:
        self._principals = principals
        self._sessions = sessions
        self._region = region
        self._service = service
        self._keys = SigningKeys()

    def claim_of(self, head: RequestHead, now: datetime) -> Claim:
        """What the headers alone can say: the form is right, the access key is known, Region, service and time are those of here
        and now, and what must be signed is said to be. Raises: MissingAuthenticationTokenException, IncompleteSignatureException,
        InvalidSignatureException, UnrecognizedClientException, ExpiredTokenException.
        """
        claim = read_claim(head.headers)
        self._access_key(claim, head, now)
        require_fresh(claim.sent, now)
        self._require_scope(claim)
        require_signed(claim, head.headers, self._service.signed_always, SIGNED_IF_SENT)
        return claim

    def authenticate(self, request: SignedRequest, now: datetime) -> Principal:
        """The principal who signed a request whose claim has been read. Raises: InvalidSignatureException,
        UnrecognizedClientException, ExpiredTokenException.
        """
        known = self._access_key(request.claim, request.head, now)
        self._keys.require_signature(request, known.secret_access_key)
        token = request.head.headers.get("x-amz-security-token", "")
        if not hmac.compare_digest(sha256(token.encode()).hexdigest() if token else "", known.session_token_sha256):
            raise UnrecognizedClientException(reason="the session token is not that of the access key")
        return known.principal

    def _access_key(self, claim: Claim, head: RequestHead, now: datetime) -> AccessKey:
        """The access key that a request claims: one of the principals, or of a session. Raises: UnrecognizedClientException,
        ExpiredTokenException.
        """
        known = self._principals.find_by_access_key(claim.access_key_id)
        if known is None:
            known = self._sessions.find(claim.access_key_id, head.headers.get("x-amz-security-token", ""), now)
        if known is None:
            raise UnrecognizedClientException(reason="unknown access key")
        return known

    def _require_scope(self, claim: Claim) -> None:
        faults: list[str] = []
        if claim.region != self._region:
            faults.append("Credential should be scoped to a valid region.")
        if claim.service != self._service.name:
            faults.append(f"Credential should be scoped to correct service: '{self._service.name}'.")
        if claim.date != claim.sent[:8]:
            faults.append(OTHER_DATE)
        if faults:
            raise InvalidSignatureException(" ".join(faults), reason="the scope is another Region, service or date")


class SigningKeys:
    """Computes signatures. A signing key is derived once a day for each secret, Region and service; 4,096 of them are kept."""

    def __init__(self) -> None:
        self._keys: Newest[tuple[str, str, str, str], bytes] = Newest(KEYS_MAX)

    def require_signature(self, request: SignedRequest, secret: str) -> None:
        """Raises: InvalidSignatureException unless the request is signed with this secret."""
        claim = request.claim
        if not hmac.compare_digest(self._signature(claim, secret, request).encode(), claim.signature.encode()):
            raise InvalidSignatureException(MISMATCH, reason="signature")

    def _signature(self, claim: Claim, secret: str, request: SignedRequest) -> str:
        scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
        hashed = sha256(canonical_request(request).encode()).hexdigest()
        text = f"{ALGORITHM}\n{claim.sent}\n{scope}\n{hashed}"
        return hmac.digest(self._signing_key(claim, secret), text.encode(), "sha256").hex()

    def _signing_key(self, claim: Claim, secret: str) -> bytes:
        # By the secret: an access key that gets another one is signed with that at once.
        name = (secret, claim.date, claim.region, claim.service)
        key = self._keys.get(name)
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (claim.date, claim.region, claim.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys.put(name, key)
        return key


def read_claim(headers: Mapping[str, str]) -> Claim:
    """Raises: MissingAuthenticationTokenException without a header, IncompleteSignatureException for one that lacks a part."""
    header = headers.get("authorization", "")
    if not header:
        raise MissingAuthenticationTokenException(reason="no Authorization header")
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported signature algorithm. Authorization needs {ALGORITHM}.")
    parts = {}
    for part in rest.split(","):
        name, found, value = part.strip().partition("=")
        if not found:
            raise IncompleteSignatureException(
                f"'{part.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header[:512]}'."
            )
        if name in parts:
            raise IncompleteSignatureException(f"Authorization header has '{name[:64]}' more than once.")
        parts[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    sentences = [f"Authorization header requires '{name}' parameter." for name in missing]
    if "x-amz-date" not in headers:
        sentences.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if sentences:
        raise IncompleteSignatureException(" ".join([*sentences, f"Authorization={header[:512]}"]))
    scope = parts["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise IncompleteSignatureException("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
    signed = tuple(parts["SignedHeaders"].split(";"))
    return Claim(scope[0], scope[1], scope[2], scope[3], signed, parts["Signature"], headers["x-amz-date"])


@lru_cache(maxsize=64)
def _moment(text: str) -> datetime:
    """A time of the form of `X-Amz-Date`; calls of one second share it. Raises: ValueError."""
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)


def require_fresh(text: str, now: datetime) -> None:
    """Raises: IncompleteSignatureException for no time, InvalidSignatureException for one that is five minutes off."""
    try:
        if len(text) != FORM_CHARACTERS:
            raise ValueError(len(text))
        sent = _moment(text)
    except ValueError as fault:
        raise IncompleteSignatureException(f"Date must be in ISO-8601 'basic format'. Got '{text[:64]}'.") from fault
    if sent < now - WINDOW:
        raise InvalidSignatureException(
            f"Signature expired: {text} is now earlier than {now - WINDOW:{FORM}} ({now:{FORM}} - 5 min.)", reason="expired"
        )
    if sent > now + WINDOW:
        raise InvalidSignatureException(
            f"Signature not yet current: {text} is still later than {now + WINDOW:{FORM}} ({now:{FORM}} + 5 min.)", reason="early"
        )


def require_signed(claim: Claim, headers: Mapping[str, str], always: tuple[str, ...], if_sent: tuple[str, ...]) -> None:
    """Raises: InvalidSignatureException unless these headers are signed, each that is signed came, and none holds what is not ASCII."""
    signed = set(claim.signed_headers)
    if not signed.issuperset(always) or not headers.keys() >= signed or any(name in headers and name not in signed for name in if_sent):
        raise InvalidSignatureException(MISMATCH, reason="a header that must be signed is not")
    # White space is signed as one space; beyond ASCII there is more of it than signers know.
    if not all(headers[name].isascii() for name in signed):
        raise InvalidSignatureException(MISMATCH, reason="a signed header is not ASCII")


def canonical_request(request: SignedRequest) -> str:
    """The text whose hash is signed."""
    head, signed = request.head, request.claim.signed_headers
    query = "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in head.query))
    headers = "".join([f"{name}:{' '.join(head.headers[name].split())}\n" for name in signed])
    path = quote(head.path, safe="/-_.~")
    return "\n".join([head.method, path, query, headers, ";".join(signed), sha256(request.body).hexdigest()])
