"""Wrapping keys that are kept ready: each given once, accounts in turn, and none lost with a caller who goes away."""

from __future__ import annotations

import asyncio

import pytest

from meridian.adapters import import_key_pool
from meridian.adapters.import_key_pool import WAITING_MAX, ImportKeyPool
from meridian.domain.secret import Secret
from meridian.errors import DependencyTimeoutException, ThrottlingException

SPEC = "RSA_2048"
LONG_SECONDS = 20.0


def pool(*, wait: float = LONG_SECONDS, ready: int = 2) -> ImportKeyPool:
    return ImportKeyPool({SPEC: ready}, wait_seconds=wait)


def put(keys: ImportKeyPool) -> Secret:
    key = Secret(b"a key")
    keys._shelves[SPEC].put(key)
    return key


def test_accounts_take_turns_at_keys_as_they_come() -> None:
    async def story() -> list[str]:
        keys, order = pool(), list[str]()

        async def take(account: str) -> None:
            await keys.take(account, SPEC)
            order.append(account)

        calls = [asyncio.create_task(take(name)) for name in ("flood", "flood", "flood", "honest")]
        for _ in calls:
            await asyncio.sleep(0)
            put(keys)
        await asyncio.gather(*calls)
        return order

    assert asyncio.run(story()) == ["flood", "honest", "flood", "flood"]


def test_one_account_has_half_of_the_queue() -> None:
    async def story() -> None:
        keys = pool()
        calls = [asyncio.create_task(keys.take("flood", SPEC)) for _ in range(WAITING_MAX // 2)]
        await asyncio.sleep(0)
        with pytest.raises(ThrottlingException):
            await keys.take("flood", SPEC)
        honest = asyncio.create_task(keys.take("honest", SPEC))
        await asyncio.sleep(0)
        for each in calls:
            each.cancel()
        await asyncio.sleep(0)
        key = put(keys)
        assert await honest is key

    asyncio.run(story())


def test_a_key_that_comes_as_its_caller_goes_is_for_the_next() -> None:
    async def story() -> None:
        keys = pool()
        gone, stays = (asyncio.create_task(keys.take(name, SPEC)) for name in "ab")
        await asyncio.sleep(0)
        key = put(keys)
        gone.cancel()
        assert await stays is key

    asyncio.run(story())


def test_a_call_does_not_wait_for_ever() -> None:
    async def story() -> None:
        keys = pool(wait=0.01)
        with pytest.raises(DependencyTimeoutException):
            await keys.take("a", SPEC)
        key = put(keys)
        assert await keys.take("b", SPEC) is key

    asyncio.run(story())


def test_the_shelf_is_filled_and_filled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def new_private_key(bits: int) -> bytes:
        made.append(bits)
        return b"%d" % bits

    monkeypatch.setattr(import_key_pool, "new_private_key", new_private_key)

    async def story() -> None:
        keys = pool(ready=3)

        async def reached(most: int) -> None:
            async with asyncio.timeout(LONG_SECONDS):
                while made.count(2048) < most:
                    await asyncio.sleep(0.001)

        filling = asyncio.create_task(keys.refill())
        await reached(3)
        await asyncio.sleep(0.05)
        assert made.count(2048) == 3
        await keys.take("a", SPEC)
        await reached(4)
        filling.cancel()

    asyncio.run(story())


def test_where_none_is_kept_ready_one_is_made_for_each_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def new_private_key(bits: int) -> bytes:
        made.append(bits)
        return b"a key"

    monkeypatch.setattr(import_key_pool, "new_private_key", new_private_key)

    async def story() -> None:
        keys = pool(ready=0)
        refilling = asyncio.create_task(keys._refill(SPEC, keys._shelves[SPEC]))
        await asyncio.sleep(0.05)
        assert made == []
        await asyncio.gather(*(keys.take("one", SPEC) for _ in range(3)))
        await asyncio.sleep(0.05)
        assert made == [2048] * 3
        refilling.cancel()

    asyncio.run(story())
