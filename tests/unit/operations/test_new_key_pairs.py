"""Fresh material: of a ready key in the threads of private keys, without one beside the callers of its account; quick kinds on the spot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from meridian.domain.key import KeySpec
from meridian.domain.secret import Secret
from meridian.engine.box import ACCESS
from meridian.operations.new_key_pairs import NewKeyPairs

T = TypeVar("T")


class Places:
    """Says where work was done. A key of RSA_2048 is ready, none of another."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def take(self, key_spec: KeySpec) -> Secret | None:
        return Secret(b"ready") if key_spec is KeySpec.RSA_2048 else None


class Threads(Places):
    async def run(self, key_spec: KeySpec, work: Callable[[], T]) -> T:
        self.done.append("threads")
        return work()


class Heavy(Places):
    async def run(self, account: str, work: Callable[[], T]) -> T:
        self.done.append(f"heavy for {account}")
        return work()


def made_of(ready: Secret | None) -> bytes:
    return b"its own" if ready is None else ready.reveal(ACCESS)


@pytest.mark.parametrize(
    ("spec", "made", "threads", "heavy"),
    [
        (KeySpec.RSA_2048, b"ready", ["threads"], []),
        (KeySpec.RSA_4096, b"its own", [], ["heavy for a"]),
        (KeySpec.ECC_NIST_P384, b"its own", ["threads"], []),
        (KeySpec.SYMMETRIC_DEFAULT, b"its own", ["threads"], []),
    ],
)
def test_material_is_made_of_a_ready_key_where_there_is_one(spec: KeySpec, made: bytes, threads: list[str], heavy: list[str]) -> None:
    in_threads, beside = Threads(), Heavy()
    assert asyncio.run(NewKeyPairs(Places(), in_threads, beside).make("a", spec, made_of)) == made
    assert (in_threads.done, beside.done) == (threads, heavy)
