"""Tokens whose signature was checked already: a caller shows the same one on each call of its life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from meridian.domain.newest import Newest
from meridian.domain.principal import Principal
from meridian.domain.token_rules import Claims, TokenMapping
from meridian.ports.key_sets import SigningKey

if TYPE_CHECKING:
    from meridian.authentication.identity_tokens import Parsed

TOKENS_MAX: Final = 4096
KEPT: Final = ("iat", "exp", "nbf", "sub")


class Verified(NamedTuple):
    """What was found of a token."""

    mapping: TokenMapping
    """By whose rules."""
    parsed: Parsed
    key: SigningKey
    times: Claims
    """The moments among its claims, and whose it is."""
    principal: Principal


class VerifiedTokens:
    """By the SHA-256 of a token; bounded. What was found by other rules than those in force is not found any more."""

    def __init__(self) -> None:
        self._known: Newest[bytes, Verified] = Newest(TOKENS_MAX)

    def find(self, digest: bytes, mapping: TokenMapping) -> Verified | None:
        """What was found by these rules."""
        known = self._known.get(digest)
        return known if known is not None and known.mapping is mapping else None

    def keep(self, digest: bytes, mapping: TokenMapping, parsed: Parsed, key: SigningKey, claims: Claims, principal: Principal) -> None:
        """Remember a token."""
        times = {name: claims[name] for name in KEPT if name in claims}
        self._known.put(digest, Verified(mapping, parsed, key, times, principal))
