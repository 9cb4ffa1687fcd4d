"""What keys of this Region do: encrypt, decrypt, make data keys. The only place where material is used.

Source: docs/spec/ciphertext.md §2, §3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from meridian.crypto.aead import OpenError, hedged_nonce, is_committed, open_sealed, seal, transcript
from meridian.domain.bounded_cache import BoundedCache, Caches, nobody
from meridian.domain.cache_entries import key_owner
from meridian.domain.ciphertext_blob import (
    HEADER_BYTES,
    SUITE_EXTERNAL_KEY,
    SUITE_OWN_MATERIAL,
    SUITE_TOKEN_KEY,
    CiphertextBlob,
    header_prefix,
)
from meridian.domain.double_encryption import bound_names
from meridian.domain.key import Key, KeyMaterial, Origin
from meridian.domain.secret import Secret
from meridian.domain.weights import deep_bytes
from meridian.engine import materials
from meridian.engine.box import ACCESS, HEDGE
from meridian.engine.keyring import MATERIAL_KIND, Keyring, RowIdentity
from meridian.errors import InvalidCiphertextException, KeyUnavailableException, KMSInternalException
from meridian.ports.clock import Clock
from meridian.ports.crypto.ciphers import Decrypted, Encrypted
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.entropy import Entropy
from meridian.ports.key_store import InnerSealed

BLOB: Final = b"meridian/v1/blob"
SUITE_OF: Final = {Origin.EXTERNAL_KEY_STORE: SUITE_EXTERNAL_KEY, Origin.AWS_CLOUDHSM: SUITE_TOKEN_KEY}
"""For keys with another lock."""
LOADED_MAX: Final = 10_000
LOADED_SECONDS: Final = 300.0
FIRST_ROW_VERSION: Final = 1

MaterialName = tuple[str, str, str, int]
"""Account, key id, material id and version of its row."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An unwrapped material with what every call under it needs."""

    material: Secret
    prefix: bytes
    identity: bytes
    material_id: str
    until: float


@dataclass(frozen=True, slots=True)
class Opening:
    """Implements `ports.key_store.InnerOpening`; for a key of this Region alone, all there is."""

    material: Secret
    nonce: bytes
    binding: bytes
    commitment: bytes
    material_id: str

    def open(self, sealed_bytes: bytes) -> Decrypted:
        """Raises: InvalidCiphertextException."""
        try:
            plaintext = open_sealed(self.material.reveal(ACCESS), BLOB, self.nonce, self.binding, self.commitment, sealed_bytes)
        except OpenError as fault:
            raise InvalidCiphertextException(reason=fault.stage) from fault
        return Decrypted(plaintext, self.material_id)

    def require_committed(self) -> None:
        """Material, header, names and context are those of the blob, whatever was sealed. Raises: InvalidCiphertextException."""
        if not is_committed(self.material.reveal(ACCESS), BLOB, self.nonce, self.binding, self.commitment):
            raise InvalidCiphertextException(reason="commitment")


def row_identity(key: Key, material_id_: str, row_version: int) -> RowIdentity:
    """What a material's wrapped row is bound to."""
    row_id = bytes.fromhex(material_id_)
    return RowIdentity(MATERIAL_KIND, key.partition, key.account, key.region, key.key_id, key.key_spec, key.origin, row_id, row_version)


def _name(key: Key, material: KeyMaterial) -> MaterialName:
    return key.account, key.key_id, material.material_id, material.row_version


