"""A decision whose parts cannot be built in time: the caller's own key is answered as that, a key of another account as an absent one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.reported_events import ReportedEvents

from meridian.authorization.decision.authorizer import Authorizer
from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.errors import AccessDeniedException, KeyUnavailableException, NotFoundException, ThrottlingException
from meridian.pipeline.authorize import Authorize
from meridian.pipeline.chain import Step
from meridian.pipeline.denial import foreign_denial
from meridian.pipeline.resolve import UNUSABLE_CIPHERTEXT
from meridian.pipeline.undisclosed import Undisclosed

PERMIT = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");\n'
DEADLINE_SECONDS = 0.05


class Refuses:
    """Implements `ports.heavy_work.HeavyWork`: there is never a place."""

    async def run(self, account: str, work: Callable[[], Any]) -> Any:
        raise ThrottlingException(retry_after_seconds=1.0)


class Waits:
    """Implements `ports.heavy_work.HeavyWork`: a place never comes."""

    async def run(self, account: str, work: Callable[[], Any]) -> Any:
        await asyncio.Event().wait()


@pytest.fixture
def call(alice: Principal) -> Call:
    rpc = rpcs()["DescribeKey"]
    made = Call(rpc, rpc.request_class(key_id="a key"), Evidence(), "request", datetime(2026, 1, 1, tzinfo=UTC))
    made.principal = alice
    return made


@pytest.fixture
def walk(authorizer_of: Callable[[str], Authorizer]) -> Callable[[Call, Any], None]:
    """Authorizes a call with this heavy work, under a deadline."""

    def run(call: Call, heavy: Any) -> None:
        authorize = Authorize(authorizer_of(PERMIT), region="us-east-1", region_labels={}, events=ReportedEvents(), heavy=heavy)

        async def story() -> None:
            async with asyncio.timeout(DEADLINE_SECONDS):
                waiting = authorize(call)
                assert waiting is not None
                await waiting

        asyncio.run(story())

    return run


@pytest.mark.parametrize(("heavy", "told"), [(Refuses(), ThrottlingException), (Waits(), TimeoutError)], ids=["full", "late"])
def test_only_the_own_account_is_told_that_a_decision_is_not_ready(
    walk: Callable[[Call, Any], None], call: Call, key: Key, alice: Principal, heavy: Any, told: type[Exception]
) -> None:
    call.keys = {"key_id": key}
    with pytest.raises(told):
        walk(call, heavy)
    call.keys = {"key_id": replace(key, account="444455556666")}
    with pytest.raises(AccessDeniedException) as refusal:
        walk(call, heavy)
    assert refusal.value.message == foreign_denial(alice, "DescribeKey").message


FAULTS = [KeyUnavailableException(), ValueError("a row that nobody can read")]


def steps_that_fail(fault: Exception) -> list[Step]:
    async def fail_later(call: Call) -> None:
        raise fault

    def fail(call: Call) -> None:
        raise fault

    return [fail, fail_later]


def finish(step: Step, call: Call) -> None:
    async def story() -> None:
        waiting = step(call)
        if waiting is not None:
            await waiting

    asyncio.run(story())


@pytest.mark.parametrize("fault", FAULTS, ids=["foreseen", "unforeseen"])
def test_a_fault_before_the_decision_makes_a_key_of_another_account_absent(call: Call, key: Key, fault: Exception) -> None:
    for step in steps_that_fail(fault):
        events, own = ReportedEvents(), {"key_id": key}
        call.keys, call.absent = dict(own), {}
        with pytest.raises(type(fault)):
            finish(Undisclosed(step, events), call)
        assert (call.keys, events.reported) == (own, [])
        call.keys = {"key_id": replace(key, account="444455556666")}
        finish(Undisclosed(step, events), call)
        assert (call.keys, list(call.absent), len(events.reported)) == ({}, ["key_id"], 1)
        finish(Undisclosed(step, events), call)  # an absent key meets the same fault, and is answered the same
        assert len(events.reported) == 2


def test_a_refusal_of_the_step_itself_stays(call: Call, key: Key) -> None:
    call.keys = {"key_id": replace(key, account="444455556666")}
    for step in steps_that_fail(NotFoundException("no such grant")):
        with pytest.raises(NotFoundException):
            finish(Undisclosed(step, ReportedEvents()), call)


def test_the_end_of_a_calls_time_tells_nothing_either(call: Call, key: Key) -> None:
    events = ReportedEvents()

    async def hang(call: Call) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            waiting = Undisclosed(hang, events)(call)
            assert waiting is not None
            await waiting

    call.keys = {"key_id": key}
    with pytest.raises(TimeoutError):
        asyncio.run(story())
    call.keys = {"key_id": replace(key, account="444455556666")}
    asyncio.run(story())
    assert (call.keys, list(call.absent), events.reported) == ({}, ["key_id"], [])


def test_a_key_that_only_a_ciphertext_named_is_absent_in_the_words_for_that(alice: Principal, key: Key) -> None:
    rpc, (fail, _) = rpcs()["Decrypt"], steps_that_fail(ValueError("a row that nobody can read"))
    for fields, words in (({}, UNUSABLE_CIPHERTEXT), ({"key_id": "x"}, foreign_denial(alice, "Decrypt").message)):
        call = Call(rpc, rpc.request_class(**fields), Evidence(), "request", datetime(2026, 1, 1, tzinfo=UTC))
        call.principal, call.keys = alice, {"key_id": replace(key, account="444455556666")}
        finish(Undisclosed(fail, ReportedEvents()), call)
        assert call.absent["key_id"].message == words
