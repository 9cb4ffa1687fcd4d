"""The walk of a batch: its items enter one by one, are done together, and have each its own outcome."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from tests.unit.pipeline.batch_stage import MOST, Stage, batch_call, codes, named, on_stage, reached
from tests.unit.pipeline.test_entrance import CORES, OTHER

from meridian.contract.fields import text_of
from meridian.domain.gates import WORKING_MAX, GateName, Place, Priority, Standing
from meridian.errors import DependencyTimeoutException
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.batch_turns import ITEMS_PER_TURN
from meridian.ports.security_events import SecurityEvent


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
            assert stage.log.written == [list(range(MOST))]

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
        names = [text_of(call.request, "key_id") for call in stage.log.begun]
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
        assert stage.log.written == [[0, 1, 2]]

    on_stage(story)


def test_items_that_wait_for_nothing_have_no_task_of_their_own() -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["slow"] = asyncio.Event()
        before = len(asyncio.all_tasks())
        task = stage.begin(batch_call("Encrypt", named("a", "slow", "b", "denied")))
        await reached(lambda: len(stage.log.begun) == 4)
        assert len(asyncio.all_tasks()) - before == 2, "the batch, and the item that waits"
        stage.log.slow["slow"].set()
        assert codes(await task) == ["ok", "ok", "ok", "AccessDeniedException"]

    on_stage(story)


def test_only_items_of_one_turn_take_over_what_was_found() -> None:
    async def story(stage: Stage) -> None:
        await stage.begin(batch_call("Encrypt", [{"key_id": "a", "plaintext": b"x"}] * MOST))
        again = stage.log.taken_over
        assert [number for number, item in enumerate(again) if not item] == list(range(0, MOST, ITEMS_PER_TURN))
        last = stage.log.begun[-1].item
        assert last is not None
        assert not last.takes_over(stage.log.begun[-1]), "its turn is over"

    on_stage(story)


def test_items_of_one_turn_have_a_place_one_after_the_other() -> None:
    async def story(stage: Stage) -> None:
        working: list[float | None] = []
        stage.log.during = lambda: working.append(stage.working(GateName.SYMMETRIC))
        assert codes(await stage.begin(batch_call("Encrypt", named(*["a"] * MOST)))) == ["ok"] * MOST
        assert working == [1] * MOST
        assert stage.working(GateName.SYMMETRIC) == 0

    on_stage(story)


def test_a_place_goes_to_whoever_waits_for_it_before_the_next_item() -> None:
    async def story(stage: Stage) -> None:
        gate = stage.entrance._gates[GateName.SYMMETRIC]
        gate.room, others, worked = 1, list[Place](), list[bool]()

        def come() -> None:
            if not others:
                others.append(gate.enter(OTHER, Priority.ENCRYPT, stage.clock.monotonic()))
            worked.append(others[0].standing is Standing.WORKS)

        stage.log.during = come
        task = stage.begin(batch_call("Encrypt", named("a", "a")))
        await reached(lambda: others[:1] != [] and others[0].standing is Standing.WORKS)
        assert worked == [False], "the second item waits for the place"
        gate.leave(others[0])
        assert codes(await task) == ["ok"] * 2

    on_stage(story)


def test_records_that_are_not_durable_are_the_error_of_their_items() -> None:
    async def story(stage: Stage) -> None:
        stage.log.fault = DependencyTimeoutException("no")
        outcomes = await stage.begin(batch_call("Encrypt", named("a", "denied", "b")))
        assert codes(outcomes) == ["DependencyTimeoutException", "AccessDeniedException", "DependencyTimeoutException"]

    on_stage(story)


def test_nobody_waits_for_an_item_that_asks_a_key_store_outside() -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["outside"] = asyncio.Event()
        task = stage.begin(batch_call("Encrypt", named("a", "outside", "b")))
        await reached(lambda: bool(stage.log.written))
        assert stage.log.written == [[0, 2]]
        assert (stage.working(GateName.SYMMETRIC), stage.working(GateName.OUTSIDE)) == (0, 1)
        stage.log.slow["outside"].set()
        assert codes(await task) == ["ok"] * 3
        assert stage.log.written == [[0, 2], [1]]

    on_stage(story)
