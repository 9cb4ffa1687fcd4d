"""Batches that are cut, refused item by item, or refused whole: nothing is lost that is done, and nothing is begun for nobody."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.pipeline.batch_stage import MOST, Stage, batch_call, codes, named, on_stage, reached
from tests.unit.pipeline.test_entrance import OTHER

from meridian.call import Call
from meridian.contract.batches import BYTES_MAX
from meridian.domain.gates import RETRY_SECONDS, GateName
from meridian.domain.held_refusals import PROMPT_MAX, SPREAD
from meridian.errors import CUTS, Cut, KmsError, ThrottlingException, ValidationException
from meridian.pipeline.batch_turns import BATCHES_MAX, ITEMS_PER_TURN

ENDED_SECONDS = 2.0


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


@pytest.mark.parametrize("why", [Cut.SERVICE_BOUND, Cut.SERVICE_ENDS, Cut.CALLER_DEADLINE])
def test_a_cut_while_records_are_written_ends_what_waits_outside(why: Cut) -> None:
    async def story(stage: Stage) -> None:
        stage.log.slow["outside"] = asyncio.Event()
        stage.log.disk = asyncio.Event()
        call = batch_call("Encrypt", named("a", "outside"))
        call.why_cut = lambda: why
        task = stage.begin(call)
        await reached(lambda: stage.log.written == [[0]])
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=ENDED_SECONDS)
        assert ended, "the batch waits for a key store although its time is over"
        assert stage.working(GateName.OUTSIDE) == 0

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
        assert asyncio.get_running_loop().time() - began >= RETRY_SECONDS * (1 - SPREAD)

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
