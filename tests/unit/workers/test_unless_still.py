"""A look is left out while nobody commits, never for longer than its time, and never after it found something."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from meridian.ports.store.store import STILL_SECONDS_MAX, Store
from meridian.workers.unless_still import UnlessStill


class World:
    """A store that is asked for its commits, and a clock."""

    def __init__(self) -> None:
        self.committed: int | None = 1
        self.seconds = 100.0
        self.rests = 60.0
        self.looks = 0
        self.answer: bool | Exception = False
        self.commits_within = 0
        self.left_out: list[float] = []
        self.look = UnlessStill(self._look, cast(Store, self), cast(Any, self), lambda: self.rests, self.left_out.append)

    def commits(self) -> int | None:
        return self.committed

    def monotonic(self) -> float:
        return self.seconds

    async def _look(self) -> bool:
        self.looks += 1
        if self.committed is not None:
            self.committed += self.commits_within
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def rounds(self, count: int) -> int:
        """How many of these looked."""
        before = self.looks
        for _ in range(count):
            asyncio.run(cast(Any, self.look()))
        return self.looks - before


def test_nobody_looks_twice_at_what_nobody_changed() -> None:
    world = World()
    assert world.rounds(5) == 1
    assert world.left_out == [world.seconds] * 4
    world.committed = 2
    assert world.rounds(1) == 1
    assert len(world.left_out) == 4, "what was looked at was not left out"


def test_what_was_committed_while_it_looked_is_looked_at() -> None:
    world = World()
    world.commits_within = 1
    assert world.rounds(2) == 2
    world.commits_within = 0
    assert world.rounds(3) == 1


@pytest.mark.parametrize(("rests", "longest"), [(60.0, STILL_SECONDS_MAX), (2.0, 2.0)])
def test_what_comes_by_time_is_looked_for_in_time(rests: float, longest: float) -> None:
    world = World()
    world.rests = rests
    assert world.rounds(1) == 1
    world.seconds += longest - 0.01
    assert world.rounds(1) == 0
    world.seconds += 0.01
    assert world.rounds(1) == 1


def test_a_look_that_found_something_waits_or_failed_is_followed_by_another() -> None:
    world = World()
    world.answer = True
    assert world.rounds(3) == 3
    world.answer, world.rests = False, 0.0
    assert world.rounds(3) == 3
    world.rests, world.answer = 60.0, RuntimeError("away")
    for _ in range(2):
        with pytest.raises(RuntimeError):
            world.rounds(1)
    assert world.looks == 8
    world.answer = False
    assert world.rounds(2) == 1


def test_a_database_without_such_a_number_is_looked_at_each_time() -> None:
    world = World()
    world.committed = None
    assert world.rounds(4) == 4
