"""Cryptography of keys that are no symmetric encryption keys: signatures, MACs, agreement, encapsulation, RSA.

Private keys are parsed once and kept for a while, never per call. What is found in these caches is found at once; what takes long with it
is given back as work, for any thread.

Source: docs/spec/ciphertext.md §6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from meridian.crypto import key_pairs, macs, shared_secrets, signatures
from meridian.domain.algorithms import SYMMETRIC
from meridian.domain.applicability import require_plaintext_fits
from meridian.domain.bounded_cache import BoundedCache, Caches, nobody
from meridian.domain.cache_entries import key_owner
from meridian.domain.ciphertext_blob import parse_ciphertext_blob
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret
from meridian.domain.weights import deep_bytes, key_pair_bytes
from meridian.engine.box import ACCESS
from meridian.engine.commands import MaterialName, SymmetricCommands
from meridian.errors import InvalidCiphertextException, KMSInternalException, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.crypto.ciphers import CipherUse, Decrypted, Encrypted, ReEncrypted
from meridian.ports.crypto.work import Work
from meridian.ports.entropy import Entropy

PARSED_MAX: Final = 10_000
PARSED_SECONDS: Final = 300.0
DERIVATION_INPUTS: Final = (b"\x00\x00\x00\x01meridian/v1/", b"\x00\x00\x00\x02meridian/v1/")
"""How the service's own key derivation begins. Where the same bytes are imported as an HMAC key and as a symmetric one, a MAC over
this would be a derived key."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A private key of the library with its public half, good until a moment of the monotonic clock."""

    private: Any
    public: Any
    public_bytes: bytes
    until: float

    def __repr__(self) -> str:
        return "Parsed(***)"


class AsymmetricCommands:
    """Every method takes the key's one material."""

    def __init__(self, symmetric: SymmetricCommands, clock: Clock, entropy: Entropy, caches: Caches) -> None:
        self._materials = symmetric
        self._clock = clock
        self._entropy = entropy
        self._parsed: BoundedCache[MaterialName, Parsed] = BoundedCache(
            caches, "private keys", most=PARSED_MAX, weigh=_parsed_bytes, left=nobody
        )
        self.parses = 0
        """How many private keys were parsed; a warm call parses none."""

    def sign(self, key: Key, algorithm: str, message_type: str, message: bytes) -> Work[bytes]:
        return partial(_scheme(key, algorithm, message_type, message).sign, self._key_pair(key).private, message)

    def verify(self, key: Key, algorithm: str, message_type: str, message: bytes, signature: bytes) -> Work[bool]:
        scheme = _scheme(key, algorithm, message_type, message)
        return partial(signatures.verify, self._key_pair(key).public, scheme, signature, message)

    def public_key(self, key: Key) -> bytes:
        return self._key_pair(key).public_bytes

    def mac(self, key: Key, algorithm: str, message: bytes) -> bytes:
        return macs.mac(self._mac_key(key, message), algorithm, message)

    def verify_mac(self, key: Key, algorithm: str, message: bytes, mac: bytes) -> bool:
        return macs.is_mac(self._mac_key(key, message), algorithm, message, mac)

    def derive_shared_secret(self, key: Key, public_key: bytes) -> Work[bytes]:
        return partial(_derive, self._key_pair(key).private, public_key)

    def encapsulate(self, key: Key) -> tuple[bytes, bytes]:
        return shared_secrets.encapsulate(self._key_pair(key).private)

    def decapsulate(self, key: Key, ciphertext: bytes) -> Work[bytes]:
        return partial(_decapsulate, self._key_pair(key).private, ciphertext)

    def rsa_encrypt(self, key: Key, algorithm: str, plaintext: bytes) -> bytes:
        return _rsa_encrypt(key, self._key_pair(key).private, algorithm, plaintext)

    def rsa_decrypt(self, key: Key, algorithm: str, ciphertext: bytes) -> Work[bytes]:
        return partial(_rsa_decrypt, self._key_pair(key).private, algorithm, ciphertext)

    def re_encrypt(self, source: CipherUse, ciphertext: bytes, destination: CipherUse) -> Work[ReEncrypted]:
        opening, sealing = self._opening(source, ciphertext), self._sealing(destination)

        def work() -> ReEncrypted:
            opened = opening()
            sealed = sealing(opened.plaintext)
            return ReEncrypted(sealed.ciphertext_blob, opened.material_id, sealed.material_id)

        return work

    def _opening(self, source: CipherUse, ciphertext: bytes) -> Work[Decrypted]:
        if source.algorithm == SYMMETRIC:
            opened = self._materials.decrypt(source.key, source.encryption_context, parse_ciphertext_blob(ciphertext))
            return lambda: opened
        decrypting = self.rsa_decrypt(source.key, source.algorithm, ciphertext)
        return lambda: Decrypted(decrypting(), "")

    def _sealing(self, destination: CipherUse) -> Callable[[bytes], Encrypted]:
        if destination.algorithm == SYMMETRIC:
            return self._materials.encrypting(destination.key, destination.encryption_context)
        key, private = destination.key, self._key_pair(destination.key).private
        return lambda plaintext: Encrypted(_rsa_encrypt(key, private, destination.algorithm, plaintext), "")

    def new_data_key_pair(self, key_pair_spec: str, ready: Secret | None) -> tuple[bytes, bytes]:
        stored = key_pairs.new_private_key(key_pair_spec) if ready is None else ready.reveal(ACCESS)
        private = key_pairs.load(key_pair_spec, stored)
        return key_pairs.pkcs8_bytes(private), key_pairs.public_bytes(private)

    def _mac_key(self, key: Key, message: bytes) -> bytes:
        if message.startswith(DERIVATION_INPUTS):
            raise ValidationException(
                "The message begins with bytes that are reserved.", fields=[("message", "begins with reserved bytes")]
            )
        return self._materials.material_bytes(key, _only(key))

    def _key_pair(self, key: Key) -> Parsed:
        material = _only(key)
        name = (key.account, key.key_id, material.material_id, material.row_version)
        now = self._clock.monotonic()
        parsed = self._parsed.get(name)
        if parsed is not None and parsed.until > now:
            return parsed
        self.parses += 1
        private = key_pairs.load(key.key_spec, self._materials.material_bytes(key, material))
        parsed = Parsed(private, private.public_key(), key_pairs.public_bytes(private), now + PARSED_SECONDS)
        self._parsed.keep(name, parsed, (key_owner(key.account, key.key_id),), key.account)
        return parsed


