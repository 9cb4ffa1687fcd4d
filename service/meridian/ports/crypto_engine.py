"""The only thing that sees plaintext key material.

Callers hand over immutable keys with their sealed materials; the engine unwraps, uses, and forgets. Formats, byte for byte:
docs/spec/ciphertext.md. All methods are plain functions; none touches a database. They take microseconds, but for those that say so; what
may take milliseconds with a private key is given back as `Work`, which any thread may do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from meridian.domain.ciphertext_blob import CiphertextBlob
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret

T = TypeVar("T")
Work = Callable[[], T]
"""The rest of a command, with all that it needs: to be done once, by any thread."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A ciphertext and the material that made it."""

    ciphertext_blob: bytes
    material_id: str


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A plaintext and the material that opened it."""

    plaintext: bytes
    material_id: str


@dataclass(frozen=True, slots=True)
class ReEncrypted:
    """A ciphertext under a new key; the plaintext never left the engine."""

    ciphertext_blob: bytes
    source_material_id: str
    destination_material_id: str


@dataclass(frozen=True, slots=True)
class CipherUse:
    """A key with the algorithm it is used for, and the encryption context, in canonical form, where the algorithm takes one."""

    key: Key
    algorithm: str
    encryption_context: bytes


@dataclass(frozen=True, slots=True)
class TransportOffer:
    """What a Region publishes so that others can seal material for it: a fresh HPKE key, signed by its transport key."""

    region: str
    suite: int
    hpke_key_id: bytes
    """SHA-256 of the public key."""
    hpke_public_bytes: bytes
    """Uncompressed P-384 point, 97 bytes."""
    created_at: datetime
    signed_bytes: bytes
    """The whole offer as signed by the Region's transport key."""


@dataclass(frozen=True, slots=True)
class EnvelopeMeta:
    """Everything a sealed material is bound to, in the order of the format."""

    deployment: str
    partition: str
    account: str
    key_id: str
    material_id: str
    key_spec: str
    source_region: str
    target_region: str
    source_incarnation: int
    sequence: int
    rotation_number: int
    hpke_key_id: bytes
    created_ms: int


@dataclass(frozen=True, slots=True)
class ImportParameters:
    """A wrapping key that is given out, and what is kept of it."""

    token_id: str
    """32 lower-case hexadecimal digits."""
    token: bytes
    public_key: bytes
    """DER SubjectPublicKeyInfo."""
    sealed_private_key: bytes


@dataclass(frozen=True, slots=True)
class ImportToken:
    """What an import token says, once it has opened."""

    token_id: str
    key_arn: str
    wrapping_algorithm: str
    wrapping_key_spec: str
    expires_at: datetime


CheckRsa = Callable[[str, bytes], bytes]
"""The stored form of an RSA private key, PKCS #8, of a key spec. Raises: ValueError unless it is sound."""


