"""A page's questions: each is a call of its viewer, walked like one that came over any other wire, with its decision and its record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from meridian.call import Call
from meridian.console.arrival import Visitor
from meridian.contract.call_times import seconds_of
from meridian.contract.catalog import Rpc
from meridian.contract.operation import Operation
from meridian.domain.limits import Limits
from meridian.errors import Cut, KmsError, KMSInternalException
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvents
from meridian.transport.call_edge import Walk
from meridian.transport.under_way import CallsUnderWay

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Told(Generic[M]):
    """An answer, or why there is none."""

    answer: M | None
    refusal: KmsError | None = None


class Calls:
    """What every page's questions go through."""

    def __init__(
        self, rpcs: Mapping[str, Rpc], walk: Walk, clock: Clock, entropy: Entropy, *, limits: Limits, under_way: CallsUnderWay
    ) -> None:
        self._rpcs = rpcs
        self._walk = walk
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._under_way = under_way

    async def walk(self, visitor: Visitor, operation: Operation, request: Message) -> Any:
        """The answer to one call. Raises: KmsError, and what nobody foresaw."""
        rpc = self._rpcs[operation]
        call = Call(rpc, request, visitor.evidence, self._entropy.uuid(), self._clock.now())
        call.principal, call.started = visitor.principal, self._clock.monotonic()
        seconds = seconds_of(rpc.name, rpc.work, self._limits.deadline_seconds_default)
        with self._under_way.within(call, min(seconds, self._limits.deadline_seconds_max), Cut.SERVICE_BOUND):
            return await self._walk(call)


class Asker:
    """One viewer's questions."""

    def __init__(self, calls: Calls, visitor: Visitor, events: SecurityEvents) -> None:
        self._calls = calls
        self._visitor = visitor
        self._events = events

    async def ask(self, operation: Operation, request: Message) -> Any:
        """The answer. Raises: KmsError."""
        try:
            return await self._calls.walk(self._visitor, operation, request)
        except KmsError:
            raise
        except Exception as fault:
            self._events.report_fault(fault, during=operation)
            raise KMSInternalException(reason=type(fault).__name__) from fault

    async def told(self, operation: Operation, request: Message) -> Told[Any]:
        """The answer, or the refusal, for a page that shows both."""
        try:
            return Told(await self.ask(operation, request))
        except KmsError as refusal:
            return Told(None, refusal)

    async def all_told(self, *questions: tuple[Operation, Message]) -> list[Told[Any]]:
        """Several at once, in their order. Each runs in a task of its own: a call is cut by ending its task."""
        return await asyncio.gather(*(self.told(operation, request) for operation, request in questions))
