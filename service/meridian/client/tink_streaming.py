"""Tink's AES-GCM-HKDF streaming encryption, with the parameters of its template AES256_GCM_HKDF_1MB.

`u8 40 ‖ salt (32) ‖ nonce prefix (7) ‖ segments`: a key is derived from the given one by HKDF-SHA-256 with this salt and the associated
data; each segment is AES-256-GCM under the nonce `prefix ‖ u32 number ‖ u8 1 in the last segment, else 0`. A segment has 1 MiB with its
tag, the first so much less as the header takes, the last what is left: a stream that is cut, or whose segments change places, does not
open.

Source: Tink, "AES-GCM-HKDF Streaming AEAD".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meridian.client.envelope_error import EnvelopeError

SEGMENT_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
PREFIX_BYTES: Final = 7
HEADER_BYTES: Final = 1 + SALT_BYTES + PREFIX_BYTES
SEGMENTS_MAX: Final = 1 << 32


class _Segments:
    """The nonces of a stream, one after the other."""

    def __init__(self, key: bytes, associated: bytes, salt: bytes, prefix: bytes) -> None:
        self._waiting = bytearray()
        """Less than a segment."""
        self._cipher = AESGCM(HKDF(SHA256(), KEY_BYTES, salt, associated).derive(key))
        self._prefix = prefix
        self._number = 0

    def _nonce(self, *, last: bool) -> bytes:
        """Raises: EnvelopeError beyond 4 PiB, where a nonce would come again."""
        if self._number == SEGMENTS_MAX:
            raise EnvelopeError("a stream holds at most 4 PiB")
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes([last])
        self._number += 1
        return nonce

    def _full(self, piece: bytes, tag: int) -> Iterator[bytes]:
        """What fills segments, with more behind it; each is used before the next is cut, so that its number is right."""
        at = 0
        while len(self._waiting) + len(piece) - at > (size := SEGMENT_BYTES - tag - (HEADER_BYTES if self._number == 0 else 0)):
            end = at + size - len(self._waiting)
            segment = bytes(self._waiting) + piece[at:end]
            self._waiting.clear()
            at = end
            yield segment
        self._waiting += piece[at:]


class StreamSealer(_Segments):
    """Encrypts what it is given piece by piece; it keeps less than a segment and the piece."""

    def __init__(self, key: bytes, associated: bytes, random: bytes) -> None:
        """`random` are 39 fresh bytes: the salt and the prefix of the nonces."""
        salt, prefix = random[:SALT_BYTES], random[SALT_BYTES : SALT_BYTES + PREFIX_BYTES]
        super().__init__(key, associated, salt, prefix)
        self.header = bytes([HEADER_BYTES]) + salt + prefix
        """What stands before the first segment."""

    def update(self, piece: bytes) -> bytes:
        """Segments that are full, with more behind them. Raises: EnvelopeError."""
        return b"".join(self._cipher.encrypt(self._nonce(last=False), text, None) for text in self._full(piece, TAG_BYTES))

    def finish(self) -> bytes:
        """The last segment. Raises: EnvelopeError."""
        return self._cipher.encrypt(self._nonce(last=True), bytes(self._waiting), None)


class StreamOpener(_Segments):
    """Decrypts what it is given piece by piece: what it answers was sealed at that place, but only `finish` knows that it is all."""

    def __init__(self, key: bytes, associated: bytes, header: bytes) -> None:
        """`header` are the first 40 bytes. Raises: EnvelopeError."""
        if len(header) != HEADER_BYTES or header[0] != HEADER_BYTES:
            raise EnvelopeError("the stream is none, or is cut in its header")
        super().__init__(key, associated, header[1 : 1 + SALT_BYTES], header[1 + SALT_BYTES :])

    def update(self, piece: bytes) -> bytes:
        """What was in the segments that are whole, with more behind them. Raises: EnvelopeError."""
        return b"".join(self._open(segment, last=False) for segment in self._full(piece, 0))

    def finish(self) -> bytes:
        """What was in the last segment. Raises: EnvelopeError where there is more to come, or something was changed."""
        return self._open(bytes(self._waiting), last=True)

    def _open(self, segment: bytes, *, last: bool) -> bytes:
        nonce = self._nonce(last=last)
        try:
            return self._cipher.decrypt(nonce, segment, None)
        except InvalidTag:
            raise EnvelopeError("the stream was changed or cut") from None