def _parsed_bytes(name: MaterialName, parsed: Parsed) -> int:
    return deep_bytes(name, parsed) + key_pair_bytes(parsed.public_bytes)


def _only(key: Key) -> KeyMaterial:
    material = key.find_material(key.current_material_id)
    if material is None or not material.is_present:
        raise KMSInternalException(reason="the key's material is not in the store")
    return material


def _derive(private: Any, public_key: bytes) -> bytes:
    try:
        return shared_secrets.derive(private, public_key)
    except ValueError as fault:
        # Without a text, as AWS KMS answers; the field is named where errors have fields.
        raise ValidationException("", fields=[("publicKey", "does not fit the key")]) from fault


def _decapsulate(private: Any, ciphertext: bytes) -> bytes:
    try:
        return shared_secrets.decapsulate(private, ciphertext)
    except ValueError as fault:
        raise InvalidCiphertextException(reason="decapsulate") from fault


def _rsa_decrypt(private: Any, algorithm: str, ciphertext: bytes) -> bytes:
    try:
        return shared_secrets.rsa_decrypt(private, algorithm, ciphertext)
    except ValueError as fault:
        raise InvalidCiphertextException(reason="decrypt") from fault


def _rsa_encrypt(key: Key, private: Any, algorithm: str, plaintext: bytes) -> bytes:
    require_plaintext_fits(key, algorithm, plaintext)
    return shared_secrets.rsa_encrypt(private, algorithm, plaintext)


def _scheme(key: Key, algorithm: str, message_type: str, message: bytes) -> signatures.Scheme:
    """How this key signs such a message. Raises: ValidationException where they do not fit."""
    scheme = signatures.TABLE.get((algorithm, message_type))
    if scheme is None:
        subject = f"key spec {key.key_spec}" if message_type == signatures.EXTERNAL_MU else f"algorithm {algorithm}"
        text = f"Message type {message_type} is incompatible with {subject}."
        raise ValidationException(text, fields=[("messageType", "does not fit the signing algorithm")])
    if scheme.message_bytes is not None and len(message) != scheme.message_bytes:
        text = f"Digest is invalid length for algorithm {algorithm}."
        raise ValidationException(text, fields=[("message", f"not {scheme.message_bytes} bytes long")])
    return scheme
