"""The walk of a batch: its items enter one by one, are done together, and end as single calls would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.reported_events import ReportedEvents
from tests.unit.pipeline.test_entrance import CORES, FLOOD, OTHER, SteppedClock

from meridian.call import Call, Evidence
from meridian.contract.batches import BYTES_MAX, batch_of
from meridian.contract.catalog import served_rpcs
from meridian.domain.gates import PROMPT_MAX, RETRY_SECONDS, WORKING_MAX, GateName
from meridian.domain.principal import Principal
from meridian.errors import CUTS, AccessDeniedException, Cut, KmsError, ThrottlingException, ValidationException
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.batch_turns import BATCHES_MAX, ITEMS_PER_TURN
from meridian.pipeline.batches import Batches
from meridian.pipeline.entrance import Entrance
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle
from meridian.pipeline.validate import Validate
from meridian.ports.security_events import SecurityEvent

MOST = 100
WAIT_SECONDS = 20.0


def batch_call(operation: str, items: Sequence[dict[str, Any]], account: str = FLOOD) -> Call:
    rpc = batch_of()[operation]
    single = served_rpcs()[operation].request_class
    call = Call(rpc, rpc.request_class(items=[single(**each) for each in items]), Evidence(), "r", datetime(2026, 11, 26, tzinfo=UTC))
    call.principal = Principal("User", account, "a", f"arn:aws:iam::{account}:user/a")
    call.started = 100.0
    return call


class Log:
    """Stands for the walk of single calls: an item is worked on, then its record waits for those of the others."""

    def __init__(self) -> None:
        self.begun: list[Call] = []
        self.written: list[list[int]] = []
        """Items by the turn of the loop in which their records were given to the log."""
        self.slow: dict[str, asyncio.Event] = {}
        """Items that wait for something, by the name of their key."""
        self._turn = -1

    async def walk(self, call: Call) -> Any:
        assert call.item is not None or not served_rpcs()[call.rpc.name].requires
        if call.item is None:
            Validate()(call)
        name = call.request.key_id  # type: ignore[attr-defined]
        self.begun.append(call)
        try:
            if name in self.slow:
                if name.startswith("outside"):
                    await call.wait_outside()
                await self.slow[name].wait()
        except asyncio.CancelledError:
            raise CUTS[call.why_cut()]() from None
        if name == "denied":
            raise AccessDeniedException("no")
        assert call.item is not None
        await call.item.gathered()
        self._write(call.item.index)
        return name

    def _write(self, index: int) -> None:
        if self._turn < 0:
            self._turn = 0
            self.written.append([])
            asyncio.get_running_loop().call_soon(self._end_turn)
        self.written[-1].append(index)

    def _end_turn(self) -> None:
        self._turn = -1


class Stage:
    def __init__(self, rates: dict[str, float]) -> None:
        self.clock, self.events, self.registry = SteppedClock(), ReportedEvents(), CollectorRegistry()
        self.log = Log()
        telemetry = Telemetry(self.clock, self.registry)
        self.entrance = Entrance(
            steps=(Throttle(self.clock, rates, served_rpcs()),),
            walk=self.log.walk,
            rpcs=served_rpcs(),
            cores=CORES,
            telemetry=telemetry,
            events=self.events,
            clock=self.clock,
            registry=self.registry,
        )
        self.batches = Batches(self.entrance, telemetry, self.events)

    def begin(self, call: Call) -> asyncio.Task[Any]:
        return asyncio.create_task(self.batches.walk(call))

    def working(self, gate: GateName) -> float | None:
        return self.registry.get_sample_value("meridian_calls_working", {"class": gate})

    def outcomes(self, operation: str, outcome: str) -> float | None:
        return self.registry.get_sample_value("meridian_calls_total", {"operation": operation, "outcome": outcome})


def on_stage(story: Callable[[Stage], Any], **rates: float) -> None:
    async def told() -> None:
        await asyncio.wait_for(story(Stage(rates)), WAIT_SECONDS)

    asyncio.run(told())


def codes(outcomes: Sequence[Any]) -> list[str]:
    return [outcome.code if isinstance(outcome, KmsError) else "ok" for outcome in outcomes]


async def reached(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def named(*names: str) -> list[dict[str, Any]]:
    return [{"key_id": name} for name in names]


def test_each_item_has_its_own_outcome_in_its_place() -> None:
    async def story(stage: Stage) -> None:
        outcomes = await stage.begin(batch_call("Encrypt", named("a", "denied", "b")))
        assert codes(outcomes) == ["ok", "AccessDeniedException", "ok"]
        assert [outcomes[0], outcomes[2]] == ["a", "b"]
        assert {call.request_id for call in stage.log.begun} == {"r"}
        assert [call.item.index for call in stage.log.begun if call.item] == [0, 1, 2]
        assert stage.outcomes("EncryptBatch", "ok") == 1

    on_stage(story)


def test_records_are_given_to_the_log_together_however_little_room_there_is() -> None:
    async def story(stage: Stage) -> None:
        for room in (WORKING_MAX[GateName.SYMMETRIC](CORES), ITEMS_PER_TURN, 1):
            stage.entrance._gates[GateName.SYMMETRIC].room = room
            stage.log.written.clear()
            outcomes = await stage.begin(batch_call("Encrypt", named(*["a"] * MOST)))
            assert codes(outcomes) == ["ok"] * MOST
            assert [sorted(each) for each in stage.log.written] == [list(range(MOST))]

    on_stage(story)


def test_few_items_begin_in_one_turn_of_the_loop() -> None:
    async def story(stage: Stage) -> None:
        counts: list[int] = []

        async def look() -> None:
            while True:
                counts.append(len(stage.log.begun))
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        await asyncio.gather(*[stage.begin(batch_call("Encrypt", named(*["a"] * MOST), f"{number:012}")) for number in range(4)])
        looking.cancel()
        steps = [after - before for before, after in pairwise(counts)]
        assert sum(steps) == 4 * MOST
        assert max(steps) <= ITEMS_PER_TURN

    on_stage(story)


def test_accounts_have_their_turns_one_after_the_other() -> None:
    """A flood of batches does not hold up the one batch of somebody else."""

    async def story(stage: Stage) -> None:
        flood = [stage.begin(batch_call("Encrypt", named(*["flood"] * MOST))) for _ in range(10)]
        other = stage.begin(batch_call("Encrypt", named(*["other"] * MOST), OTHER))
        await asyncio.gather(other, *flood)
        names = [call.request.key_id for call in stage.log.begun]  # type: ignore[attr-defined]
        last = len(names) - 1 - names[::-1].index("other")
        assert names[:last].count("flood") <= MOST + 2 * ITEMS_PER_TURN

    on_stage(story)


def test_rates_are_counted_by_item() -> None:
    async def story(stage: Stage) -> None:
        outcomes = await stage.begin(batch_call("Encrypt", named(*["a"] * 15)))
        assert codes(outcomes) == ["ok"] * 10 + ["ThrottlingException"] * 5
        assert {outcome.retry_after_seconds for outcome in outcomes[10:]} == {1.0}
        assert [event for event, _, _ in stage.events.reported] == [SecurityEvent.CALLS_SHED] * 5
        assert stage.outcomes("Encrypt", "ThrottlingException") == 5

    on_stage(story, symmetric=1.0)


def test_places_are_counted_by_item_and_by_the_kind_of_its_key() -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["slow"] = asyncio.Event()
        rsa = {"key_id": "slow", "encryption_algorithm": t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256}
        task = stage.begin(batch_call("Encrypt", [*named(*["slow"] * 20), *[rsa] * 20]))
        room = WORKING_MAX[GateName.ASYMMETRIC](CORES)
        await reached(lambda: len(stage.log.begun) == 20 + room)
        assert (stage.working(GateName.SYMMETRIC), stage.working(GateName.ASYMMETRIC)) == (20, room)
        stage.log.slow["slow"].set()
        outcomes = await task
        assert codes(outcomes)[:20] == ["ok"] * 20
        assert (stage.working(GateName.SYMMETRIC), stage.working(GateName.ASYMMETRIC)) == (0, 0)

    on_stage(story)


def test_an_item_that_is_done_holds_no_place_while_others_are_not() -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["slow"] = asyncio.Event()
        task = stage.begin(batch_call("Encrypt", named("a", "slow", "b")))
        await reached(lambda: len(stage.log.begun) == 3)
        await reached(lambda: stage.working(GateName.SYMMETRIC) == 1)
        assert stage.log.written == []
        stage.log.slow["slow"].set()
        await task
        assert [sorted(each) for each in stage.log.written] == [[0, 1, 2]]

    on_stage(story)


def test_nobody_waits_for_an_item_that_asks_a_key_store_outside() -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["outside"] = asyncio.Event()
        task = stage.begin(batch_call("Encrypt", named("a", "outside", "b")))
        await reached(lambda: bool(stage.log.written))
        assert [sorted(each) for each in stage.log.written] == [[0, 2]]
        assert (stage.working(GateName.SYMMETRIC), stage.working(GateName.OUTSIDE)) == (0, 1)
        stage.log.slow["outside"].set()
        assert codes(await task) == ["ok"] * 3

    on_stage(story)


@pytest.mark.parametrize("why", [Cut.SERVICE_BOUND, Cut.SERVICE_ENDS])
def test_what_the_service_cuts_is_answered_with_what_is_done(why: Cut) -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["slow"] = asyncio.Event()
        call = batch_call("Encrypt", named("a", "slow", "b"))
        call.why_cut = lambda: why
        task = stage.begin(call)
        await reached(lambda: len(stage.log.begun) == 3)
        await reached(lambda: stage.working(GateName.SYMMETRIC) == 1)
        task.cancel()
        outcomes = await task
        assert codes(outcomes) == ["ok", CUTS[why]().code, "ok"]
        assert outcomes[1].reason == CUTS[why]().reason
        assert stage.working(GateName.SYMMETRIC) == 0

    on_stage(story)


@pytest.mark.parametrize("why", [Cut.CALLER_LEFT, Cut.CALLER_DEADLINE])
def test_what_nobody_waits_for_is_not_begun_and_all_of_it_is_counted(why: Cut) -> None:
    async def story(stage: Stage) -> None:
        call = batch_call("Encrypt", named(*["a"] * MOST))
        call.why_cut = lambda: why
        task = stage.begin(call)
        await reached(lambda: len(stage.log.begun) >= ITEMS_PER_TURN)
        task.cancel()
        with pytest.raises(KmsError) as cut:
            await task
        assert cut.value.code == CUTS[why]().code
        begun = len(stage.log.begun)
        assert begun <= 2 * ITEMS_PER_TURN
        assert stage.outcomes("Encrypt", CUTS[why]().code) == MOST - begun
        assert stage.outcomes("EncryptBatch", CUTS[why]().code) == 1
        assert sum(map(len, stage.log.written)) == begun, "what was done has its record"

    on_stage(story)


def test_of_too_many_batches_the_newest_of_the_flood_is_refused_item_by_item() -> None:
    async def story(stage: Stage) -> None:
        small = named(*["a"] * 9)
        flood = [stage.begin(batch_call("Encrypt", small)) for _ in range(BATCHES_MAX)]
        other = stage.begin(batch_call("Encrypt", small, OTHER))
        assert codes(await other) == ["ok"] * 9
        *rest, newest = [codes(outcomes) for outcomes in await asyncio.gather(*flood)]
        assert newest == ["ThrottlingException"] * 9
        assert rest == [["ok"] * 9] * (BATCHES_MAX - 1)
        assert stage.outcomes("Encrypt", "ThrottlingException") == 9

    on_stage(story)


def test_refused_items_are_held_back_as_refused_calls_are() -> None:
    async def story(stage: Stage) -> None:
        began = asyncio.get_running_loop().time()
        outcomes = await stage.begin(batch_call("Encrypt", named(*["a"] * (10 + PROMPT_MAX + 1))))
        assert codes(outcomes).count("ThrottlingException") == PROMPT_MAX + 1
        assert asyncio.get_running_loop().time() - began >= RETRY_SECONDS

    on_stage(story, symmetric=1.0)


WHOLE: dict[str, tuple[Call, str]] = {
    "no item": (batch_call("Encrypt", []), "items"),
    "too many items": (batch_call("Encrypt", named(*["a"] * (MOST + 1))), "items"),
    "too long": (batch_call("Encrypt", [{"key_id": "a", "plaintext": b"x" * (BYTES_MAX // 2)}] * 2), "items"),
}


@pytest.mark.parametrize("fault", WHOLE)
def test_a_batch_that_cannot_be_taken_is_refused_as_a_call(fault: str) -> None:
    call, field = WHOLE[fault]

    async def story(stage: Stage) -> None:
        with pytest.raises(ValidationException) as refused:
            await stage.begin(call)
        assert [name for name, _ in refused.value.fields] == [field]
        assert stage.log.begun == []

    on_stage(story)


def test_a_flood_of_batches_that_cannot_be_taken_is_throttled() -> None:
    async def story(stage: Stage) -> None:
        refusals = [await asyncio.gather(stage.begin(batch_call("Encrypt", [])), return_exceptions=True) for _ in range(11)]
        kinds = [type(each[0]) for each in refusals]
        assert kinds == [ValidationException] * 10 + [ThrottlingException]

    on_stage(story, symmetric=1.0)
