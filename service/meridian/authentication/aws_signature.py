"""Signature Version 4: the caller has proved that he holds a secret access key, for this very request, within five minutes.

What is signed is computed from what arrived: the body's hash never comes from a header, and the scope must name this Region and this
service.

Source: AWS General Reference, Signature Version 4 signing process; answers of AWS services for the texts.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote

from meridian.domain.call import Principal
from meridian.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from meridian.ports.principals import Principals

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SERVICE: Final = "kms"
WINDOW: Final = timedelta(minutes=5)
FORM: Final = "%Y%m%dT%H%M%SZ"
SIGNED_ALWAYS: Final = ("host", "x-amz-date", "x-amz-target")
KEYS_MAX: Final = 4096
MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
    "method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """An HTTP request as it arrived. Header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"SignedRequest({self.method} {self.path})"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an Authorization header claims."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


class AwsSignatures:
    """Signed requests → principals."""

    def __init__(self, principals: Principals, *, region: str) -> None:
        self._principals = principals
        self._region = region
        self._keys: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def authenticate(self, request: SignedRequest, now: datetime) -> Principal:
        """The principal who signed. Raises: MissingAuthenticationTokenException, IncompleteSignatureException,
        InvalidSignatureException, UnrecognizedClientException.
        """
        claim = read_claim(request.headers)
        known = self._principals.find_by_access_key(claim.access_key_id)
        if known is None:
            raise UnrecognizedClientException(reason="unknown access key")
        moment = _require_fresh(request.headers, now)
        if (claim.region, claim.service) != (self._region, SERVICE) or claim.date != moment[:8]:
            raise InvalidSignatureException(MISMATCH, reason="the scope is another Region, service or date")
        _require_signed(claim, request.headers)
        expected = self._signature(claim, known.secret_access_key, request, moment)
        if not hmac.compare_digest(expected, claim.signature):
            raise InvalidSignatureException(MISMATCH, reason="signature")
        token = request.headers.get("x-amz-security-token", "")
        if not hmac.compare_digest(sha256(token.encode()).hexdigest() if token else "", known.session_token_sha256):
            raise UnrecognizedClientException(reason="the session token is not that of the access key")
        return known.principal

    def _signature(self, claim: Claim, secret: str, request: SignedRequest, moment: str) -> str:
        scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
        hashed = sha256(canonical_request(request, claim.signed_headers).encode()).hexdigest()
        text = f"{ALGORITHM}\n{moment}\n{scope}\n{hashed}"
        return hmac.new(self._signing_key(claim, secret), text.encode(), sha256).hexdigest()

    def _signing_key(self, claim: Claim, secret: str) -> bytes:
        name = (secret, claim.date)  # by the secret: an access key that gets another one is signed with that at once
        key = self._keys.get(name)
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (claim.date, claim.region, claim.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys[name] = key
            if len(self._keys) > KEYS_MAX:
                self._keys.popitem(last=False)
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
    return Claim(scope[0], scope[1], scope[2], scope[3], signed, parts["Signature"])


@lru_cache(maxsize=64)
def _moment(text: str) -> datetime:
    """A time of the form of `X-Amz-Date`; calls of one second share it. Raises: ValueError."""
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)


def _require_fresh(headers: Mapping[str, str], now: datetime) -> str:
    text = headers["x-amz-date"]
    try:
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
    return text


def _require_signed(claim: Claim, headers: Mapping[str, str]) -> None:
    needed = [*SIGNED_ALWAYS, *(["x-amz-security-token"] if "x-amz-security-token" in headers else [])]
    if any(name not in claim.signed_headers for name in needed) or any(name not in headers for name in claim.signed_headers):
        raise InvalidSignatureException(MISMATCH, reason="a header that must be signed is not")


def canonical_request(request: SignedRequest, signed_headers: tuple[str, ...]) -> str:
    """The text whose hash is signed."""
    query = "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in _pairs(request.query)))
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signed_headers)
    path = quote(request.path or "/", safe="/-_.~")
    return "\n".join([request.method, path, query, headers, ";".join(signed_headers), sha256(request.body).hexdigest()])


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(unquote(name), unquote(value)) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
