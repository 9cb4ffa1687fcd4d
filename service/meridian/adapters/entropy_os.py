"""The kernel's generator."""

from __future__ import annotations

import os
import uuid


class OsEntropy:
    """Implements `ports.entropy.Entropy`."""

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=os.urandom(16), version=4))
