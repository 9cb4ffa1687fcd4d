"""Envelopes in one piece, of up to 1 GiB, as earlier releases made them; they are opened, and made no more.

Layout: `MENV1\\n ‖ u16 n ‖ encrypted data key (n) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`; AES-256-GCM with everything before the
ciphertext as associated data. The encryption context is not stored: whoever opens must give it again.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meridian.client.envelope_error import EnvelopeError

BYTES_MAX: Final = 1 << 30
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
BEHIND_HEADER_MAX: Final = NONCE_BYTES + BYTES_MAX + TAG_BYTES
"""The longest data, and what is around them behind the encrypted data key."""


class OpenerV1:
    """Opens an envelope when all of it is there: nothing of what it holds is known to be right before."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self._key = key
        self._header = header
        self._rest = bytearray()

    def update(self, piece: bytes) -> bytes:
        """Raises: EnvelopeError over 1 GiB."""
        self._rest += piece
        if len(self._rest) > BEHIND_HEADER_MAX:
            raise EnvelopeError("an envelope of this form holds at most 1 GiB")
        return b""

    def finish(self) -> bytes:
        """Raises: EnvelopeError."""
        nonce, sealed = bytes(self._rest[:NONCE_BYTES]), bytes(self._rest[NONCE_BYTES:])
        if len(sealed) < TAG_BYTES:
            raise EnvelopeError("the envelope is cut")
        try:
            return AESGCM(self._key).decrypt(nonce, sealed, self._header + nonce)
        except InvalidTag:
            raise EnvelopeError("the envelope was changed") from None
