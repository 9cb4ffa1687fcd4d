"""What moves is waited for however long it takes; what does not is given up."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from meridian.cli.waiting import Patience, StalledError, while_it_moves

QUICK = Patience(look=0.01, tell=0.03, stall=0.1)


async def test_of_a_process_that_works(told: list[float]) -> None:
    steps = itertools.count()
    assert await while_it_moves(asyncio.sleep(0.3, "ready"), lambda: next(steps), QUICK, told.append) == "ready"
    assert told == sorted(told)
    assert len(told) >= 2


async def test_of_a_process_that_hangs(told: list[float]) -> None:
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(StalledError, match="nothing has moved"):
        await while_it_moves(hang(), lambda: 0, QUICK, told.append)
    assert cancelled.is_set()


async def test_what_the_work_raises_is_raised(told: list[float]) -> None:
    async def fail() -> None:
        raise OSError("no such process")

    with pytest.raises(OSError, match="no such process"):
        await while_it_moves(fail(), lambda: 0, QUICK, told.append)
    assert told == []


@pytest.fixture
def told() -> list[float]:
    return []


pytestmark = pytest.mark.asyncio
