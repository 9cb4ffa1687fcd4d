"""One public key of an issuer, and its signatures over compact tokens (JWS).

Source: RFC 7515 (JWS), RFC 7518 (algorithms), RFC 8037 (Ed25519).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

RSA_BITS: Final = (2048, 4096)
"""Smallest and largest modulus; a check takes the square of its length."""
HEADER_BYTES_MAX: Final = 4096

_CLASSES: Final[Mapping[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class _Registry(jws.JWSRegistry):
    max_header_length = HEADER_BYTES_MAX


class SigningKey:
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


def signing_key(public: Mapping[str, Any]) -> SigningKey:
    """The key of these members of a JWK, none of them secret. Raises: ValueError, which says what is there instead."""
    try:
        key = _CLASSES[public["kty"]].import_key(dict(public))
        raw: Any = key.public_key
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise ValueError("a key that cannot be read") from fault
    if isinstance(key, RSAKey) and not RSA_BITS[0] <= raw.key_size <= RSA_BITS[1]:
        raise ValueError(f"an RSA key that is not of {RSA_BITS[0]} to {RSA_BITS[1]} bits")
    return SigningKey(key)