class SymmetricCommands:
    """Cryptography of symmetric keys."""

    def __init__(self, keyring: Keyring, clock: Clock, entropy: Entropy, caches: Caches) -> None:
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._loaded: BoundedCache[MaterialName, Loaded] = BoundedCache(caches, "material", most=LOADED_MAX, weigh=deep_bytes, left=nobody)
        self.unwraps = 0
        """How many wrapped rows were opened; a warm call opens none."""

    def new_material(self, key: Key, ready: Secret | None) -> KeyMaterial:
        material = materials.fresh(key.key_spec, self._entropy) if ready is None else ready.reveal(ACCESS)
        return self.wrap_material(key, material, key.next_rotation_number)

    def wrap_material(self, key: Key, material: bytes, rotation_number: int, *, row_version: int = FIRST_ROW_VERSION) -> KeyMaterial:
        """The material as a row of this key, opened again from its wrapping before anybody relies on it."""
        identifier = materials.identifier(key, material)
        identity = row_identity(key, identifier, row_version)
        sealed = self._keyring.wrap(identity, material)
        if self._keyring.unwrap(identity, sealed) != material:
            raise KMSInternalException(reason="a freshly wrapped row does not open")
        return KeyMaterial(identifier, rotation_number, row_version, sealed)

    def rewrap(self, key: Key, material: KeyMaterial) -> KeyMaterial:
        """The same material as a row under the active key-encryption key, opened again before anybody relies on it.

        The row itself is opened: one that was spoilt is reported, and mended where its material was opened before. Raises: KmsError.
        """
        version = material.row_version + 1
        renewed = self.wrap_material(key, self._sound_bytes(key, material), material.rotation_number, row_version=version)
        if renewed.material_id != material.material_id:
            raise KMSInternalException(reason="a rewrapped material has another identifier")
        return replace(material, row_version=version, sealed_bytes=renewed.sealed_bytes)

    def material_bytes(self, key: Key, material: KeyMaterial) -> bytes:
        """The plaintext material, for the engine's own use only."""
        return self._load(key, material).material.reveal(ACCESS)

    def _sound_bytes(self, key: Key, material: KeyMaterial) -> bytes:
        try:
            loaded = self._unwrap(key, material, self._clock.monotonic())
        except WrappedRowFault:
            opened_before = self._loaded.get(_name(key, material))
            if opened_before is None:
                raise
            loaded = opened_before
        return loaded.material.reveal(ACCESS)

    def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes) -> Encrypted:
        _require_of_this_region_alone(key)
        return self._sealed(self._current(key), encryption_context, plaintext)

    def encrypting(self, key: Key, encryption_context: bytes) -> Callable[[bytes], Encrypted]:
        """`encrypt` for any thread: the material is found now, and a plaintext of that thread encrypted there."""
        _require_of_this_region_alone(key)
        return partial(self._sealed, self._current(key), encryption_context)

    def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob) -> Decrypted:
        _require_of_this_region_alone(key)
        if blob.outer is not None:
            raise InvalidCiphertextException(reason="suite")
        return self._opening_blob(key, encryption_context, blob).open(blob.sealed_bytes)

    def seal_inner(self, key: Key, encryption_context: bytes, plaintext: bytes) -> InnerSealed:
        sealed = self._sealed(self._current(key), encryption_context, plaintext)
        header = sealed.ciphertext_blob[:HEADER_BYTES]
        return InnerSealed(sealed.ciphertext_blob, transcript(header, bound_names(key) + encryption_context), sealed.material_id)

    def opening_inner(self, key: Key, encryption_context: bytes, blob: CiphertextBlob) -> Opening:
        if blob.outer is None:
            raise InvalidCiphertextException(reason="suite")
        opening = self._opening_blob(key, encryption_context, blob)
        opening.require_committed()
        return opening

    def _opening_blob(self, key: Key, encryption_context: bytes, blob: CiphertextBlob) -> Opening:
        """Raises: InvalidCiphertextException, KeyUnavailableException."""
        wrapped = key.find_material(blob.material_id)
        if wrapped is None or not wrapped.is_present:
            if key.multi_region is not None and key.multi_region.is_behind:
                raise KeyUnavailableException(f"{key.arn} is catching up with its related keys.", reason="lookup")
            raise InvalidCiphertextException(reason="lookup")
        loaded = self._load(key, wrapped)
        rest = loaded.identity + encryption_context
        # The header is authenticated with the stored key's own prefix: what the blob claims about itself is not used.
        return Opening(loaded.material, blob.nonce, transcript(loaded.prefix + blob.nonce, rest), blob.commitment, loaded.material_id)

    def random(self, number_of_bytes: int) -> bytes:
        return self._entropy.random_bytes(number_of_bytes)

    def _sealed(self, loaded: Loaded, encryption_context: bytes, plaintext: bytes) -> Encrypted:
        material = loaded.material.reveal(ACCESS)
        rest = loaded.identity + encryption_context
        nonce = hedged_nonce(material, HEDGE, self._entropy.random_bytes(32), loaded.prefix + rest, plaintext)
        header = loaded.prefix + nonce
        commitment, sealed = seal(material, BLOB, nonce, transcript(header, rest), plaintext)
        return Encrypted(header + commitment + sealed, loaded.material_id)

    def _current(self, key: Key) -> Loaded:
        # The newest material is the current one, but while a rotation is pending.
        wrapped = key.materials[-1] if key.materials else None
        if wrapped is None or wrapped.material_id != key.current_material_id:
            wrapped = key.find_material(key.current_material_id)
        if wrapped is None:
            raise KMSInternalException(reason="the current material is not in the store")
        return self._load(key, wrapped)

    def _load(self, key: Key, wrapped: KeyMaterial) -> Loaded:
        name = _name(key, wrapped)
        now = self._clock.monotonic()
        loaded = self._loaded.get(name)
        if loaded is not None and loaded.until > now:
            return loaded
        loaded = self._unwrap(key, wrapped, now)
        self._loaded.keep(name, loaded, (key_owner(key.account, key.key_id),), key.account)
        return loaded

    def _unwrap(self, key: Key, wrapped: KeyMaterial, now: float) -> Loaded:
        self.unwraps += 1
        row = row_identity(key, wrapped.material_id, wrapped.row_version)
        try:
            material = self._keyring.unwrap(row, wrapped.sealed_bytes)
        except OpenError as fault:
            raise WrappedRowFault(reason="a wrapped material row does not open") from fault
        if materials.identifier(key, material) != wrapped.material_id:
            self._keyring.tell_unreadable(row, "identifier")
            raise WrappedRowFault(reason="a material does not have the identifier of its row")
        suite = SUITE_OF.get(key.origin, SUITE_OWN_MATERIAL)
        prefix = header_prefix(key.number, multi_region=key.multi_region is not None, material_id=wrapped.material_id, suite=suite)
        return Loaded(Secret(material), prefix, bound_names(key), wrapped.material_id, now + LOADED_SECONDS)


def _require_of_this_region_alone(key: Key) -> None:
    """A key in a store has a second lock: nothing is sealed or opened with the first alone."""
    if key.custom_key_store_id:
        raise KMSInternalException(reason="a key in a custom key store was used without its store")
