"""Who changes a key, and who comes next."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.principal import Principal
from meridian.errors import ThrottlingException
from meridian.kms.v1.tags_pb2 import TagResourceRequest
from meridian.operations import key_turns
from meridian.operations.key_turns import KeyTurns

ACCOUNT = "111122223333"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def key(number: int) -> Key:
    return Key(
        "aws",
        "us-east-1",
        ACCOUNT,
        f"{number:036d}",
        KeySpec.SYMMETRIC_DEFAULT,
        KeyUsage.ENCRYPT_DECRYPT,
        Origin.AWS_KMS,
        KeyState.ENABLED,
        NOW,
    )


pytestmark = pytest.mark.asyncio

KEYS = [key(1), key(2)]


class Story:
    """Calls that change keys, in the order in which their turns come."""

    def __init__(self) -> None:
        self.turns = KeyTurns()
        self.order: list[str] = []
        self.done: dict[str, asyncio.Event] = {}
        self.to_cancel: dict[str, asyncio.Task[None]] = {}
        """Whose call ends when this change is made."""

    def begin(self, name: str, caller: str, keys: list[Key]) -> asyncio.Task[None]:
        self.done[name] = asyncio.Event()
        return asyncio.create_task(self._change(name, caller, keys))

    async def _change(self, name: str, caller: str, keys: list[Key]) -> None:
        call = Call(rpcs()["TagResource"], TagResourceRequest(), Evidence(), name, NOW)
        call.principal = Principal("User", ACCOUNT, caller, f"arn:aws:iam::{ACCOUNT}:user/{caller}")
        async with self.turns.taken(call, keys), self.turns.taken(call, keys):
            self.order.append(name)
            await self.done[name].wait()
            self.turns.let_others(call)
            if name in self.to_cancel:
                self.to_cancel[name].cancel()  # before anybody else runs


async def passed() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_callers_take_turns_and_of_one_the_first_comes_first() -> None:
    story = Story()
    tasks = [story.begin(f"flood {number}", "flood", KEYS[:1]) for number in range(3)]
    await passed()
    tasks.append(story.begin("other", "other", KEYS[:1]))
    await passed()
    assert story.order == ["flood 0"]
    for done in story.done.values():
        done.set()
    await asyncio.gather(*tasks)
    assert story.order == ["flood 0", "flood 1", "other", "flood 2"]
    assert not story.turns.are_taken(KEYS)


async def test_other_keys_do_not_wait_and_nobody_waits_in_a_circle() -> None:
    story = Story()
    tasks = [story.begin("first", "a", KEYS[:1]), story.begin("both", "b", KEYS), story.begin("both again", "c", KEYS[::-1])]
    await passed()
    assert story.order == ["first"]
    tasks.append(story.begin("second", "d", KEYS[1:]))
    await passed()
    assert story.order == ["first", "second"]
    for done in story.done.values():
        done.set()
    await asyncio.gather(*tasks)
    assert story.order == ["first", "second", "both", "both again"]


async def test_who_leaves_gives_up_his_place_or_his_turn() -> None:
    story = Story()
    tasks = [story.begin(str(number), f"caller {number}", KEYS[:1]) for number in range(4)]
    await passed()
    tasks[1].cancel()
    story.to_cancel["0"] = tasks[2]
    story.done["0"].set()
    await passed()
    assert story.order == ["0", "3"]
    story.done["3"].set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [False, True, True, False]
    assert not story.turns.are_taken(KEYS)


async def test_the_last_who_leaves_as_the_turn_is_given_to_him_leaves_no_trace() -> None:
    story = Story()
    tasks = [story.begin("0", "a", KEYS[:1]), story.begin("1", "b", KEYS[:1])]
    await passed()
    story.to_cancel["0"] = tasks[1]
    story.done["0"].set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not story.turns.are_taken(KEYS)


async def test_too_many_of_one_caller_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_turns, "WAITING_MAX", 2)
    story = Story()
    tasks = [story.begin(str(number), "flood", KEYS[:1]) for number in range(4)]
    other = story.begin("other", "other", KEYS[:1])
    await passed()
    with pytest.raises(ThrottlingException):
        await tasks[3]
    for done in story.done.values():
        done.set()
    await asyncio.gather(*tasks[:3], other)
    assert not story.turns.are_taken(KEYS)
