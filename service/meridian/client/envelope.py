"""Envelope encryption of files: the data never leaves the caller, the Region sees only a data key.

Layout: `MENV1\\n ‖ u16 n ‖ encrypted data key (n) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`; AES-256-GCM with everything before the
ciphertext as associated data. The encryption context is not stored: whoever opens must give it again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meridian.client.client import Client
from meridian.kms.v1 import types_pb2

MAGIC: Final = b"MENV1\n"
BYTES_MAX: Final = 1 << 30
SEALED_BYTES_MAX: Final = BYTES_MAX + len(MAGIC) + 2 + 65_535 + 12 + 16
"""Of an envelope: the longest data, and everything around them at its longest."""


class EnvelopeError(Exception):
    """The bytes are no envelope, or do not open."""


def seal(client: Client, key_id: str, data: bytes, encryption_context: Mapping[str, str]) -> bytes:
    """Encrypt data under a fresh data key of the KMS key. Raises: EnvelopeError over 1 GiB; errors of GenerateDataKey."""
    if len(data) > BYTES_MAX:
        raise EnvelopeError("an envelope holds at most 1 GiB")
    made = client.generate_data_key(key_id=key_id, key_spec=types_pb2.DATA_KEY_SPEC_AES_256, encryption_context=dict(encryption_context))
    wrapped: bytes = made.ciphertext_blob
    # A fresh key per envelope encrypts one message, so a random nonce cannot repeat under it.
    header = MAGIC + len(wrapped).to_bytes(2, "big") + wrapped + os.urandom(12)
    return header + AESGCM(made.plaintext).encrypt(header[-12:], data, header)


def unseal(client: Client, envelope: bytes, encryption_context: Mapping[str, str]) -> bytes:
    """The data inside. Raises: EnvelopeError; errors of Decrypt."""
    if envelope[:6] != MAGIC or len(envelope) < 8:
        raise EnvelopeError("these bytes are no envelope")
    end = 8 + int.from_bytes(envelope[6:8], "big")
    header, sealed = envelope[: end + 12], envelope[end + 12 :]
    if len(header) != end + 12 or len(sealed) < 16:
        raise EnvelopeError("the envelope is cut")
    data_key = client.decrypt(ciphertext_blob=envelope[8:end], encryption_context=dict(encryption_context)).plaintext
    try:
        return AESGCM(data_key).decrypt(header[-12:], sealed, header)
    except InvalidTag:
        raise EnvelopeError("the envelope was changed") from None
