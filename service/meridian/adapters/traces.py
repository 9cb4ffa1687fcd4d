"""What is under way, as spans: each knows what it is part of by the context of its task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from typing import Final, NamedTuple

from meridian.domain.trace_context import SPAN_ID_BYTES, TRACE_ID_BYTES, TraceContext, read_traceparent
from meridian.errors import SERVER_FAULTS, KmsError
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.traces import Asking, Attributes, Span, SpanKind

OK: Final = "ok"
_UNDER_WAY: ContextVar[TraceContext | None] = ContextVar("span under way", default=None)


class _Request:
    """Implements `ports.traces.Asking`."""

    __slots__ = ("outcome", "traceparent")

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent
        self.outcome = ""

    def end_as(self, outcome: str) -> None:
        self.outcome = outcome


class _Begun(NamedTuple):
    context: TraceContext
    parent_id: bytes
    began: datetime
    started: float


class Untraced:
    """Implements `ports.traces.Traces` where nobody asks for traces."""

    are_kept = False

    def __init__(self) -> None:
        self._serving: AbstractContextManager[None] = nullcontext()
        self._asking: AbstractContextManager[Asking] = nullcontext(_Request(""))

    def serving(self, _name: str, _traceparent: str, _tell: Callable[[], Attributes]) -> AbstractContextManager[None]:
        return self._serving

    def asking(self, _name: str, _attributes: Attributes) -> AbstractContextManager[Asking]:
        return self._asking


class RecordedTraces:
    """Implements `ports.traces.Traces`. What the caller decided of his trace counts; of others `sample_ratio` are kept, from 0 to 1."""

    are_kept = True

    def __init__(self, take: Callable[[Span], None], clock: Clock, entropy: Entropy, sample_ratio: float) -> None:
        self._take = take
        self._clock = clock
        self._entropy = entropy
        self._kept_below = int(sample_ratio * (1 << (8 * SPAN_ID_BYTES)))

    @contextmanager
    def serving(self, name: str, traceparent: str, tell: Callable[[], Attributes]) -> Iterator[None]:
        begun = self._begin(_UNDER_WAY.get() or read_traceparent(traceparent))
        before = _UNDER_WAY.set(begun.context)
        fault: BaseException | None = None
        try:
            yield
        except BaseException as error:
            fault = error
            raise
        finally:
            _UNDER_WAY.reset(before)
            if begun.context.is_sampled:
                self._end(begun, name, SpanKind.SERVER, _outcome_of(fault), tell())

    @contextmanager
    def asking(self, name: str, attributes: Attributes) -> Iterator[Asking]:
        begun = self._begin(_UNDER_WAY.get())
        request = _Request(begun.context.header())
        fault: BaseException | None = None
        try:
            yield request
        except BaseException as error:
            fault = error
            raise
        finally:
            if begun.context.is_sampled:
                outcome = (request.outcome, True) if request.outcome else _outcome_of(fault)
                self._end(begun, name, SpanKind.CLIENT, outcome, attributes)

    def _begin(self, parent: TraceContext | None) -> _Begun:
        if parent is None:
            ids = self._entropy.random_bytes(TRACE_ID_BYTES + SPAN_ID_BYTES)
            trace_id, span_id = ids[:TRACE_ID_BYTES], ids[TRACE_ID_BYTES:]
            # The last bytes, which every party draws at random. W3C Trace Context Level 2, section 4.
            is_kept = int.from_bytes(trace_id[SPAN_ID_BYTES:]) < self._kept_below
            return _Begun(TraceContext(trace_id, span_id, is_kept), b"", self._clock.now(), self._clock.monotonic())
        context = TraceContext(parent.trace_id, self._entropy.random_bytes(SPAN_ID_BYTES), parent.is_sampled)
        return _Begun(context, parent.span_id, self._clock.now(), self._clock.monotonic())

    def _end(self, begun: _Begun, name: str, kind: SpanKind, outcome: tuple[str, bool], attributes: Attributes) -> None:
        seconds = self._clock.monotonic() - begun.started
        self._take(Span(name, kind, begun.context, begun.parent_id, begun.began, seconds, *outcome, attributes))


def _outcome_of(fault: BaseException | None) -> tuple[str, bool]:
    """The name, and whether the service is at fault."""
    if fault is None:
        return OK, False
    if isinstance(fault, KmsError):
        return fault.code, isinstance(fault, SERVER_FAULTS)
    return type(fault).__name__, True
