"""A seal for a Region that is to be made."""

from __future__ import annotations

from typing import Final

from meridian.adapters.entropy_os import OsEntropy

SEAL_BYTES: Final = 32


def new_file_seal() -> bytes:
    """What a file seal holds: 32 random bytes."""
    return OsEntropy().random_bytes(SEAL_BYTES)
