"""Randomness that a known answer names."""

from __future__ import annotations


class KnownEntropy:
    """Implements `ports.entropy.Entropy`, as `tests/contract/test_entropy.py` has it. It begins anew with each question."""

    def __init__(self, random: bytes) -> None:
        self._random = random

    def random_bytes(self, count: int) -> bytes:
        assert count <= len(self._random), "more than the known answer holds"
        return self._random[:count]

    def uuid(self) -> str:
        return "00000000-0000-4000-8000-000000000000"
