"""A second decoder of ciphertext blobs and wrapped rows, from the format's description alone.

HMAC by hand over hashlib, AES-GCM of pycryptodome; nothing of the service is imported.
"""

from __future__ import annotations

import hashlib
import struct

from Crypto.Cipher import AES


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 as RFC 2104 writes it."""
    block = key.ljust(64, b"\x00")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


def kdf(key: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """Counter-mode KBKDF."""
    output = b""
    for counter in range(1, length // 32 + 2):
        output += hmac_sha256(key, struct.pack(">I", counter) + label + b"\x00" + context + struct.pack(">I", 8 * length))
    return output[:length]


def field(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def encode_context(context: dict[str, str]) -> bytes:
    pairs = sorted((k.encode(), v.encode()) for k, v in context.items())
    return struct.pack(">H", len(pairs)) + b"".join(field(k) + field(v) for k, v in pairs)


def open_box(key: bytes, label: bytes, header: bytes, rest: bytes, commitment: bytes, sealed: bytes) -> bytes:
    transcript = hashlib.sha256(header + rest).digest()
    derived = kdf(key, label, header[-32:] + transcript, 64)
    if derived[32:] != commitment:
        raise ValueError("commitment")
    cipher = AES.new(derived[:32], AES.MODE_GCM, nonce=bytes(12))
    cipher.update(transcript)
    return cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])


def open_blob(material: bytes, identity: str, context: dict[str, str], blob: bytes) -> bytes:
    """The plaintext of a ciphertext blob. Raises: ValueError."""
    if blob[:4] != b"MK\x01\x01" or blob[5:8] != bytes(3):
        raise ValueError("parse")
    rest = field(identity.encode()) + encode_context(context)
    return open_box(material, b"meridian/v1/blob", blob[:88], rest, blob[88:120], blob[120:])


def open_external_blob(
    material: bytes, external_key: bytes, identity: str, external_key_id: str, context: dict[str, str], blob: bytes
) -> bytes:
    """The plaintext of a blob with two locks, whose outer one binds as the specification of proxies proposes. Raises: ValueError."""
    if blob[:8] != b"MK\x01\x02\x01" + bytes(3):
        raise ValueError("parse")
    rest = field(identity.encode()) + field(external_key_id.encode()) + encode_context(context)
    tag_at = 121 + blob[120]
    metadata_at = tag_at + 17
    iv, tag, metadata = blob[121:tag_at], blob[tag_at : tag_at + 16], blob[metadata_at : metadata_at + blob[metadata_at - 1]]
    binding = hashlib.sha256(blob[:88] + rest).digest()
    cipher = AES.new(external_key, AES.MODE_GCM, nonce=iv)
    cipher.update(field(binding) + bytes([len(metadata)]) + metadata)
    inner = cipher.decrypt_and_verify(blob[metadata_at + len(metadata) :], tag)
    return open_box(material, b"meridian/v1/blob", blob[:88], rest, blob[88:120], inner)


def open_token_blob(material: bytes, token_key: bytes, identity: str, context: dict[str, str], blob: bytes) -> bytes:
    """The plaintext of a blob whose second lock is a key of a hardware token, which is given here. Raises: ValueError."""
    if blob[:8] != b"MK\x01\x03\x01" + bytes(3) or blob[120] != 12 or blob[149] != 0:
        raise ValueError("parse")
    rest = field(identity.encode()) + encode_context(context)
    cipher = AES.new(token_key, AES.MODE_GCM, nonce=blob[121:133])
    cipher.update(hashlib.sha256(blob[:88] + rest).digest())
    inner = cipher.decrypt_and_verify(blob[150:], blob[133:149])
    return open_box(material, b"meridian/v1/blob", blob[:88], rest, blob[88:120], inner)


def open_row(kek: bytes, identity: list[bytes], row: bytes) -> bytes:
    """The plaintext of a wrapped row. Raises: ValueError."""
    rest = bytes([len(identity)]) + b"".join(field(f) for f in identity)
    return open_box(kek, b"meridian/v1/row", row[:40], rest, row[40:72], row[72:])