class CryptoEngine(Protocol):
    """Cryptography on keys of this Region."""

    def new_material(self, key: Key, ready: Secret | None) -> KeyMaterial:
        """Fresh material for a key, wrapped and bound to it; the rotation number is one above the highest the key has, or 0. It is a
        private key that was made before, in its stored form, or, where there is none, made now: RSA takes up to a second."""
        ...

    def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes) -> Encrypted:
        """Encrypt under the current material. `encryption_context` is in canonical form.

        Raises: KMSInternalException if the wrapped row does not open.
        """
        ...

    def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob) -> Decrypted:
        """Open a blob of this key.

        Raises: InvalidCiphertextException for every cause that lies in the request; KMSInternalException if the wrapped row
        does not open.
        """
        ...

    def re_encrypt(self, source: CipherUse, ciphertext: bytes, destination: CipherUse) -> Work[ReEncrypted]:
        """Open under one key and seal under another. Raises, now or in the work: as `decrypt`, `rsa_decrypt` and `encrypt`;
        ValidationException for a plaintext that the destination cannot encrypt.
        """
        ...

    def sign(self, key: Key, algorithm: str, message_type: str, message: bytes) -> Work[bytes]:
        """A signature. Raises: ValidationException where message, type and algorithm do not fit."""
        ...

    def verify(self, key: Key, algorithm: str, message_type: str, message: bytes, signature: bytes) -> Work[bool]:
        """Whether the signature is the key's. Raises: ValidationException where message, type and algorithm do not fit."""
        ...

    def public_key(self, key: Key) -> bytes:
        """The public half, DER SubjectPublicKeyInfo."""
        ...

    def mac(self, key: Key, algorithm: str, message: bytes) -> bytes:
        """28 to 64 bytes. Raises: ValidationException for a message that begins with reserved bytes."""
        ...

    def verify_mac(self, key: Key, algorithm: str, message: bytes, mac: bytes) -> bool:
        """Whether the code is the message's. Raises: as `mac`."""
        ...

    def derive_shared_secret(self, key: Key, public_key: bytes) -> Work[bytes]:
        """The raw ECDH secret, 32, 48 or 66 bytes. The work raises: ValidationException for a peer key that does not fit."""
        ...

    def encapsulate(self, key: Key) -> tuple[bytes, bytes]:
        """(shared secret of 32 bytes, ciphertext)."""
        ...

    def decapsulate(self, key: Key, ciphertext: bytes) -> Work[bytes]:
        """The shared secret. The work raises: InvalidCiphertextException for a ciphertext of another length."""
        ...

    def rsa_encrypt(self, key: Key, algorithm: str, plaintext: bytes) -> bytes:
        """A ciphertext as long as the modulus. Raises: ValidationException if the plaintext is too long."""
        ...

    def rsa_decrypt(self, key: Key, algorithm: str, ciphertext: bytes) -> Work[bytes]:
        """The plaintext. The work raises: InvalidCiphertextException for every cause."""
        ...

    def new_data_key_pair(self, key_pair_spec: str, ready: Secret | None) -> tuple[bytes, bytes]:
        """(private key as DER PKCS #8, public key as DER SubjectPublicKeyInfo), of a private key as for `new_material`. Without one RSA
        takes up to a second: not on the event loop."""
        ...

    def random(self, number_of_bytes: int) -> bytes:
        """Fresh random bytes, 1..1024."""
        ...

    def page_marker(self, scope: str, position: str) -> str:
        """An opaque marker for a listing; only the same scope (caller, operation, arguments) opens it."""
        ...

    def open_page_marker(self, scope: str, marker: str) -> str:
        """The position inside a marker. Raises: InvalidMarkerException."""
        ...

    # ---- imports

    def import_parameters(
        self, key: Key, algorithm: str, wrapping_key_spec: str, private_key: Secret, issued_at: datetime, expires_at: datetime
    ) -> ImportParameters:
        """A token and a public key for imports into this key; `private_key` is RSA, DER PKCS#8."""
        ...

    def open_import_token(self, token: bytes) -> ImportToken:
        """Raises: InvalidImportTokenException."""
        ...

    def import_material(
        self, key: Key, token: ImportToken, sealed_private_key: bytes, encrypted: bytes, check_rsa: CheckRsa
    ) -> KeyMaterial:
        """Unwrap what came under a wrapping key and wrap it as a row of this key. Takes milliseconds, and a second with an RSA key, which
        `check_rsa` checks: not on the event loop.

        Raises: InvalidCiphertextException, the same for every fault of the wrapping and for a wrong length;
        IncorrectKeyMaterialException for bytes that are all equal.
        """
        ...

    # ---- between Regions

    def membership_serial(self, account: str, key_id: str, region: str) -> str:
        """A fresh serial for a membership of this Region in this set: 64 lower-case hexadecimal digits."""
        ...

    def is_own_membership_serial(self, account: str, key_id: str, region: str, serial: str) -> bool:
        """Whether this Region made the serial, for exactly this account, key and Region."""
        ...

    def transport_fingerprint(self) -> str:
        """SHA-256 of this Region's transport public key (DER SubjectPublicKeyInfo), lower-case hex; what operators pin."""
        ...

    def transport_public_key(self) -> bytes:
        """This Region's transport public key, DER SubjectPublicKeyInfo, P-384."""
        ...

    def transport_offer(self) -> TransportOffer:
        """This Region's newest HPKE key, signed."""
        ...

    def verify_transport_offer(self, signed_bytes: bytes, signer_public_key: bytes) -> TransportOffer:
        """Read another Region's offer. Raises: ValueError if it does not verify or cannot be read."""
        ...

    def seal_for_region(self, key: Key, material: KeyMaterial, offer: TransportOffer, meta: EnvelopeMeta) -> bytes:
        """The material in an envelope that only the offering Region opens, signed by this Region's transport key."""
        ...

    def open_from_region(self, envelope: bytes, signer_public_key: bytes, expected: EnvelopeMeta, key: Key) -> KeyMaterial:
        """Verify, open and re-wrap a material for this Region's key.

        `expected` is compared field by field, but for `hpke_key_id` and `created_ms`, which are read from the envelope. The material
        id is recomputed. Raises: ValueError naming the check that failed.
        """
        ...

    def read_envelope_meta(self, envelope: bytes, signer_public_key: bytes) -> EnvelopeMeta:
        """What a verified envelope says it is bound to. Raises: ValueError if it does not verify or cannot be read."""
        ...

    def sign_set_state(self, body: bytes) -> bytes:
        """The signed form of a set state: `MS`, body, signature by this Region's transport key."""
        ...

    def verify_set_state(self, signed: bytes, signer_public_key: bytes) -> bytes:
        """The body of a signed set state. Raises: ValueError if it does not verify or cannot be read."""
        ...
