"""Every call runs under its deadline: the caller's, or the one that counts where he says none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.call import Call, Evidence
from meridian.contract.catalog import Rpc, served_rpcs
from meridian.domain.limits import Limits
from meridian.transport.call_edge import CallEdge
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.grpc_interceptor import CallInterceptor
from meridian.transport.under_way import CallsUnderWay

DEADLINE_SECONDS = 0.02
PATIENCE_SECONDS = 20.0


class Aborted(Exception):
    """What a context raises that was told to end the call."""


class Context:
    """A gRPC context with this much time left."""

    def __init__(self, remaining: float | None) -> None:
        self._remaining = remaining
        self.code = ""

    def time_remaining(self) -> float | None:
        return self._remaining

    def set_trailing_metadata(self, metadata: Any) -> None: ...

    async def abort(self, code: Any, details: str, metadata: Any) -> None:
        self.code = code.name
        raise Aborted


class KnownCallers(CallInterceptor):
    """Whose calls have arrived and are their caller's."""

    async def _known_call(self, rpc: Rpc, context: Any, request_id: str, started: float) -> Call:
        return Call(rpc, rpc.request_class(), Evidence(), request_id, SystemClock().now())


def known_callers(limits: Limits, under_way: CallsUnderWay) -> KnownCallers:
    nobody: Any = None
    clock, events = SystemClock(), ReportedEvents()
    around = EdgeSurroundings(clock, OsEntropy(), limits, unauthenticated=nobody, events=events, under_way=under_way)
    edge = CallEdge(around, identify=nobody, note_caller=nobody)
    return KnownCallers({}, edge, clock, OsEntropy(), events)


async def hang(call: Call) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("remaining", [DEADLINE_SECONDS, None], ids=["the caller's", "none said"])
@pytest.mark.parametrize("rpc", served_rpcs().values(), ids=lambda rpc: rpc.name)
def test_a_call_that_hangs_ends_with_its_deadline(rpc: Rpc, remaining: float | None) -> None:
    limits = Limits(deadline_seconds_default=PATIENCE_SECONDS if remaining else DEADLINE_SECONDS)
    edge = known_callers(limits, CallsUnderWay())._edge(rpc, hang)

    async def story() -> None:
        context = Context(remaining)
        async with asyncio.timeout(PATIENCE_SECONDS) as patience:
            with pytest.raises(Aborted):
                await edge(None, context)
        assert not patience.expired()
        assert context.code == ("DEADLINE_EXCEEDED" if remaining else "UNAVAILABLE")

    asyncio.run(story())


def test_what_takes_longer_than_the_drain_is_refused_as_repeatable() -> None:
    under_way = CallsUnderWay()
    edge = known_callers(Limits(), under_way)._edge(served_rpcs()["CreateKey"], hang)

    async def story() -> None:
        context = Context(None)
        asyncio.get_running_loop().call_later(DEADLINE_SECONDS, under_way.cut_all)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(Aborted):
                await edge(None, context)
        assert context.code == "UNAVAILABLE"
        assert not under_way.open

    asyncio.run(story())
