"""The one layout of everything the service seals for itself.

`magic ‖ 01 ‖ 01 ‖ u32 key number ‖ N(32) ‖ C(32) ‖ ciphertext ‖ tag(16)`: 88 bytes more than what is inside. What the box is
bound to (`rest`) is rebuilt by the opener from what it knows, never read from the box.

Source: docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from meridian.crypto.aead import OpenError, hedged_nonce, open_sealed, seal, transcript
from meridian.domain.encoding import u32
from meridian.domain.secret import Secret, SecretAccess
from meridian.ports.entropy import Entropy

ACCESS: Final = SecretAccess()
HEDGE: Final = b"meridian/v1/hedge"
HEADER_BYTES: Final = 40
OVERHEAD_BYTES: Final = 88


@dataclass(frozen=True, slots=True)
class BoxKind:
    """What is in a box: its two magic bytes and the label of its key derivation. One kind per purpose."""

    magic: bytes
    label: bytes
    name_bytes: int = 0
    """Length of a name that stands in the open after the key number, authenticated with the rest."""


ROW: Final = BoxKind(b"MW", b"meridian/v1/row")
KEK: Final = BoxKind(b"MR", b"meridian/v1/kek")
ROOT: Final = BoxKind(b"MQ", b"meridian/v1/root")
IMPORT_TOKEN: Final = BoxKind(b"MT", b"meridian/v1/import-token", name_bytes=16)
SESSION_TOKEN: Final = BoxKind(b"MA", b"meridian/v1/session-token")
PAGE_MARKER: Final = BoxKind(b"MP", b"meridian/v1/page-marker")
CONSOLE: Final = BoxKind(b"MC", b"meridian/v1/console")


class BoxKey(NamedTuple):
    """A 32-byte key, and the number that boxes under it name it by."""

    secret: Secret
    number: int


def seal_box(kind: BoxKind, key: BoxKey, rest: bytes, plaintext: bytes, entropy: Entropy, name: bytes = b"") -> bytes:
    """Seal bytes under a key."""
    raw = key.secret.reveal(ACCESS)
    start = kind.magic + b"\x01\x01" + u32(key.number) + name
    nonce = hedged_nonce(raw, HEDGE, entropy.random_bytes(32), start + rest, plaintext)
    header = start + nonce
    commitment, sealed = seal(raw, kind.label, nonce, transcript(header, rest), plaintext)
    return header + commitment + sealed


def box_key_number(kind: BoxKind, box: bytes) -> int:
    """The number of the key that seals this box. Raises: OpenError if it is no box of this kind."""
    if len(box) < OVERHEAD_BYTES + kind.name_bytes or box[:4] != kind.magic + b"\x01\x01":
        raise OpenError("parse")
    return int.from_bytes(box[4:8], "big")


def open_box(kind: BoxKind, key: Secret, rest: bytes, box: bytes) -> bytes:
    """What is inside. Raises: OpenError."""
    box_key_number(kind, box)
    end = HEADER_BYTES + kind.name_bytes
    header, commitment, sealed = box[:end], box[end : end + 32], box[end + 32 :]
    return open_sealed(key.reveal(ACCESS), kind.label, header[-32:], transcript(header, rest), commitment, sealed)


def box_name(kind: BoxKind, box: bytes) -> bytes:
    """The name of a box that opened."""
    return box[8 : 8 + kind.name_bytes]
