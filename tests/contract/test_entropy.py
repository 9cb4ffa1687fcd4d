"""What every source of randomness promises: the kernel's, and those of tests, which stand for it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from tests.known_entropy import KnownEntropy

from meridian.adapters.entropy_os import IDS_PER_BLOCK, OsEntropy
from meridian.ports.entropy import Entropy

SOURCES: dict[str, Callable[[], Entropy]] = {
    "the kernel's": OsEntropy,
    "a known answer's": lambda: KnownEntropy(bytes(range(256)) * 8),
}


@pytest.fixture(params=list(SOURCES.values()), ids=list(SOURCES))
def source(request: pytest.FixtureRequest) -> Entropy:
    made: Entropy = request.param()
    return made


@pytest.mark.parametrize("count", [0, 1, 16, 32, 97, 2048])
def test_there_are_as_many_bytes_as_are_asked_for(source: Entropy, count: int) -> None:
    assert len(source.random_bytes(count)) == count


def test_ids_are_random_uuids_in_their_usual_form(source: Entropy) -> None:
    for _ in range(3 * IDS_PER_BLOCK):
        text = source.uuid()
        assert (str(UUID(text)), UUID(text).version, UUID(text).variant) == (text, 4, "specified in RFC 4122")


def test_what_a_known_answer_does_not_hold_is_not_made_up() -> None:
    with pytest.raises(AssertionError):
        KnownEntropy(b"\x01" * 16).random_bytes(17)


def test_the_kernels_bytes_and_ids_never_come_twice() -> None:
    source = OsEntropy()
    assert len({source.random_bytes(16) for _ in range(1000)}) == 1000
    assert len({source.uuid() for _ in range(1000)}) == 1000
