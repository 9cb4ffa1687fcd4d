"""What is part of what: spans of requests, and of what was asked of others for them."""

from __future__ import annotations

import asyncio

import pytest

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.traces import RecordedTraces, Untraced
from meridian.domain.trace_context import read_traceparent
from meridian.errors import AccessDeniedException, KMSInternalException
from meridian.ports.traces import Attributes, Span, SpanKind

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOLD: Attributes = [("a", "b")]


def traces(kept: list[Span], ratio: float = 1.0) -> RecordedTraces:
    return RecordedTraces(kept.append, SystemClock(), OsEntropy(), ratio)


def test_a_request_is_part_of_its_callers_trace_and_what_is_asked_for_it_is_part_of_it() -> None:
    kept: list[Span] = []
    made = traces(kept)
    with made.serving("Encrypt", CALLER, lambda: TOLD), made.asking("peer", TOLD) as asking:
        sent = read_traceparent(asking.traceparent)
    inner, outer = kept
    assert (outer.name, outer.kind, outer.outcome, outer.is_fault, outer.attributes) == ("Encrypt", SpanKind.SERVER, "ok", False, TOLD)
    assert (outer.context.trace_id.hex(), outer.parent_id.hex()) == (CALLER[3:35], CALLER[36:52])
    assert (inner.kind, inner.parent_id, inner.context) == (SpanKind.CLIENT, outer.context.span_id, sent)
    assert inner.context.trace_id == outer.context.trace_id
    assert outer.seconds >= inner.seconds >= 0
    with made.asking("alone", ()):
        pass
    assert kept[2].parent_id == b"", "what was under way has ended"


def test_what_leaves_it_is_its_outcome() -> None:
    kept: list[Span] = []
    made = traces(kept)
    for fault in (AccessDeniedException("no"), KMSInternalException(reason="x"), ValueError("secret"), asyncio.CancelledError()):
        with pytest.raises(type(fault)), made.serving("Encrypt", "", lambda: TOLD):
            raise fault
    with made.asking("proxy", ()) as asking:
        asking.end_as("timed out")
    assert [(span.outcome, span.is_fault) for span in kept] == [
        ("AccessDeniedException", False),
        ("KMSInternalException", True),
        ("ValueError", True),
        ("CancelledError", True),
        ("timed out", True),
    ]


def test_what_its_caller_does_not_keep_is_not_kept_and_says_so_to_others() -> None:
    kept: list[Span] = []
    made = traces(kept)
    with made.serving("Encrypt", CALLER[:-1] + "0", lambda: TOLD), made.asking("peer", ()) as asking:
        assert asking.traceparent.startswith(CALLER[:35])
        assert asking.traceparent.endswith("-00")
    assert kept == []


@pytest.mark.parametrize(("ratio", "least", "most"), [(0.0, 0, 0), (0.5, 400, 600), (1.0, 1000, 1000)])
def test_what_nobody_decided_is_kept_by_the_ratio(ratio: float, least: int, most: int) -> None:
    kept: list[Span] = []
    made = traces(kept, ratio)
    for _ in range(1000):
        with made.serving("Encrypt", "no traceparent", lambda: TOLD):
            pass
    assert least <= len(kept) <= most
    assert len({span.context.trace_id for span in kept}) == len(kept)
    with made.serving("Encrypt", CALLER, lambda: TOLD):
        pass
    assert kept[-1].context.trace_id.hex() == CALLER[3:35], "its caller decided"


def test_requests_beside_each_other_are_not_part_of_each_other() -> None:
    kept: list[Span] = []
    made = traces(kept)

    async def one(name: str) -> None:
        with made.serving(name, "", lambda: TOLD):
            await asyncio.sleep(0)
            with made.asking(f"for {name}", ()):
                await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(both())
    by_name = {span.name: span for span in kept}
    for name in ("a", "b"):
        assert by_name[f"for {name}"].parent_id == by_name[name].context.span_id


def test_without_traces_nothing_is_sent_on() -> None:
    with Untraced().serving("Encrypt", CALLER, lambda: TOLD), Untraced().asking("peer", ()) as asking:
        asking.end_as("refused")
        assert asking.traceparent == ""
