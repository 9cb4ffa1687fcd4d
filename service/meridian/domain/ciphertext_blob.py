"""The symmetric ciphertext blob: pack and parse.

`MK ‖ version ‖ suite ‖ scope ‖ 3 zero bytes ‖ key number (16) ‖ material id (32) ‖ nonce (32) ‖ commitment (32) ‖ ciphertext ‖
tag (16)`: 136 bytes more than the plaintext.

Source: docs/spec/ciphertext.md §2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meridian.domain.identifiers import key_id_of
from meridian.domain.limits import CIPHERTEXT_BYTES_MAX
from meridian.errors import InvalidCiphertextException

MAGIC: Final = b"MK"
VERSION: Final = 1
SUITE_OWN_MATERIAL: Final = 1
SCOPE_SINGLE_REGION: Final = 1
SCOPE_MULTI_REGION: Final = 2

PREFIX_BYTES: Final = 56
HEADER_BYTES: Final = 88
OVERHEAD_BYTES: Final = 136

_PREFIX_OF_SCOPE: Final = {
    MAGIC + bytes([VERSION, SUITE_OWN_MATERIAL, SCOPE_SINGLE_REGION, 0, 0, 0]): False,
    MAGIC + bytes([VERSION, SUITE_OWN_MATERIAL, SCOPE_MULTI_REGION, 0, 0, 0]): True,
}


@dataclass(frozen=True, slots=True)
class CiphertextBlob:
    """A blob taken apart; nothing in it is proven yet."""

    multi_region: bool
    number: bytes
    material_id: str
    nonce: bytes
    commitment: bytes
    sealed_bytes: bytes
    """Ciphertext and tag."""
    header: bytes
    """The first 88 bytes."""

    @property
    def key_id(self) -> str:
        """The key id that the blob names."""
        return key_id_of(self.number, multi_region=self.multi_region)


def header_prefix(number: bytes, *, multi_region: bool, material_id: str) -> bytes:
    """The first 56 bytes of every blob under one material: all of the header but the nonce."""
    scope = SCOPE_MULTI_REGION if multi_region else SCOPE_SINGLE_REGION
    return MAGIC + bytes([VERSION, SUITE_OWN_MATERIAL, scope, 0, 0, 0]) + number + bytes.fromhex(material_id)


def parse_ciphertext_blob(data: bytes) -> CiphertextBlob:
    """Read a blob by its fixed offsets. Raises: InvalidCiphertextException."""
    multi_region = _PREFIX_OF_SCOPE.get(data[:8])
    if multi_region is None or not OVERHEAD_BYTES < len(data) <= CIPHERTEXT_BYTES_MAX:
        raise InvalidCiphertextException(reason="parse")
    return CiphertextBlob(
        multi_region=multi_region,
        number=data[8:24],
        material_id=data[24:56].hex(),
        nonce=data[56:88],
        commitment=data[88:120],
        sealed_bytes=data[120:],
        header=data[:88],
    )
