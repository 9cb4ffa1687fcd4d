"""Work with private keys: beside the event loop, unless it is quick; not begun for a caller who has gone."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from meridian.adapters.key_threads import KeyThreads
from meridian.domain.algorithms import TABLE
from meridian.domain.key import KeySpec
from meridian.short_turns import SWITCH_SECONDS, ShortTurns

WAIT_SECONDS = 20.0
SLOW, QUICK = KeySpec.RSA_4096, KeySpec.ECC_NIST_P256


def threads(count: int = 1) -> KeyThreads:
    return KeyThreads(threads=count, turns=ShortTurns())


def test_slow_work_runs_beside_the_loop_and_quick_work_on_it() -> None:
    async def story() -> None:
        keys, here = threads(), threading.get_ident()
        assert await keys.run(QUICK, threading.get_ident) == here
        assert await keys.run(SLOW, threading.get_ident) != here
        keys.close()

    asyncio.run(story())


def test_every_spec_is_slow_but_for_those_that_are_known_to_be_quick() -> None:
    quick = {spec for spec, row in TABLE.items() if row.is_quick_to_use}
    assert {spec for spec in KeySpec if spec.startswith(("RSA_", "ML_DSA_", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG"))} & quick == set()
    assert {KeySpec.ECC_NIST_P256, KeySpec.ECC_NIST_EDWARDS25519, KeySpec.SYMMETRIC_DEFAULT} <= quick


def test_a_fault_of_the_work_comes_back_and_turns_are_as_before() -> None:
    async def story() -> None:
        keys, usual = threads(), sys.getswitchinterval()
        with pytest.raises(ZeroDivisionError):
            await keys.run(SLOW, lambda: 1 // 0)
        assert sys.getswitchinterval() == usual != SWITCH_SECONDS
        keys.close()

    asyncio.run(story())


def test_the_loop_goes_on_while_work_is_under_way_and_work_of_nobody_is_not_begun() -> None:
    async def story() -> None:
        keys, opened, begun = threads(), threading.Event(), list[str]()
        busy = asyncio.create_task(keys.run(SLOW, lambda: opened.wait(WAIT_SECONDS)))
        gone = asyncio.create_task(keys.run(SLOW, lambda: begun.append("gone")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        opened.set()
        assert await busy
        await keys.run(SLOW, lambda: begun.append("last"))
        assert begun == ["last"]
        keys.close()

    asyncio.run(story())
