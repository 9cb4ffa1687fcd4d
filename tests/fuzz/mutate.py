"""Seeded mutations of known inputs, for runs without a coverage-guided fuzzer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

TOKENS = (
    b"\x00", b"\xff", b"\x1f", b"\xc3\xa9", b"\xed\xa0\x80", b"\xf0\x9f\x94\x91", b"null", b"true", b"-1", b"1e18", b"1e999", b"NaN",
    b"{}", b"[]", b'""', b'"', b"\\u0000", b"\\ud800", b"*", b"?", b"${", b"}", b"arn:aws:", b"alias/", b"mrk-", b"9" * 40,
    b"2026-01-01T00:00:00+99:99", b"/*", b"//", b"(" * 200, b"if true then ", b" like ", b"::", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
)  # fmt: skip
"""What parsers stumble over."""
BYTES_MAX = 4096


def mutations(inputs: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Without end, and the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - inputs of tests
    while True:
        data = bytearray(chance.choice(inputs))
        for _ in range(chance.randint(1, 6)):
            _change(data, inputs, chance)
        yield bytes(data[:BYTES_MAX])


def _change(data: bytearray, inputs: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 16)))
    kind = chance.randrange(6)
    if kind == 0:
        data[at:end] = bytes([chance.randrange(256)])
    elif kind == 1:
        data[at:at] = chance.choice(TOKENS)
    elif kind == 2:
        del data[at:end]
    elif kind == 3:
        data[at:end] = data[at:end] * chance.choice((2, 3, 20))
    elif kind == 4:
        other = chance.choice(inputs)
        start = chance.randint(0, len(other))
        data[at:end] = other[start : start + chance.randint(0, 64)]
    else:
        data[at:end] = chance.choice(TOKENS)
