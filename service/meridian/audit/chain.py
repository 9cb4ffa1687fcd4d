"""How audit lines are chained, and the tree over them that digests sign.

A line's leaf hash is SHA-256(00 ‖ line without its newline); the next line carries it as `meridian.prevHash`. Bytes are hashed as
stored, so no canonical form is needed. The tree's inner nodes are SHA-256(01 ‖ left ‖ right).

Source: docs/spec/audit.md; RFC 6962 §2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

NO_HASH: Final = "0" * 64


def leaf_hash(line: bytes) -> str:
    """64 lower-case hexadecimal digits."""
    return sha256(b"\x00" + line).hexdigest()


class Tree:
    """A Merkle tree that grows at its end. It keeps the roots of its full subtrees alone: 64 of them for 2^64 leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: str) -> None:
        """Append a leaf hash, in hexadecimal digits."""
        node, size = bytes.fromhex(leaf), self.size
        while size & 1:
            node = sha256(b"\x01" + self._peaks.pop() + node).digest()
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    @classmethod
    def grown(cls, size: int, peaks: Sequence[str]) -> Tree:
        """A tree of so many leaves, of which the roots of its full subtrees are known. Raises: ValueError if they are not as many."""
        if len(peaks) != size.bit_count():
            raise ValueError("a tree of this size has another number of full subtrees")
        made = cls()
        made.size, made._peaks = size, [bytes.fromhex(peak) for peak in peaks]
        return made

    def peaks(self) -> list[str]:
        """The roots of its full subtrees, the largest first: all that is needed to let it grow."""
        return [peak.hex() for peak in self._peaks]

    def root(self) -> str:
        """The root over all leaves so far, 64 lower-case hexadecimal digits."""
        if not self._peaks:
            return sha256(b"").hexdigest()
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = sha256(b"\x01" + peak + node).digest()
        return node.hex()
