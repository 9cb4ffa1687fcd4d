"""What a walk answers where a change under its token has been made already, or was made after all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.errors import DependencyTimeoutException, KmsError, KMSInternalException, LimitExceededException
from meridian.kms.v1 import keys_pb2, types_pb2
from meridian.operations.key_turns import KeyTurns
from meridian.operations.outcomes import Outcomes
from meridian.pipeline.chain import Notes, Pipeline, Steps
from meridian.pipeline.repeats import Repeats
from meridian.ports.store.answers import AnswerRow
from meridian.ports.store.faults import StoreUnavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = Principal("User", "111122223333", "alice", "arn:aws:iam::111122223333:user/alice")
ANSWER = keys_pb2.CreateKeyResponse(key_metadata=types_pb2.KeyMetadata(key_id="made"))

Operation = Callable[[Any, Call], Awaitable[Any]]


@dataclass
class Rows:
    """A store of answers alone: what is put in a transaction that fails goes with it."""

    kept: dict[str, AnswerRow] = field(default_factory=dict)
    is_away: bool = False
    is_commit_lost: bool = False
    readings: int = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        self.readings += 1
        if self.is_away:
            raise StoreUnavailable(reason="away")
        yield self._unit()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        before = dict(self.kept)
        try:
            yield self._unit()
        except BaseException:
            self.kept = before
            raise
        if self.is_commit_lost:
            raise StoreUnavailable(reason="the connection was lost")

    def _unit(self) -> Any:
        async def now() -> datetime:
            return NOW

        async def find(account: str, principal: str, token: str, *, now: datetime) -> AnswerRow | None:
            return self.kept.get(token)

        async def put(row: AnswerRow, *, keep: int) -> None:
            self.kept[row.token] = row

        async def withdraw(account: str, principal: str, token: str, *, request_id: str) -> None:
            if self.kept[token].answer is None and self.kept[token].request_id == request_id:
                del self.kept[token]

        return SimpleNamespace(answers=SimpleNamespace(find=find, put=put, withdraw=withdraw), region=SimpleNamespace(now=now))


class Trail:
    """Audit of nothing: what a walk and an outcome ask of it."""

    closed_with: Exception | None = None

    async def record(self, uow: Any, call: Call) -> None:
        call.event_recorded = {}

    async def close(self, call: Call) -> None:
        self.closed_with = call.error

    def withdraw(self, call: Call) -> None: ...


def call_of(number: int) -> Call:
    call = Call(rpcs()["CreateKey"], keys_pb2.CreateKeyRequest(), Evidence(client_token="t"), f"request {number}", NOW)
    call.principal = ALICE
    return call


def walk(rows: Rows, call: Call, operation: Operation, trail: Any = None) -> Any:
    store: Any = rows
    trail = trail or Trail()
    nothing: Any = SimpleNamespace(finish=lambda _: None, report_fault=lambda *_, **__: None)
    repeats = Repeats(store)
    made = Pipeline(
        notes=Notes(nothing, trail, nothing),
        repeats=repeats,
        steps=Steps(before=(repeats,), deciding=(), after=()),
        forget=lambda *_: None,
        turns=KeyTurns(),
        operations={"CreateKey": operation},
    )
    return asyncio.run(made.walk(call))


def outcomes(rows: Rows) -> Outcomes:
    store: Any = rows
    trail: Any = Trail()
    return Outcomes(store, trail, Limits())


def creating(rows: Rows) -> Operation:
    async def create(_: Any, call: Call) -> Any:
        async with rows.transaction() as uow:
            await outcomes(rows).begin(uow, call)
            await outcomes(rows).record(uow, call, ANSWER)
        return ANSWER

    return create


async def impossible(_: Any, call: Call) -> Any:
    raise AssertionError("nothing is done again")


def overtaken(rows: Rows, then: KmsError) -> Operation:
    """While this call was under way, another process made the change; what this one found was therefore a refusal."""

    async def create(_: Any, call: Call) -> Any:
        other = call_of(0)
        other.change_token = call.change_token
        await creating(rows)(None, other)
        raise then

    return create


def test_a_repeat_ends_before_anything_is_done() -> None:
    rows = Rows()
    assert walk(rows, call_of(1), creating(rows)) == ANSWER
    again = call_of(2)
    assert walk(rows, again, impossible) == ANSWER
    assert again.audit_data == {"repeatOf": "request 1"}


def test_a_call_without_a_token_asks_the_store_for_nothing() -> None:
    rows, call = Rows(), call_of(1)
    call.evidence.client_token = None
    walk(rows, call, creating(rows))
    assert (rows.readings, rows.kept) == (0, {})


def test_a_refusal_that_the_same_change_elsewhere_has_caused_is_its_answer() -> None:
    rows, call = Rows(), call_of(1)
    assert walk(rows, call, overtaken(rows, LimitExceededException("full"))) == ANSWER
    assert call.repeat_of == "request 0"
    assert call.error is None


def test_a_refusal_that_nothing_has_caused_stands() -> None:
    async def refuse(_: Any, call: Call) -> Any:
        raise LimitExceededException("full")

    with pytest.raises(LimitExceededException):
        walk(Rows(), call_of(1), refuse)


def test_a_commit_that_seemed_lost_and_was_not_is_the_calls_own_success() -> None:
    rows, call = Rows(is_commit_lost=True), call_of(1)
    assert walk(rows, call, creating(rows)) == ANSWER
    assert (call.repeat_of, call.error, call.event_recorded) == ("", None, {})


def test_the_first_failure_is_told_where_the_store_cannot_say_more() -> None:
    rows = Rows()

    async def lose(_: Any, call: Call) -> Any:
        rows.is_away = True
        raise LimitExceededException("full")

    with pytest.raises(LimitExceededException):
        walk(rows, call_of(1), lose)


def test_a_claim_keeps_others_waiting_and_is_given_back_by_a_failure() -> None:
    rows = Rows()

    async def claim_and_fail(_: Any, call: Call) -> Any:
        async with outcomes(rows).claimed(call):
            assert rows.kept["t"].answer is None
            with pytest.raises(DependencyTimeoutException):
                async with rows.transaction() as uow:
                    other = call_of(2)
                    other.change_token = call.change_token
                    await outcomes(rows).begin(uow, other)
            async with rows.transaction() as uow:
                await outcomes(rows).begin(uow, call)  # his own is no hindrance
            raise LimitExceededException("full")

    with pytest.raises(LimitExceededException):
        walk(rows, call_of(1), claim_and_fail)
    assert rows.kept == {}


def test_a_claim_becomes_the_answer() -> None:
    rows = Rows()

    async def claim(request: Any, call: Call) -> Any:
        async with outcomes(rows).claimed(call):
            return await creating(rows)(request, call)

    walk(rows, call_of(1), claim)
    assert rows.kept["t"].answer == ANSWER.SerializeToString()


def test_an_answer_that_its_wire_cannot_write_is_told_of_by_the_record() -> None:
    async def made(_: Any, call: Call) -> Any:
        return ANSWER

    def fails(_: Call, answer: Any) -> Any:
        raise LookupError("no such key")

    call, trail = call_of(1), Trail()
    call.write_answer = fails
    with pytest.raises(KMSInternalException):
        walk(Rows(), call, made, trail)
    assert isinstance(trail.closed_with, KMSInternalException)


def test_a_repeat_is_written_as_the_first_answer_is() -> None:
    rows = Rows()

    async def made(_: Any, call: Call) -> Any:
        async with rows.transaction() as uow:
            made_by = outcomes(rows)
            await made_by.record(uow, call, ANSWER)
        return ANSWER

    def written_of(number: int) -> Any:
        call = call_of(number)
        call.write_answer = lambda _, answer: answer.SerializeToString()
        return walk(rows, call, made)

    assert written_of(1) == written_of(2) == ANSWER.SerializeToString()
