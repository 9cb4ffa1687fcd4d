"""Before the walk of a call: is its account within its rates, and is there room? What is refused here costs little.

Such a refusal has no record of its own: those of one caller, operation and second are told together, by the event CallsShed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.domain.gates import (
    PACING,
    RETRY_SECONDS,
    WORK,
    WORKING_MAX,
    Gate,
    GateName,
    Place,
    Priority,
    Standing,
)
from meridian.domain.held_refusals import HeldRefusals, advice_after
from meridian.errors import CUTS, KmsError, ThrottlingException
from meridian.pipeline.call_spans import CallSpans
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle, classes_said
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents

Walk = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class CallWalks:
    """How a call is walked that is let in."""

    whole: Walk
    """Until its record is durable."""
    item: Walk
    """Of an item of a batch, until its record is made."""


LOOK_SECONDS: Final = 0.05
RSA: Final = "rsa"
OF_ALGORITHM: Final = "encryption_algorithm"


@dataclass(slots=True)
class _Held:
    """The place that a call has now."""

    gate: Gate
    place: Place

    def leave(self) -> None:
        """It holds none any more; leaving twice is leaving once."""
        self.gate.leave(self.place)


@dataclass(frozen=True, slots=True)
class Seen:
    """Who sees each call that comes, let in or not."""

    telemetry: Telemetry
    spans: CallSpans
    events: SecurityEvents


class Entrance:
    """Lets calls in. Raises: ThrottlingException, for a rate or for want of room; what `CUTS` has where the call is cut before its turn
    comes; and what the walk raises."""

    def __init__(
        self,
        *,
        steps: tuple[Throttle],
        walks: CallWalks,
        rpcs: Mapping[str, Rpc],
        cores: int,
        seen: Seen,
        clock: Clock,
    ) -> None:
        self._steps = steps
        self._walks = walks
        self._gates = {name: Gate(most(cores), PACING[name]) for name, most in WORKING_MAX.items()}
        self._of_rsa = {rpc.name: _of_rsa(rpc) for rpc in rpcs.values()}
        self._held = HeldRefusals()
        self._is_one_turn = False
        self._passed_on: _Held | None = None
        """The place of a call that has ended, for the next of its turn."""
        self._called = asyncio.Event()
        """Somebody has come in since the loop was looked at last."""
        self._telemetry = seen.telemetry
        self._spans = seen.spans
        self._events = seen.events
        self._clock = clock

    def walk(self, call: Call) -> Coroutine[Any, Any, Any]:
        """The answer of the call's walk, once there is room for it."""
        return self._spans.of(call, self._walk_in(call, self._walks.whole))

    def walk_item(self, call: Call) -> Coroutine[Any, Any, Any]:
        """The same of an item of a batch: its place there keeps its record, which is not durable yet."""
        return self._spans.of(call, self._walk_in(call, self._walks.item))

    async def _walk_in(self, call: Call, walk: Walk) -> Any:
        try:
            for step in self._steps:
                step(call)
            held = self._enter(call)
            if held.place.standing is not Standing.WORKS:
                await self._turn(held.gate, held.place, call)
        except KmsError as refusal:
            await self.refuse(call, refusal)
            raise
        call.wait_outside = partial(self._go_outside, held)
        try:
            return await walk(call)
        finally:
            self._leave(held)

    @contextmanager
    def one_turn(self) -> Iterator[None]:
        """Calls that are walked inside, of one account and one kind, have a place one after the other: nobody else could have it between
        two of them."""
        self._is_one_turn = True
        try:
            yield
        finally:
            self._is_one_turn = False
            if self._passed_on is not None:
                self._passed_on.leave()
                self._passed_on = None

    def _enter(self, call: Call) -> _Held:
        name, priority = self._work_of(call)
        gate = self._gates[name]
        held, self._passed_on = self._passed_on, None
        if held is not None:
            if held.gate is gate:
                return held
            held.leave()
        self._called.set()
        return _Held(gate, gate.enter(call.caller.account, priority, self._clock.monotonic()))

    def _leave(self, held: _Held) -> None:
        if self._is_one_turn and not held.gate.waiting:
            self._passed_on = held
        else:
            held.leave()

    async def refuse(self, call: Call, refusal: KmsError) -> None:
        """Tell that the call is not let in; return when its caller may hear of it."""
        self.tell(call, refusal)
        await self._hold_back(call, refusal)

    def tell(self, call: Call, refusal: KmsError) -> None:
        """Count a call that is not let in, and tell it together with others."""
        call.error = refusal
        self._telemetry.finish(call)
        subject = "" if call.principal is None else call.principal.arn
        self._events.report(SecurityEvent.CALLS_SHED, subject=subject, operation=call.rpc.name, code=refusal.code)

    async def watch(self) -> None:
        """Look how late the event loop is, until cancelled; not while nobody calls and there is all the room that there may be, for
        nothing would come of it."""
        while True:
            if all(gate.is_at_rest for gate in self._gates.values()):
                self._called.clear()
                await self._called.wait()
            began = self._clock.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            passed = self._clock.monotonic() - began
            for gate in self._gates.values():
                gate.pace(passed - LOOK_SECONDS, passed)

    async def _go_outside(self, held: _Held, call: Call) -> None:
        """Return when the call may wait for a key store; once it may, it may again."""
        outside = self._gates[GateName.OUTSIDE]
        if held.gate is outside:
            return
        if call.item is not None:
            call.item.leave()
        held.leave()
        held.gate, held.place = outside, outside.enter(held.place.account, held.place.priority, self._clock.monotonic())
        if held.place.standing is not Standing.WORKS:
            await self._turn(outside, held.place, call)

    def _work_of(self, call: Call) -> tuple[GateName, Priority]:
        name, priority = WORK[call.rpc.work]
        for field, numbers in self._of_rsa[call.rpc.name]:
            if getattr(call.request, field) in numbers:
                return GateName.ASYMMETRIC, priority
        return name, priority

    async def _turn(self, gate: Gate, place: Place, call: Call) -> None:
        """Return when the call may work."""
        if place.standing is Standing.WAITS:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            place.told = lambda: None if turn.done() else turn.set_result(None)
            try:
                if call.item is not None:
                    await call.item.apart()
                await turn
            except asyncio.CancelledError as cut:
                gate.leave(place)
                raise CUTS[call.why_cut()]() from cut
        if place.standing is Standing.REFUSED:
            raise ThrottlingException(retry_after_seconds=RETRY_SECONDS)

    async def _hold_back(self, call: Call, refusal: KmsError) -> None:
        """Return when a refusal may be answered; at once where the call's time is over."""
        account = "" if call.principal is None else call.principal.account
        seconds = self._held.begin(account, self._clock.monotonic())
        if not seconds:
            return
        if isinstance(refusal, ThrottlingException):
            refusal.retry_after_seconds = max(refusal.retry_after_seconds, advice_after(seconds))
        try:
            if call.item is not None:
                await call.item.apart()
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            pass  # the refusal stands, and nobody may wait for it any more
        finally:
            self._held.end()

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        working = GaugeMetricFamily("meridian_calls_working", "Calls at work, by class.", labels=["class"])
        waiting = GaugeMetricFamily("meridian_calls_waiting", "Calls that wait for a place, by class.", labels=["class"])
        room = GaugeMetricFamily("meridian_calls_room", "Calls that may work at once now, by class.", labels=["class"])
        shed = CounterMetricFamily("meridian_calls_shed", "Calls refused for want of a place, by class.", labels=["class"])
        for name, gate in self._gates.items():
            working.add_metric([name], gate.working)
            waiting.add_metric([name], gate.waiting)
            room.add_metric([name], gate.room)
            shed.add_metric([name], gate.refused)
        yield from (working, waiting, room, shed)


def _of_rsa(rpc: Rpc) -> tuple[tuple[str, frozenset[int]], ...]:
    """Request fields that may name an algorithm of RSA where work with symmetric keys is the rule, and the numbers of those."""
    names = [field.name for field in rpc.request_class.DESCRIPTOR.fields if field.name.endswith(OF_ALGORITHM)]
    said = [(name, classes_said(rpc, name)) for name in names]
    return tuple((name, frozenset(number for number, kind in kinds.items() if kind == RSA)) for name, kinds in said)
