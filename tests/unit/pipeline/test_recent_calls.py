"""Looking back through recorded calls for a trial of policies: few at a time, since what is found lies in memory until it is decided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.stepped_clock import SteppedClock

from meridian.errors import ThrottlingException
from meridian.pipeline.recent_calls import LOOKING_MAX, RecentCalls
from meridian.ports.audit_history import Found, Wanted


class Waiting:
    """A log that answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[str] = []

    async def look(self, account: str, wanted: Wanted, *, most: int, place: str) -> Found:
        self.asked.append(account)
        await self.go.wait()
        return Found((), (), "", 0)


class AtOnce:
    async def run(self, account: str, work: Callable[[], Any]) -> Any:
        return work()


class NoKeys:
    def reading(self) -> NoKeys:
        return self

    async def __aenter__(self) -> NoKeys:
        return self

    async def __aexit__(self, *fault: object) -> None:
        return None


def test_one_look_back_of_an_account_and_few_of_all() -> None:
    async def story() -> None:
        history: Any = Waiting()
        store: Any = NoKeys()
        recent = RecentCalls(history, store, AtOnce(), SteppedClock())
        accounts = [f"{number:012d}" for number in range(LOOKING_MAX)]
        looking = [asyncio.create_task(recent.of(account, 5)) for account in accounts]
        await asyncio.sleep(0)
        for refused in (accounts[0], "9" * 12):
            with pytest.raises(ThrottlingException) as caught:
                await recent.of(refused, 5)
            assert caught.value.retry_after_seconds
        looking[0].cancel()  # whoever leaves makes room
        history.go.set()
        await asyncio.gather(*looking, return_exceptions=True)
        assert (await recent.of("9" * 12, 5)).lines == ()
        assert history.asked == [*accounts, "9" * 12]

    asyncio.run(asyncio.wait_for(story(), 20))
