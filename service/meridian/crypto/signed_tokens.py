"""Tokens that an issuer has signed: key sets (JWK), and signatures over compact tokens (JWS).

The algorithm is the operator's and the key's, never the header's: a key is found by its id and by the algorithm that it is for, and signs
by no other.

Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 8037 (Ed25519), RFC 8725 (best current practices).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from meridian.domain.strict_json import JsonFault, parse_json

KEYS_MAX: Final = 64
"""Of a key set; one with more is refused."""
KID_CHARACTERS_MAX: Final = 256
RSA_BITS: Final = (2048, 4096)
"""Smallest and largest modulus; a check takes the square of its length."""
HEADER_BYTES_MAX: Final = 4096
warnings.simplefilter("ignore", SecurityWarning)  # what the library warns of is refused here, and EdDSA has one curve


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
_CLASSES: Final[Mapping[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class KeySetFault(ValueError):
    """A document is no key set that can be used; the message fits behind its name."""


class _Registry(jws.JWSRegistry):
    max_header_length = HEADER_BYTES_MAX


class Key:
    """Implements `ports.key_sets.SigningKey`."""

    __slots__ = ("_key",)

    def __init__(self, key: RSAKey | ECKey | OKPKey) -> None:
        self._key = key

    def payload_of(self, token: str, algorithm: str) -> bytes:
        registry = _Registry(algorithms=[algorithm], strict_check_header=False)
        try:
            return jws.deserialize_compact(token, self._key, algorithms=[algorithm], registry=registry).payload
        except JoseError as fault:
            raise ValueError(type(fault).__name__) from fault


class KeySet:
    """Implements `ports.key_sets.SigningKeys`."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[tuple[str, str], Key]) -> None:
        """By id and algorithm."""
        self._keys = dict(keys)

    def find(self, kid: str, algorithm: str) -> Key | None:
        return self._keys.get((kid, algorithm))

    def __len__(self) -> int:
        return len({id(key) for key in self._keys.values()})


def read_key_set(document: bytes) -> KeySet:
    """The keys of a JWK set that sign tokens. What is for something else, or of a kind that no algorithm here takes, is left out; what is
    wrong refuses the whole. Raises: KeySetFault.
    """
    try:
        text = parse_json(document.decode())
    except (JsonFault, UnicodeDecodeError) as fault:
        raise KeySetFault(str(fault) if isinstance(fault, JsonFault) else "is no UTF-8 text") from fault
    listed = text.get("keys") if isinstance(text, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX or not all(isinstance(each, dict) for each in listed):
        raise KeySetFault(f"is no key set of at most {KEYS_MAX} keys")
    found: dict[tuple[str, str], Key] = {}
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


def _key(members: Mapping[str, Any]) -> Key:
    """The public half of a key. Raises: KeySetFault."""
    if "d" in members:
        raise KeySetFault("has a private key in it")
    public = {name: value for name, value in members.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        key = _CLASSES[public["kty"]].import_key(public)
        raw: Any = key.public_key
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise KeySetFault("has a key that cannot be read") from fault
    if isinstance(key, RSAKey) and not RSA_BITS[0] <= raw.key_size <= RSA_BITS[1]:
        raise KeySetFault(f"has an RSA key that is not of {RSA_BITS[0]} to {RSA_BITS[1]} bits")
    return Key(key)
