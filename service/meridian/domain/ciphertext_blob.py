"""The symmetric ciphertext blob: pack and parse.

`MK ‖ version ‖ suite ‖ scope ‖ 3 zero bytes ‖ key number (16) ‖ material id (32) ‖ nonce (32) ‖ commitment (32) ‖ ciphertext ‖
tag (16)`: 136 bytes more than the plaintext.

In suites 02 and 03 an external key, or a key of a hardware token, has encrypted ciphertext and tag once more. In their place stand
`u8 length ‖ IV (12 or 16) ‖ outer tag (16) ‖ u8 length ‖ metadata (0-20) ‖ outer ciphertext`: 166 to 190 bytes more than the plaintext. In
suite 03 the IV has 12 bytes and the metadata none.

Source: docs/spec/ciphertext.md §2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from meridian.domain.identifiers import key_id_of
from meridian.domain.limits import CIPHERTEXT_BYTES_MAX, PLAINTEXT_BYTES_MAX
from meridian.errors import InvalidCiphertextException

MAGIC: Final = b"MK"
VERSION: Final = 1
SUITE_OWN_MATERIAL: Final = 1
SUITE_EXTERNAL_KEY: Final = 2
SUITE_TOKEN_KEY: Final = 3
SCOPE_SINGLE_REGION: Final = 1
SCOPE_MULTI_REGION: Final = 2

NAMED_BYTES: Final = 24
"""What a blob begins with: its kind, and the key that it names."""
PREFIX_BYTES: Final = 56
HEADER_BYTES: Final = 88
SEALED_AT: Final = 120
OVERHEAD_BYTES: Final = 136
TAG_BYTES: Final = 16
IV_BYTES: Final = (12, 16)
METADATA_BYTES_MAX: Final = 20

_PREFIX_OF_SCOPE: Final = {
    MAGIC + bytes([VERSION, SUITE_OWN_MATERIAL, SCOPE_SINGLE_REGION, 0, 0, 0]): False,
    MAGIC + bytes([VERSION, SUITE_OWN_MATERIAL, SCOPE_MULTI_REGION, 0, 0, 0]): True,
}
_PREFIX_OF_EXTERNAL: Final = MAGIC + bytes([VERSION, SUITE_EXTERNAL_KEY, SCOPE_SINGLE_REGION, 0, 0, 0])
_PREFIX_OF_TOKEN: Final = MAGIC + bytes([VERSION, SUITE_TOKEN_KEY, SCOPE_SINGLE_REGION, 0, 0, 0])


@dataclass(frozen=True, slots=True)
class OuterText:
    """What an external key made of a text that was sealed here first."""

    iv: bytes
    tag: bytes
    metadata: bytes
    """Of the key manager's own; given back with the text when it is to be opened."""
    ciphertext: bytes
    """As long as what went in."""


@dataclass(frozen=True, slots=True)
class CiphertextBlob:
    """A blob taken apart; nothing in it is proven yet."""

    multi_region: bool
    number: bytes
    material_id: str
    nonce: bytes
    commitment: bytes
    sealed_bytes: bytes
    """Ciphertext and tag; empty while an external key still lies over them."""
    header: bytes
    """The first 88 bytes."""
    outer: OuterText | None = None
    """In suites 02 and 03, what the other lock has to open first."""

    @property
    def key_id(self) -> str:
        """The key id that the blob names."""
        return key_id_of(self.number, multi_region=self.multi_region)

    @property
    def suite(self) -> int:
        """Whether another lock, and of which kind, has sealed it too."""
        return self.header[3]

    def opened_outside(self, sealed_bytes: bytes) -> CiphertextBlob:
        """The blob without the external key's layer."""
        return replace(self, sealed_bytes=sealed_bytes, outer=None)


def header_prefix(number: bytes, *, multi_region: bool, material_id: str, suite: int) -> bytes:
    """The first 56 bytes of every blob under one material: all of the header but the nonce."""
    scope = SCOPE_MULTI_REGION if multi_region else SCOPE_SINGLE_REGION
    return MAGIC + bytes([VERSION, suite, scope, 0, 0, 0]) + number + bytes.fromhex(material_id)


def with_outer(sealed_here: bytes, outer: OuterText) -> bytes:
    """The whole blob of suite 02: what was sealed here, its last part replaced by what the external key made of it."""
    lengths = bytes([len(outer.iv)]), bytes([len(outer.metadata)])
    return sealed_here[:SEALED_AT] + lengths[0] + outer.iv + outer.tag + lengths[1] + outer.metadata + outer.ciphertext


def parse_ciphertext_blob(data: bytes) -> CiphertextBlob:
    """Read a blob by its fixed offsets. Raises: InvalidCiphertextException."""
    multi_region, outer = _PREFIX_OF_SCOPE.get(data[:8]), None
    if data[:8] == _PREFIX_OF_EXTERNAL:
        multi_region, outer = False, _read_outer(data)
    elif data[:8] == _PREFIX_OF_TOKEN:
        multi_region, outer = False, _read_outer(data)
        if len(outer.iv) != IV_BYTES[0] or outer.metadata:
            raise InvalidCiphertextException(reason="parse")
    if multi_region is None or not OVERHEAD_BYTES < len(data) <= CIPHERTEXT_BYTES_MAX:
        raise InvalidCiphertextException(reason="parse")
    return CiphertextBlob(
        multi_region=multi_region,
        number=data[8:24],
        material_id=data[24:56].hex(),
        nonce=data[56:88],
        commitment=data[88:120],
        sealed_bytes=data[SEALED_AT:] if outer is None else b"",
        header=data[:HEADER_BYTES],
        outer=outer,
    )


def _read_outer(data: bytes) -> OuterText:
    rest = data[SEALED_AT : CIPHERTEXT_BYTES_MAX + 1]
    iv_ends = 1 + (rest[0] if rest else 0)
    tag_ends = iv_ends + TAG_BYTES
    metadata_bytes = rest[tag_ends] if len(rest) > tag_ends else METADATA_BYTES_MAX + 1
    metadata_ends = tag_ends + 1 + metadata_bytes
    is_sound = iv_ends - 1 in IV_BYTES and metadata_bytes <= METADATA_BYTES_MAX
    if not is_sound or not TAG_BYTES < len(rest) - metadata_ends <= PLAINTEXT_BYTES_MAX + TAG_BYTES:
        raise InvalidCiphertextException(reason="parse")
    return OuterText(rest[1:iv_ends], rest[iv_ends:tag_ends], rest[tag_ends + 1 : metadata_ends], rest[metadata_ends:])
