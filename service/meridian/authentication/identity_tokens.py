"""Tokens of identity providers (JWT): whose, for whom, signed by whom and until when; what of it is believed becomes a principal.

The issuer decides everything: which algorithms, which keys, which audiences, how long a life. Of the header nothing is believed but the
id of a key, and that finds a key of that issuer's set alone; `jku`, `x5u`, `x5c` and `jwk` are not looked at.

Source: RFC 7519 (JWT), RFC 8725 (best current practices), OpenID Connect Core 1.0, section 3.1.3.7.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from meridian.authentication.verified_tokens import VerifiedTokens
from meridian.domain.foreign_text import printable
from meridian.domain.principal import Principal
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.domain.token_rules import Claims, TokenIssuer, TokenMapping, subject_of
from meridian.errors import ExpiredTokenException, UnrecognizedClientException
from meridian.ports.key_sets import KeySets, SigningKey
from meridian.ports.principals import Principals
from meridian.ports.token_reviews import TokenReviews

TOKEN_CHARACTERS_MAX: Final = 8192
"""Metadata of a call have 16 KiB in all."""
SKEW_SECONDS: Final = 60
"""How far the issuer's clock may be from this one."""
SECONDS_MAX: Final = 253_402_300_799
"""The last second that has a date."""
TEXT_CHARACTERS_MAX: Final = 512
"""Of `sub`."""
SHOWN_CHARACTERS_MAX: Final = 160
"""Of what a token says, in a reason for operators."""
AUDIENCES_MAX: Final = 32
TYPES: Final = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
"""`typ` of a token that says who calls; in small letters. Source: RFC 7519, section 5.1; RFC 9068, section 2.1."""
PARTS: Final = 3
"""Header, claims and signature."""
SERVICE_ACCOUNT: Final = "system:serviceaccount:"


class Parsed(NamedTuple):
    """A token, of which nothing is believed yet."""

    kid: str
    algorithm: str
    issuer: TokenIssuer


class IdentityTokens:
    """Token → principal. Used on one event loop alone."""

    def __init__(self, principals: Principals, key_sets: KeySets, reviews: TokenReviews) -> None:
        self._principals = principals
        self._key_sets = key_sets
        self._reviews = reviews
        self._verified = VerifiedTokens()

    def authenticate(self, token: str, now: datetime) -> Principal:
        """The principal of a token.

        Raises: UnrecognizedClientException for one that is not believed or names nobody, ExpiredTokenException for one that was good until
        a while ago, DependencyTimeoutException while the key set of its issuer is not here, or its word on the token.
        """
        mapping = self._principals.mapping
        digest = sha256(token.encode()).digest()
        known = self._verified.find(digest, mapping)
        if known is not None and self._key_of(known.parsed) is known.key:
            require_times(known.times, known.parsed.issuer, now)
            self._require_reviewed(known.parsed.issuer, digest, token, known.times)
            return known.principal
        parsed, key, claims = self._verify(token, mapping, now)
        principal = mapping.principal_of(claims)
        if principal is None:
            raise UnrecognizedClientException(reason=f"no rule names the holder of the token: {_shown(subject_of(claims))}")
        self._verified.keep(digest, mapping, parsed, key, claims, principal)
        return principal

    def claims_of(self, token: str, now: datetime) -> Claims:
        """What a token says that is believed, whomever it names. Raises: as `authenticate`."""
        _, _, claims = self._verify(token, self._principals.mapping, now)
        return claims

    def _verify(self, token: str, mapping: TokenMapping, now: datetime) -> tuple[Parsed, SigningKey, Claims]:
        parsed = parse(token, mapping)
        key = self._key_of(parsed)
        try:
            claims = _members(key.payload_of(token, parsed.algorithm))
        except ValueError as fault:
            raise _refusal("its signature does not hold", parsed.issuer) from fault
        require_claims(claims, parsed.issuer)
        require_times(claims, parsed.issuer, now)
        self._require_reviewed(parsed.issuer, sha256(token.encode()).digest(), token, claims)
        return parsed, key, claims

    def _require_reviewed(self, issuer: TokenIssuer, digest: bytes, token: str, claims: Claims) -> None:
        """The last check, so that nobody is asked about what is not believed anyway."""
        if issuer.is_reviewed:
            self._reviews.require_good(issuer.issuer, digest, token, str(claims.get("sub", "")))

    def _key_of(self, parsed: Parsed) -> SigningKey:
        return self._key_sets.find(parsed.issuer.issuer, parsed.kid, parsed.algorithm)


def is_identity_token(token: str) -> bool:
    """Whether a bearer token has the form of one that an issuer signs, whatever is in it."""
    return token.count(".") == PARTS - 1


