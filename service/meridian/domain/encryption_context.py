"""The canonical bytes of an encryption context.

`u16 pairs ‖ (LP(key) ‖ LP(value))…`, UTF-8 as received, sorted by the bytes of the key; no normalisation of any kind.

Source: docs/spec/ciphertext.md §2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from struct import pack
from typing import Final

from meridian.domain.encoding import length_prefixed
from meridian.domain.limits import ENCRYPTION_CONTEXT_BYTES_MAX, ENCRYPTION_CONTEXT_PAIRS_MAX
from meridian.errors import ValidationException

EMPTY: Final = b"\x00\x00"
CONTEXT_FIELDS: Final = {
    "encryption_context": "encryptionContext",
    "source_encryption_context": "sourceEncryptionContext",
    "destination_encryption_context": "destinationEncryptionContext",
}
"""THE table of the request fields that are encryption contexts, with their names in audit records."""


def require_few_pairs(context: Sized) -> None:
    """Asked before anything looks at the pairs: a request holds tens of thousands. Raises: ValidationException."""
    if len(context) > ENCRYPTION_CONTEXT_PAIRS_MAX:
        raise _refusal("has too many pairs")


def canonical_encryption_context(context: Mapping[str, str]) -> bytes:
    """Encode a context. Raises: ValidationException for an empty key, or more than 8192 bytes in all."""
    if not context:
        return EMPTY
    require_few_pairs(context)
    try:
        pairs = sorted([(key.encode(), value.encode()) for key, value in context.items()])
        encoded = pack(">H", len(pairs)) + b"".join([length_prefixed(text) for pair in pairs for text in pair])
    except ValueError as fault:  # an over-long field, or a lone surrogate
        raise _refusal("is too large or not text") from fault
    if not pairs[0][0]:
        raise _refusal("has an empty key")
    if len(encoded) > ENCRYPTION_CONTEXT_BYTES_MAX:
        raise _refusal(f"is longer than {ENCRYPTION_CONTEXT_BYTES_MAX} bytes")
    return encoded


def _refusal(what: str) -> ValidationException:
    return ValidationException(f"Invalid EncryptionContext: it {what}.", fields=[("encryptionContext", what)])
