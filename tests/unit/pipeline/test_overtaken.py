"""A call whose decision is overtaken is decided anew, before others; who is overtaken again and again is asked to come again."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from weakref import ref

import pytest

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.principal import Principal
from meridian.errors import ThrottlingException
from meridian.kms.v1.tags_pb2 import TagResourceRequest
from meridian.operations.key_turns import KeyTurns
from meridian.pipeline import chain
from meridian.pipeline.chain import Notes, Pipeline, Steps
from meridian.ports.store.faults import VersionConflict
from meridian.replication.decided import DecidedBeforeError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.asyncio

TOO_OFTEN = 100


class Walks:
    """The walk of an operation that is overtaken so many times."""

    def __init__(self, overtaken: int, fault: Exception) -> None:
        self.left, self.fault = overtaken, fault
        self.decisions = 0
        self.turns = KeyTurns()
        self.faults: list[BaseException] = []

    async def operate(self, _: Any, call: Call) -> str:
        if self.left:
            self.left -= 1
            raise self.fault
        return "done"

    def decide(self, _: Call) -> None:
        self.decisions += 1

    async def close(self, call: Call) -> None: ...

    def withdraw(self, call: Call) -> None: ...

    async def after_failure(self, call: Call) -> None: ...

    async def walk(self) -> Any:
        nothing: Any = SimpleNamespace(finish=lambda _: None, report_fault=lambda fault, **_: self.faults.append(fault))
        itself: Any = self
        pipeline = Pipeline(
            notes=Notes(nothing, itself, nothing),
            repeats=itself,
            steps=Steps(before=(), deciding=(self.decide,), after=()),
            forget=lambda *_: None,
            turns=self.turns,
            operations={"TagResource": self.operate},
        )
        call = Call(rpcs()["TagResource"], TagResourceRequest(), Evidence(), "call", NOW)
        call.principal = Principal("User", "1" * 12, "a", f"arn:aws:iam::{'1' * 12}:user/a")
        return await pipeline.walk(call)


@pytest.mark.parametrize("fault", [DecidedBeforeError(), VersionConflict("x")], ids=lambda fault: type(fault).__name__)
async def test_it_is_decided_anew_until_it_is_made(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    monkeypatch.setattr(chain, "PAUSE_SECONDS", 0.0)
    walks = Walks(3, fault)
    assert await walks.walk() == "done"
    assert walks.decisions == 4


@pytest.mark.parametrize("fault", [DecidedBeforeError(), VersionConflict("x")], ids=lambda fault: type(fault).__name__)
async def test_who_is_overtaken_too_often_may_come_again(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    monkeypatch.setattr(chain, "PAUSE_SECONDS", 0.0)
    walks = Walks(TOO_OFTEN, fault)
    with pytest.raises(ThrottlingException) as refused:
        await walks.walk()
    assert refused.value.retryable
    assert walks.decisions == chain.DECISIONS_MAX
    assert walks.faults == []


class Holding(Walks):
    """An operation that is refused while it holds something."""

    held: ref[Walks] | None = None

    async def operate(self, _: Any, call: Call) -> str:
        large = Walks(0, self.fault)
        self.held = ref(large)
        try:
            raise ValueError
        except ValueError as cause:
            raise ThrottlingException(retry_after_seconds=1.0) from cause


async def test_a_refused_call_keeps_nothing_that_its_operation_held() -> None:
    walks = Holding(0, VersionConflict("x"))
    with pytest.raises(ThrottlingException) as refused:
        await walks.walk()
    assert refused.value.__traceback__ is not None
    assert walks.held is not None
    assert walks.held() is None
