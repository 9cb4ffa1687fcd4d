"""What stands before the data of an envelope, and is the associated data of its stream: `MENV2\\n ‖ u16 n ‖ encrypted data key (n)`."""

from __future__ import annotations

from typing import Final

from meridian.client.envelope_error import EnvelopeError

MAGIC: Final = b"MENV2\n"
MAGIC_V1: Final = b"MENV1\n"
"""Of envelopes that were made in one piece, up to 1 GiB: `envelope_v1.py`."""
SIZE_AT: Final = len(MAGIC)
BLOB_AT: Final = SIZE_AT + 2
BLOB_BYTES_MAX: Final = 6144
"""Of a ciphertext blob in the contract."""


def header_of(blob: bytes) -> bytes:
    """The header of an envelope under this encrypted data key."""
    return MAGIC + len(blob).to_bytes(2, "big") + blob


def blob_in(begin: bytes) -> bytes | None:
    """The encrypted data key in the first bytes of an envelope; None where more of them are needed. Raises: EnvelopeError."""
    if begin[:SIZE_AT] not in (MAGIC[: len(begin)], MAGIC_V1[: len(begin)]):
        raise EnvelopeError("these bytes are no envelope")
    if len(begin) < BLOB_AT:
        return None
    size = int.from_bytes(begin[SIZE_AT:BLOB_AT], "big")
    if not 0 < size <= BLOB_BYTES_MAX:
        raise EnvelopeError("these bytes are no envelope")
    return begin[BLOB_AT : BLOB_AT + size] if len(begin) >= BLOB_AT + size else None
