"""Keys of this Region under the exports of the XKS proxy API: each export has a key of its own, derived from the key's material.

Source: docs/spec/external-keys.md.
"""

from __future__ import annotations

from typing import Final, Protocol

from meridian.crypto.aead import KEY_BYTES, OpenError
from meridian.crypto.export_cipher import export_key, open_for_export, seal_for_export
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.xks_layout import authenticated, material_prefix, metadata_of
from meridian.errors import InvalidCiphertextException, KeyUnavailableException, KMSInternalException
from meridian.ports.entropy import Entropy
from meridian.ports.xks import ExternalCiphertext

RANDOM_BYTES: Final = 32
PROBE: Final = b"meridian"


class Materials(Protocol):
    """The part of the crypto engine that opens materials."""

    def material_bytes(self, key: Key, material: KeyMaterial) -> bytes: ...


class DerivedExportCipher:
    """Implements `ports.xks.ExportCipher`."""

    def __init__(self, materials: Materials, entropy: Entropy) -> None:
        self._materials = materials
        self._entropy = entropy

    def encrypt(self, key: Key, export_id: str, plaintext: bytes, aad: bytes) -> tuple[ExternalCiphertext, str]:
        material = key.find_material(key.current_material_id)
        if material is None:
            raise KMSInternalException(reason="the current material is not in the store")
        metadata = metadata_of(material.material_id)
        derived = export_key(self._materials.material_bytes(key, material), export_id)
        random = self._entropy.random_bytes(RANDOM_BYTES)
        iv, ciphertext, tag = seal_for_export(derived, random, plaintext, authenticated(aad, metadata))
        return ExternalCiphertext(ciphertext, iv, tag, metadata), material.material_id

    def decrypt(self, key: Key, export_id: str, sealed: ExternalCiphertext, aad: bytes) -> tuple[bytes, str]:
        material = _named(key, sealed.metadata)
        derived = export_key(self._materials.material_bytes(key, material), export_id)
        bound = authenticated(aad, sealed.metadata)
        try:
            plaintext = open_for_export(derived, sealed.iv, sealed.ciphertext, sealed.tag, bound)
        except OpenError as fault:
            raise InvalidCiphertextException(reason=fault.stage) from fault
        return plaintext, material.material_id

    def require_sound(self) -> None:
        derived = export_key(self._entropy.random_bytes(KEY_BYTES), "probe")
        sealed = seal_for_export(derived, self._entropy.random_bytes(RANDOM_BYTES), PROBE, b"")
        try:
            is_sound = open_for_export(derived, *sealed, b"") == PROBE
        except OpenError:
            is_sound = False
        if not is_sound:
            raise KMSInternalException(reason="what was encrypted does not open")


def _named(key: Key, metadata: bytes) -> KeyMaterial:
    """The material that a ciphertext names."""
    prefix = material_prefix(metadata)
    found = [each for each in key.materials if prefix is not None and each.material_id.startswith(prefix) and each.is_present]
    if len(found) == 1:
        return found[0]
    if prefix is not None and key.multi_region is not None and key.multi_region.is_behind:
        raise KeyUnavailableException(f"{key.arn} is catching up with its related keys.", reason="lookup")
    raise InvalidCiphertextException(reason="lookup")
