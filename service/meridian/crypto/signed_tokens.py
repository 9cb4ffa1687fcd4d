"""Tokens that an issuer has signed: key sets (JWK), and signatures over compact tokens (JWS).

The algorithm is the operator's and the key's, never the header's: a key is found by its id and by the algorithm that it is for, and signs
by no other.

Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 8037 (Ed25519), RFC 8725 (best current practices).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from meridian.domain.strict_json import JsonFault, parse_json

if TYPE_CHECKING:
    from meridian.crypto.signing_key import SigningKey

KEYS_MAX: Final = 64
"""Of a key set; one with more is refused."""
KID_CHARACTERS_MAX: Final = 256
# What the library warns of is refused here, and EdDSA has one curve.
warnings.filterwarnings("ignore", module=r"meridian\.crypto\.signing_key")


class _Kind(NamedTuple):
    """What a key for an algorithm is."""

    kty: str
    curve: str | None


ALGORITHMS: Final[Mapping[str, _Kind]] = {
    "RS256": _Kind("RSA", None),
    "PS256": _Kind("RSA", None),
    "ES256": _Kind("EC", "P-256"),
    "ES384": _Kind("EC", "P-384"),
    "EdDSA": _Kind("OKP", "Ed25519"),
    "Ed25519": _Kind("OKP", "Ed25519"),
}
"""THE table of algorithms that tokens may be signed by, each with the one kind of key that it is for. The last two are one, of which RFC
9864 names the second."""
ED25519: Final = ("EdDSA", "Ed25519")


class KeySetFault(ValueError):
    """A document is no key set that can be used; the message fits behind its name."""


class KeySet:
    """Implements `ports.key_sets.SigningKeys`."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[tuple[str, str], SigningKey]) -> None:
        """By id and algorithm."""
        self._keys = dict(keys)

    def find(self, kid: str, algorithm: str) -> SigningKey | None:
        return self._keys.get((kid, algorithm))

    def __len__(self) -> int:
        return len({id(key) for key in self._keys.values()})


def read_key_set(document: bytes) -> KeySet:
    """The keys of a JWK set that sign tokens. What is for something else, or of a kind that no algorithm here takes, is left out; what is
    wrong refuses the whole. In a thread: the first keys load a library. Raises: KeySetFault.
    """
    try:
        text = parse_json(document.decode())
    except (JsonFault, UnicodeDecodeError) as fault:
        raise KeySetFault(str(fault) if isinstance(fault, JsonFault) else "is no UTF-8 text") from fault
    listed = text.get("keys") if isinstance(text, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX or not all(isinstance(each, dict) for each in listed):
        raise KeySetFault(f"is no key set of at most {KEYS_MAX} keys")
    found: dict[tuple[str, str], SigningKey] = {}
    for each in listed:
        kid, algorithms = each.get("kid"), _algorithms_of(each)
        if not algorithms or kid is None:
            continue
        if not isinstance(kid, str) or len(kid) > KID_CHARACTERS_MAX:
            raise KeySetFault(f"has a key whose kid is no text of at most {KID_CHARACTERS_MAX} characters")
        key = _key(each)
        for algorithm in algorithms:
            if (kid, algorithm) in found:
                raise KeySetFault("has two keys of one kid for one algorithm")
            found[kid, algorithm] = key
    if not found:
        raise KeySetFault("has no key that could sign a token here")
    return KeySet(found)


def _algorithms_of(key: Mapping[str, Any]) -> list[str]:
    """The algorithms that a key is for. Raises: KeySetFault."""
    operations = key.get("key_ops")
    if operations is not None and not isinstance(operations, list):
        raise KeySetFault("has a key whose key_ops is no list")
    if key.get("use", "sig") != "sig" or (operations is not None and "verify" not in operations):
        return []
    fitting = [name for name, kind in ALGORITHMS.items() if key.get("kty") == kind.kty and kind.curve in (None, key.get("crv"))]
    said = key.get("alg")
    meant = ED25519 if said in ED25519 else fitting if said is None else (said,)
    return [name for name in fitting if name in meant]


def _key(members: Mapping[str, Any]) -> SigningKey:
    """The public half of a key. Raises: KeySetFault."""
    from meridian.crypto.signing_key import signing_key  # few Regions have issuers: its library is loaded with the first key

    if "d" in members:
        raise KeySetFault("has a private key in it")
    try:
        return signing_key({name: value for name, value in members.items() if name in ("kty", "n", "e", "crv", "x", "y")})
    except ValueError as fault:
        raise KeySetFault(f"has {fault}") from fault
