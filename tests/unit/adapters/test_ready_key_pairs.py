"""RSA keys made ahead: as many as were asked for, up to a bound, each given once, in a process that gives way to others."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.reported_events import ReportedEvents

from meridian.adapters import ready_key_pairs
from meridian.adapters.ready_key_pairs import READY_MAX, ReadyKeyPairs
from meridian.adapters.separate_process import LOW_PRIORITY, LOWEST_PRIORITY
from meridian.adapters.separate_processes import OF_KEYS_AND_POLICIES, SeparateProcesses
from meridian.crypto import key_pairs
from meridian.domain.key import KeySpec
from meridian.engine.box import ACCESS
from meridian.errors import KMSInternalException

SPEC, OTHER = KeySpec.RSA_4096, KeySpec.RSA_2048
WAIT_SECONDS = 60.0


class Maker:
    """Numbers its keys; fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.made, self.failures = list[str](), failures

    def new_rsa_key(self, key_spec: str) -> bytes:
        if self.failures:
            self.failures -= 1
            raise KMSInternalException(reason="meant")
        self.made.append(key_spec)
        return str(len(self.made)).encode()


def on_stage(failures: int, story: Callable[[ReadyKeyPairs, Maker, CollectorRegistry], Any]) -> None:
    async def told() -> None:
        maker, registry = Maker(failures), CollectorRegistry()
        pairs = ReadyKeyPairs(maker, registry)
        refilling = asyncio.create_task(pairs.refill())
        await story(pairs, maker, registry)
        refilling.cancel()
        await asyncio.gather(refilling, return_exceptions=True)
        assert ready(registry) == dict.fromkeys(READY_MAX, 0), "nothing is kept after the end"

    asyncio.run(told())


def ready(registry: CollectorRegistry) -> dict[KeySpec, float | None]:
    return {spec: registry.get_sample_value("meridian_key_pairs_ready", {"key_spec": spec}) for spec in READY_MAX}


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not reached():
            await asyncio.sleep(0.001)


def test_nothing_is_made_before_it_was_asked_for_and_then_as_much() -> None:
    async def story(pairs: ReadyKeyPairs, maker: Maker, registry: CollectorRegistry) -> None:
        assert pairs.take(SPEC) is None
        assert pairs.take(SPEC) is None
        await until(lambda: ready(registry)[SPEC] == 2)
        assert maker.made == [SPEC, SPEC]
        taken = [pairs.take(SPEC) for _ in range(2)]
        assert [each.reveal(ACCESS) for each in taken if each is not None] == [b"1", b"2"], "each is given once"
        await until(lambda: ready(registry)[SPEC] == 4)
        counts = {
            outcome: registry.get_sample_value("meridian_key_pairs_taken_total", {"key_spec": SPEC, "outcome": outcome})
            for outcome in ("ready", "missing")
        }
        assert counts == {"ready": 2, "missing": 2}
        assert ready(registry)[OTHER] == 0

    on_stage(0, story)


def test_no_more_are_kept_than_the_bound_of_their_spec_and_others_have_their_turn() -> None:
    async def story(pairs: ReadyKeyPairs, maker: Maker, registry: CollectorRegistry) -> None:
        for _ in range(2 * READY_MAX[SPEC]):
            pairs.take(SPEC)
        pairs.take(OTHER)
        await until(lambda: ready(registry)[SPEC] == READY_MAX[SPEC] and ready(registry)[OTHER] == 1)
        await asyncio.sleep(0)
        assert len(maker.made) == READY_MAX[SPEC] + 1

    on_stage(0, story)


def test_a_key_of_another_kind_is_never_ready() -> None:
    async def story(pairs: ReadyKeyPairs, maker: Maker, registry: CollectorRegistry) -> None:
        assert pairs.take(KeySpec.ECC_NIST_P256) is None
        assert pairs.take(KeySpec.SYMMETRIC_DEFAULT) is None
        await asyncio.sleep(0)
        assert maker.made == []

    on_stage(0, story)


def test_a_maker_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready_key_pairs, "RETRY_SECONDS", 0.001)

    async def story(pairs: ReadyKeyPairs, maker: Maker, registry: CollectorRegistry) -> None:
        pairs.take(SPEC)
        await until(lambda: ready(registry)[SPEC] == 1)
        made = pairs.take(SPEC)
        assert made is not None
        assert made.reveal(ACCESS) == b"1"

    on_stage(2, story)


def test_what_callers_wait_for_is_worked_out_in_a_process_that_gives_way_to_the_event_loop() -> None:
    processes = SeparateProcesses(
        ReportedEvents(), program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=WAIT_SECONDS, answer_seconds=WAIT_SECONDS
    )
    try:
        processes.policies_as_json("permit (principal, action, resource);")
        (child,) = processes.pids
        assert os.getpriority(os.PRIO_PROCESS, child) >= os.getpriority(os.PRIO_PROCESS, 0) + LOW_PRIORITY
    finally:
        processes.close()


def test_keys_are_made_in_a_process_that_gives_way_to_all_others() -> None:
    processes = SeparateProcesses(
        ReportedEvents(), program=OF_KEYS_AND_POLICIES, most=1, wait_seconds=WAIT_SECONDS, answer_seconds=WAIT_SECONDS
    )
    try:
        stored = processes.new_rsa_key(OTHER)
        assert key_pairs.TABLE[OTHER].is_of_spec(key_pairs.load(OTHER, stored))
        assert processes.new_rsa_key(OTHER) != stored
        (child,) = processes.pids
        assert os.getpriority(os.PRIO_PROCESS, child) == LOWEST_PRIORITY
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < LOWEST_PRIORITY
    finally:
        processes.close()
