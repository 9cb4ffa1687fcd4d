"""The kernel's generator."""

from __future__ import annotations

import os


class OsEntropy:
    """Implements `ports.entropy.Entropy`."""

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def uuid(self) -> str:
        digits = os.urandom(16).hex()
        # Version and variant as RFC 9562 §5.4 sets them; written out, because every call needs two of these.
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
