"""Signatures of every algorithm that a key can have.

Source: RFC 8017 (RSASSA-PSS, RSASSA-PKCS1-v1_5), FIPS 186-5 (ECDSA, Ed25519, Ed25519ph), FIPS 204 (ML-DSA).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import nacl.bindings
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from nacl.exceptions import BadSignatureError

RAW, DIGEST, EXTERNAL_MU = "RAW", "DIGEST", "EXTERNAL_MU"
HASHES: Final[dict[str, hashes.HashAlgorithm]] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

Sign = Callable[[Any, bytes], bytes]
Verify = Callable[[Any, bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One algorithm applied to one kind of message."""

    sign: Sign
    verify: Verify
    message_bytes: int | None = None
    """Exact length of the message; None for any."""


def _rsa(kind: str, size: str, *, prehashed: bool) -> Scheme:
    digest = HASHES[size]
    padded: Any = padding.PKCS1v15()
    if kind == "PSS":
        padded = padding.PSS(padding.MGF1(digest), digest.digest_size)
    hashed: Any = Prehashed(digest) if prehashed else digest
    return Scheme(
        lambda private, message: bytes(private.sign(message, padded, hashed)),
        lambda public, signature, message: public.verify(signature, message, padded, hashed),
        digest.digest_size if prehashed else None,
    )


def _ecdsa(size: str, *, prehashed: bool) -> Scheme:
    digest = HASHES[size]
    algorithm = ec.ECDSA(Prehashed(digest) if prehashed else digest)
    return Scheme(
        lambda private, message: bytes(private.sign(message, algorithm)),
        lambda public, signature, message: public.verify(signature, message, algorithm),
        digest.digest_size if prehashed else None,
    )


def _sign_prehashed_ed25519(private: Any, message: bytes) -> bytes:
    # The message, already a digest, is hashed again: so does AWS.
    secret = private.private_bytes_raw() + private.public_key().public_bytes_raw()
    state = nacl.bindings.crypto_sign_ed25519ph_state()
    nacl.bindings.crypto_sign_ed25519ph_update(state, message)
    return bytes(nacl.bindings.crypto_sign_ed25519ph_final_create(state, secret))


def _verify_prehashed_ed25519(public: Any, signature: bytes, message: bytes) -> None:
    if len(signature) != nacl.bindings.crypto_sign_BYTES:
        raise InvalidSignature
    state = nacl.bindings.crypto_sign_ed25519ph_state()
    nacl.bindings.crypto_sign_ed25519ph_update(state, message)
    try:
        nacl.bindings.crypto_sign_ed25519ph_final_verify(state, signature, public.public_bytes_raw())
    except BadSignatureError as fault:
        raise InvalidSignature from fault


_PLAIN: Final = Scheme(
    lambda private, message: bytes(private.sign(message)), lambda public, signature, message: public.verify(signature, message)
)
_MU: Final = Scheme(lambda private, mu: bytes(private.sign_mu(mu)), lambda public, signature, mu: public.verify_mu(signature, mu), 64)

TABLE: Final[dict[tuple[str, str], Scheme]] = {
    **{
        (f"RSASSA_{name}_SHA_{size}", message_type): _rsa(kind, size, prehashed=message_type == DIGEST)
        for name, kind in (("PSS", "PSS"), ("PKCS1_V1_5", "PKCS1"))
        for size in HASHES
        for message_type in (RAW, DIGEST)
    },
    **{
        (f"ECDSA_SHA_{size}", message_type): _ecdsa(size, prehashed=message_type == DIGEST)
        for size in HASHES
        for message_type in (RAW, DIGEST)
    },
    ("ED25519_SHA_512", RAW): _PLAIN,
    ("ED25519_PH_SHA_512", DIGEST): Scheme(_sign_prehashed_ed25519, _verify_prehashed_ed25519, 64),
    ("ML_DSA_SHAKE_256", RAW): _PLAIN,
    ("ML_DSA_SHAKE_256", EXTERNAL_MU): _MU,
}
"""THE table: (algorithm, message type). What is not here does not fit together."""


def verify(public: Any, scheme: Scheme, signature: bytes, message: bytes) -> bool:
    """Whether the signature is this key's over this message."""
    try:
        scheme.verify(public, signature, message)
    except InvalidSignature:
        return False
    return True


def public_key_of(subject_public_key_info: bytes) -> Any:
    """Raises: ValueError if the bytes are no public key."""
    return serialization.load_der_public_key(subject_public_key_info)
