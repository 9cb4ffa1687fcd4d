"""Batches before a walk that tests hold up, for tests of how their items begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock
from tests.unit.pipeline.test_entrance import CORES, FLOOD

from meridian.adapters.traces import Untraced
from meridian.call import Call, Evidence
from meridian.contract.batches import batch_of
from meridian.contract.catalog import served_rpcs
from meridian.domain.gates import GateName
from meridian.domain.principal import Principal
from meridian.errors import CUTS, AccessDeniedException, KmsError
from meridian.pipeline.alike import Turn
from meridian.pipeline.batches import Batches
from meridian.pipeline.call_spans import CallSpans
from meridian.pipeline.entrance import CallWalks, Entrance, Seen
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle
from meridian.pipeline.validate import Validate

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
    """Stands for the walk of single calls and for the audit log: an item is worked on, and its place keeps its record."""

    def __init__(self) -> None:
        self.begun: list[Call] = []
        self.written: list[list[int]] = []
        """Items whose records were given to the log together."""
        self.slow: dict[str, asyncio.Event] = {}
        """Items that wait for something, by the name of their key."""
        self.taken_over: list[bool] = []
        """Of each item that did not wait, whether another before it had asked for the same."""
        self.during: Callable[[], None] = lambda: None
        """What happens while an item is worked on."""
        self.fault: KmsError | None = None
        """What the log answers."""
        self.disk: asyncio.Event | None = None
        """What the log waits for."""

    async def walk(self, call: Call) -> Any:
        assert call.item is not None or not served_rpcs()[call.rpc.name].requires
        if call.item is None:
            Validate()(call)
        request: Any = call.request
        name = str(request.key_id)
        self.begun.append(call)
        self.during()
        try:
            if name in self.slow:
                if name.startswith("outside"):
                    await call.wait_outside(call)
                assert call.item is not None
                await call.item.apart()
                await self.slow[name].wait()
        except asyncio.CancelledError:
            raise CUTS[call.why_cut()]() from None
        if name == "denied":
            raise AccessDeniedException("no")
        assert call.item is not None
        if name not in self.slow:
            self.taken_over.append(call.item.takes_over(call))
            call.item.decided(call)
        call.item.keep({"index": call.item.index})
        return name

    async def close(self, items: Sequence[tuple[Call, dict[str, Any]]]) -> KmsError | None:
        self.written.append([record["index"] for _, record in items])
        try:
            await (asyncio.sleep(0) if self.disk is None else self.disk.wait())
        except asyncio.CancelledError:
            return CUTS[items[0][0].why_cut()]()
        return self.fault


UNTRACED = CallSpans(Untraced(), ())


class Stage:
    def __init__(self, rates: dict[str, float]) -> None:
        self.clock, self.events, self.registry = SteppedClock(100.0), ReportedEvents(), CollectorRegistry()
        self.log = Log()
        telemetry = Telemetry(self.clock, self.registry)
        self.entrance = Entrance(
            steps=(Throttle(self.clock, rates, served_rpcs()),),
            walks=CallWalks(self.log.walk, self.log.walk),
            rpcs=served_rpcs(),
            cores=CORES,
            seen=Seen(telemetry, UNTRACED, self.events),
            clock=self.clock,
        )
        self.registry.register(self.entrance)
        self.batches = Batches(
            self.entrance, lambda: Turn(lambda _: None), self.log.close, telemetry=telemetry, spans=UNTRACED, events=self.events
        )

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
