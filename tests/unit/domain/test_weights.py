"""How much memory values take, as caches count it."""

from __future__ import annotations

from meridian.domain.key_store import ConnectionState
from meridian.domain.weights import deep_bytes, key_pair_bytes, parsed_bytes, schema_bytes


class Slotted:
    __slots__ = ("unset", "value")

    def __init__(self, value: object) -> None:
        self.value = value


class Parsed:
    outside_bytes = 1_000_000


def test_values_are_weighed_with_all_that_they_refer_to_and_each_once() -> None:
    big = b"x" * 10_000
    for holding in ([big], (big,), {big}, frozenset({big}), {"a": big}, {big: "a"}, Slotted(big), [[Slotted({"a": (big,)})]]):
        assert 10_000 < deep_bytes(holding) < 12_000
    assert deep_bytes(big, big, [big]) < 11_000
    assert deep_bytes(big, b"y" * 10_000) > 20_000
    assert 1_000_000 < deep_bytes(Parsed()) < 1_001_000
    assert deep_bytes(ConnectionState.FAILED, str) == 0


def test_what_libraries_hold_is_estimated_by_its_text() -> None:
    assert schema_bytes("x" * 1000) == 90_000
    assert parsed_bytes("x" * 1000) == 9_600
    assert key_pair_bytes(b"x" * 100) == 2_600
