"""Where the service gets randomness."""

from __future__ import annotations

from typing import Protocol


class Entropy(Protocol):
    """The only source of randomness outside key generation inside the crypto library."""

    def random_bytes(self, count: int) -> bytes:
        """`count` bytes from the kernel's generator, never from a user-space one that a machine snapshot would copy."""
        ...

    def uuid(self) -> str:
        """A random UUID in its usual lower-case form."""
        ...
