"""What stands before the walk: room for a call or a cheap refusal, told in aggregate; by kind of work and by account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.adapters.traces import Untraced
from meridian.call import Call, Evidence
from meridian.contract.catalog import served_rpcs
from meridian.domain.gates import PATIENCE_SECONDS, RETRY_SECONDS, WORKING_MAX, GateName
from meridian.domain.held_refusals import ADVISED_TIMES, PROMPT_MAX
from meridian.domain.principal import Principal
from meridian.errors import CUTS, Cut, KmsError, KMSInternalException, ThrottlingException
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.call_spans import CallSpans
from meridian.pipeline.entrance import CallWalks, Entrance, Seen
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle
from meridian.ports.security_events import SecurityEvent

CORES = 1
ROOM = WORKING_MAX[GateName.ASYMMETRIC](CORES)
WAIT_SECONDS = 20.0
RATE = {"create_key": 0.001}
FLOOD, OTHER = "111122223333", "444455556666"


def call_of(operation: str, account: str = FLOOD, **fields: Any) -> Call:
    rpc = served_rpcs()[operation]
    call = Call(rpc, rpc.request_class(**fields), Evidence(), "r", datetime(2026, 11, 26, tzinfo=UTC))
    call.principal = Principal("User", account, "a", f"arn:aws:iam::{account}:user/a")
    call.started = 100.0
    return call


class Stage:
    """An entrance before a walk that lasts until it is opened."""

    def __init__(self, rates: dict[str, float]) -> None:
        self.clock = SteppedClock(100.0)
        self.events, self.registry = ReportedEvents(), CollectorRegistry()
        self.opened, self.walked = asyncio.Event(), list[Call]()
        self.entrance = Entrance(
            steps=(Throttle(self.clock, {"other": 0.0, **rates}, served_rpcs()),),
            walks=CallWalks(self._walk, self._walk),
            rpcs=served_rpcs(),
            cores=CORES,
            seen=Seen(Telemetry(self.clock, self.registry), CallSpans(Untraced(), ()), self.events),
            clock=self.clock,
        )
        self.registry.register(self.entrance)

    async def _walk(self, call: Call) -> str:
        self.walked.append(call)
        await asyncio.wait_for(self.opened.wait(), WAIT_SECONDS)
        if call.evidence.client_token == "fails":
            raise KMSInternalException(reason="meant")
        return "answer"

    async def begin(self, *calls: Call) -> list[asyncio.Task[Any]]:
        tasks = [asyncio.create_task(self.entrance.walk(call)) for call in calls]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return tasks

    def counted(self, name: str, gate: GateName) -> float | None:
        return self.registry.get_sample_value(name, {"class": gate})


def on_stage(story: Callable[[Stage], Any], rates: dict[str, float]) -> None:
    async def told() -> None:
        await story(Stage(rates))

    asyncio.run(told())


async def full(stage: Stage) -> list[asyncio.Task[Any]]:
    """As many signatures at work as there is room for, and one that has waited for too long."""
    tasks = await stage.begin(*[call_of("Sign") for _ in range(ROOM + 1)])
    stage.clock.seconds += 1.01 * PATIENCE_SECONDS
    return tasks


def test_what_there_is_no_room_for_is_refused_with_advice_and_told_together() -> None:
    async def story(stage: Stage) -> None:
        tasks = await full(stage)
        refused = await stage.begin(call_of("Sign"), call_of("Sign"))
        for each in refused:
            with pytest.raises(ThrottlingException) as caught:
                await each
            assert caught.value.retry_after_seconds == RETRY_SECONDS
        told = {"operation": "Sign", "code": "ThrottlingException"}
        assert stage.events.reported == [(SecurityEvent.CALLS_SHED, f"arn:aws:iam::{FLOOD}:user/a", told)] * 2
        assert len(stage.walked) == ROOM, "nothing else was done for them"
        outcome = {"operation": "Sign", "outcome": "ThrottlingException"}
        assert stage.registry.get_sample_value("meridian_calls_total", outcome) == 2
        names = ("meridian_calls_working", "meridian_calls_waiting", "meridian_calls_shed_total")
        assert [stage.counted(name, GateName.ASYMMETRIC) for name in names] == [ROOM, 1, 2]
        stage.opened.set()
        assert await asyncio.gather(*tasks) == ["answer"] * (ROOM + 1)
        assert [stage.counted(name, GateName.ASYMMETRIC) for name in names] == [0, 0, 2]

    on_stage(story, {})


def test_other_classes_have_room_of_their_own() -> None:
    async def story(stage: Stage) -> None:
        tasks = [*await full(stage), *await stage.begin(call_of("Encrypt"), call_of("DescribeKey"), call_of("GenerateDataKeyPair"))]
        assert [call.rpc.name for call in stage.walked[ROOM:]] == ["Encrypt", "DescribeKey", "GenerateDataKeyPair"]
        stage.opened.set()
        await asyncio.gather(*tasks)

    on_stage(story, {})


def test_another_account_gets_the_place_of_the_newest_of_the_flood() -> None:
    async def story(stage: Stage) -> None:
        tasks = await stage.begin(*[call_of("Sign") for _ in range(ROOM + 2)])
        stage.clock.seconds += 1.01 * PATIENCE_SECONDS
        (other,) = await stage.begin(call_of("Sign", OTHER))
        with pytest.raises(ThrottlingException):
            await tasks.pop()
        stage.opened.set()
        assert await asyncio.gather(*tasks, other) == ["answer"] * (ROOM + 2)

    on_stage(story, {})


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("Encrypt", "encryption_algorithm"),
        ("Decrypt", "encryption_algorithm"),
        ("ReEncrypt", "source_encryption_algorithm"),
        ("ReEncrypt", "destination_encryption_algorithm"),
    ],
)
def test_work_with_rsa_keys_enters_with_that_of_other_key_pairs(operation: str, field: str) -> None:
    def call_with(algorithm: int) -> Call:
        fields: dict[str, Any] = {field: algorithm}
        return call_of(operation, **fields)

    async def story(stage: Stage) -> None:
        (one,) = await stage.begin(call_with(t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256))
        assert stage.counted("meridian_calls_working", GateName.ASYMMETRIC) == 1
        (two,) = await stage.begin(call_with(t.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT))
        assert stage.counted("meridian_calls_working", GateName.SYMMETRIC) == 1
        stage.opened.set()
        await asyncio.gather(one, two)

    on_stage(story, {})


def test_a_call_over_its_accounts_rate_is_told_in_the_same_way_and_takes_no_room() -> None:
    async def story(stage: Stage) -> None:
        stage.opened.set()
        for _ in range(10):
            await stage.entrance.walk(call_of("CreateKey"))
        with pytest.raises(ThrottlingException):
            await stage.entrance.walk(call_of("CreateKey"))
        assert [event for event, _, _ in stage.events.reported] == [SecurityEvent.CALLS_SHED]
        assert len(stage.walked) == 10
        assert stage.counted("meridian_calls_working", GateName.MANAGEMENT) == 0

    on_stage(story, RATE)


@pytest.mark.parametrize("why", Cut)
def test_a_call_that_is_cut_while_it_waits_is_not_begun_and_told_by_who_cut_it(why: Cut) -> None:
    async def story(stage: Stage) -> None:
        call = call_of("Sign")
        call.why_cut = lambda: why
        *working, late = await stage.begin(*[call_of("Sign") for _ in range(ROOM)], call)
        late.cancel()
        with pytest.raises(KmsError) as cut:
            await late
        assert (cut.value.code, cut.value.reason) == (CUTS[why]().code, CUTS[why]().reason)
        assert [details["code"] for _, _, details in stage.events.reported] == [cut.value.code]
        assert stage.counted("meridian_calls_waiting", GateName.ASYMMETRIC) == 0
        stage.opened.set()
        await asyncio.gather(*working)
        assert len(stage.walked) == ROOM

    on_stage(story, {})


def test_a_flood_that_does_not_heed_refusals_gets_them_late_but_for_a_call_whose_time_is_over() -> None:
    async def story(stage: Stage) -> None:
        working = await full(stage)
        prompt = await stage.begin(*[call_of("Sign") for _ in range(PROMPT_MAX)])
        late, over, other = await stage.begin(call_of("Sign"), call_of("Sign"), call_of("Sign", OTHER))
        assert [task.done() for task in (*prompt, late, over)] == [True] * PROMPT_MAX + [False, False]
        over.cancel()
        ends = await asyncio.gather(*prompt, over, late, return_exceptions=True)
        advised = [end.retry_after_seconds for end in ends if isinstance(end, ThrottlingException)]
        assert advised == [RETRY_SECONDS] * PROMPT_MAX + [ADVISED_TIMES * RETRY_SECONDS] * 2, "who is held back is to come later, too"
        with pytest.raises(ThrottlingException):
            await other
        stage.opened.set()
        await asyncio.gather(*working)

    on_stage(story, {})


def test_the_room_of_the_loops_own_work_follows_how_late_it_is() -> None:
    async def story(stage: Stage) -> None:
        watching = asyncio.create_task(stage.entrance.watch())
        working = await stage.begin(call_of("Sign"))  # while nobody works, nobody looks
        async with asyncio.timeout(WAIT_SECONDS):
            while stage.counted("meridian_calls_room", GateName.SYMMETRIC) == WORKING_MAX[GateName.SYMMETRIC](CORES):
                stage.clock.seconds += 1.0  # as if the loop had stood still
                await asyncio.sleep(0.001)
        watching.cancel()
        assert stage.counted("meridian_calls_room", GateName.ASYMMETRIC) == ROOM
        stage.opened.set()
        await asyncio.gather(*working)

    on_stage(story, {})


def test_a_call_that_fails_leaves_its_place() -> None:
    async def story(stage: Stage) -> None:
        failing = call_of("Sign")
        failing.evidence.client_token = "fails"
        tasks = await stage.begin(*[failing for _ in range(ROOM)])
        stage.opened.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {KMSInternalException}
        assert stage.counted("meridian_calls_working", GateName.ASYMMETRIC) == 0

    on_stage(story, {})


def test_a_call_that_waits_for_a_key_store_holds_no_place_of_those_that_need_none() -> None:
    async def story(stage: Stage) -> None:
        room = WORKING_MAX[GateName.SYMMETRIC](CORES)
        outside = [call_of("Encrypt", account) for account in (FLOOD, OTHER) for _ in range(room // 2)]
        tasks = await stage.begin(*outside)
        assert stage.counted("meridian_calls_working", GateName.SYMMETRIC) == room
        for call in (*outside, *outside):  # ReEncrypt comes to two stores
            await call.wait_outside(call)
        assert stage.counted("meridian_calls_working", GateName.SYMMETRIC) == 0
        assert stage.counted("meridian_calls_working", GateName.OUTSIDE) == room
        tasks += await stage.begin(call_of("Encrypt"))
        assert len(stage.walked) == room + 1, "as if nobody waited"
        stage.opened.set()
        await asyncio.gather(*tasks)
        assert [stage.counted("meridian_calls_working", name) for name in GateName] == [0.0] * len(GateName)

    on_stage(story, {})


def test_of_calls_that_wait_for_key_stores_there_is_a_bound_too() -> None:
    async def story(stage: Stage) -> None:
        most = WORKING_MAX[GateName.OUTSIDE](CORES)
        calls = [call_of("CreateCustomKeyStore", f"{number:012}") for number in range(most + 1)]
        tasks: list[asyncio.Task[Any]] = []
        for call in calls:  # one by one, for they enter among calls of management
            tasks += await stage.begin(call)
            if len(tasks) <= most:
                await call.wait_outside(call)
        waiting = asyncio.ensure_future(calls[most].wait_outside(calls[most]))
        await asyncio.sleep(0)
        assert stage.counted("meridian_calls_waiting", GateName.OUTSIDE) == 1
        stage.clock.seconds += 1.01 * PATIENCE_SECONDS
        (late,) = await stage.begin(call_of("Encrypt"))
        with pytest.raises(ThrottlingException):
            await stage.walked[-1].wait_outside(stage.walked[-1])
        stage.opened.set()
        await asyncio.gather(*tasks, waiting, late)
        assert [stage.counted("meridian_calls_working", name) for name in GateName] == [0.0] * len(GateName)

    on_stage(story, {})


def test_an_entrance_that_nobody_uses_does_not_look_at_the_loop() -> None:
    async def story(stage: Stage) -> None:
        stage.clock.step = 1.0
        watching = asyncio.create_task(stage.entrance.watch())
        for _ in range(5):
            await asyncio.sleep(0)
        assert stage.clock.seconds == 100.0
        calls = await stage.begin(call_of("Sign"))
        assert stage.clock.seconds == 102.0, "one look for the call's place, one of the watch"
        stage.opened.set()
        await asyncio.gather(*calls)
        watching.cancel()

    on_stage(story, {})