def parse(token: str, mapping: TokenMapping) -> Parsed:
    """Which key of which issuer is to have signed a token. Raises: UnrecognizedClientException."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise UnrecognizedClientException(reason=f"the token has more than {TOKEN_CHARACTERS_MAX} characters")
    parts = token.split(".")
    if len(parts) != PARTS:
        raise UnrecognizedClientException(reason="the token is none of an issuer: it has not three parts")
    try:
        header, claims = _members(_decoded(parts[0])), _members(_decoded(parts[1]))
    except ValueError as fault:
        raise UnrecognizedClientException(reason=f"the token {fault}") from fault
    said = claims.get("iss")
    issuer = mapping.issuers.get(said) if isinstance(said, str) else None
    if issuer is None:
        raise UnrecognizedClientException(reason=f"the token is of no issuer that is believed: {_shown(said)}")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm not in issuer.algorithms:
        raise _refusal(f"its algorithm is none of this issuer: {_shown(algorithm)}", issuer)
    if not isinstance(kid, str) or not kid:
        raise _refusal("it names no key", issuer)
    if "crit" in header or header.get("b64", True) is not True:
        raise _refusal("its header asks for what is not known here", issuer)
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise _refusal(f"it is of another type: {_shown(kind)}", issuer)
    return Parsed(kid, str(algorithm), issuer)


def require_claims(claims: Claims, issuer: TokenIssuer) -> None:
    """Raises: UnrecognizedClientException unless the claims are for here and of the form that they must have."""
    if claims.get("iss") != issuer.issuer:
        raise _refusal("its issuer is another", issuer)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= TEXT_CHARACTERS_MAX or not subject.isprintable():
        raise _refusal(f"sub is no text of 1 to {TEXT_CHARACTERS_MAX} characters that can be shown", issuer)
    audiences = _audiences(claims.get("aud"))
    if issuer.audiences.isdisjoint(audiences):
        raise _refusal(f"it is meant for somebody else: {_shown(', '.join(audiences))}", issuer)
    if issuer.pod_bound and not _is_pod_bound(claims, subject):
        raise _refusal("it is no service account's token that is bound to a pod", issuer)


def require_times(claims: Claims, issuer: TokenIssuer, now: datetime) -> None:
    """Raises: ExpiredTokenException after the token's life, UnrecognizedClientException before it and for one that lives too long."""
    begin, end, earliest = (_seconds(claims, name, issuer) for name in ("iat", "exp", "nbf"))
    if begin is None or end is None:
        raise _refusal("it does not say from when until when it is good", issuer)
    if not 0 < end - begin <= issuer.life_seconds_max:
        raise _refusal(f"it lives longer than {issuer.life_seconds_max} seconds, or not at all", issuer)
    at = now.timestamp()
    if max(begin, earliest or begin) > at + SKEW_SECONDS:
        raise _refusal("it is not yet valid", issuer)
    if end <= at - SKEW_SECONDS:
        raise ExpiredTokenException(reason=f"the token of {issuer.issuer} has expired")


def _decoded(part: str) -> bytes:
    """Raises: ValueError."""
    try:
        return b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as fault:
        raise ValueError("is no base64url") from fault


def _members(data: bytes) -> Mapping[str, Any]:
    """The members of a JSON object, each of which is there once. Raises: ValueError."""
    try:
        found = parse_json(data.decode())
    except UnicodeDecodeError as fault:
        raise ValueError("is no UTF-8 text") from fault
    except JsonFault as fault:
        raise ValueError(_shown(str(fault))) from fault
    if not isinstance(found, dict):
        raise ValueError("holds no object")
    return found


def _audiences(said: object) -> list[str]:
    listed = [said] if isinstance(said, str) else said
    if not isinstance(listed, list) or len(listed) > AUDIENCES_MAX:
        return []
    return listed if all(isinstance(each, str) for each in listed) else []


def _seconds(claims: Claims, name: str, issuer: TokenIssuer) -> int | None:
    """Whole seconds of a moment; None where it is not there. Raises: UnrecognizedClientException."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= SECONDS_MAX:
        raise _refusal(f"{name} is no moment", issuer)
    return int(value)


def _is_pod_bound(claims: Claims, subject: str) -> bool:
    """Whether what Kubernetes says of the holder agrees with itself. Source: Kubernetes, Managing Service Accounts, token structure."""
    told = claims.get("kubernetes.io")
    if not isinstance(told, dict):
        return False
    pod, account, namespace = told.get("pod"), told.get("serviceaccount"), told.get("namespace")
    if not isinstance(pod, dict) or not isinstance(account, dict) or not isinstance(namespace, str):
        return False
    named = all(isinstance(each, str) and each for each in (pod.get("name"), pod.get("uid"), account.get("name")))
    return named and subject == f"{SERVICE_ACCOUNT}{namespace}:{account['name']}"


def _refusal(why: str, issuer: TokenIssuer) -> UnrecognizedClientException:
    return UnrecognizedClientException(reason=f"the token of {issuer.issuer}: {why}")


def _shown(value: object) -> str:
    """What a token says, for operators."""
    return printable(value if isinstance(value, str) else type(value).__name__, SHOWN_CHARACTERS_MAX)
