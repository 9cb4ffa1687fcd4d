"""The kernel's generator."""

from __future__ import annotations

import os
from typing import Final

IDS_PER_BLOCK: Final = 64
VARIANTS: Final = {f"{number:x}": "89ab"[number & 3] for number in range(16)}
"""What a random digit is turned into where the variant stands."""


class OsEntropy:
    """Implements `ports.entropy.Entropy`."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def uuid(self) -> str:
        # Names need to be unique, not secret, and every call needs two: the kernel is asked for many at a time.
        if not self._ids:
            block = os.urandom(16 * IDS_PER_BLOCK).hex()
            self._ids = [block[at : at + 32] for at in range(0, len(block), 32)]
        digits = self._ids.pop()
        # Version and variant as RFC 9562 §5.4 sets them.
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"
