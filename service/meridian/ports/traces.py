"""Where spans of traces go: no call waits for it, and what is not taken is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple, Protocol

from meridian.domain.trace_context import TraceContext

Attributes = Sequence[tuple[str, str]]


class SpanKind(Enum):
    """Which end of a request a span is."""

    SERVER = auto()
    CLIENT = auto()


class Span(NamedTuple):
    """Work that has ended."""

    name: str
    kind: SpanKind
    context: TraceContext
    parent_id: bytes
    """Of the span that it is part of; empty where it began the trace."""
    began: datetime
    seconds: float
    outcome: str
    """`ok`, or the name of the error."""
    is_fault: bool
    """The service could not do what it should."""
    attributes: Attributes


class Asking(Protocol):
    """A request to somebody else, while it is under way."""

    @property
    def traceparent(self) -> str:
        """The header that goes with it; empty for none."""
        ...

    def end_as(self, outcome: str) -> None:
        """What became of it, where that is no error of the contract."""


class Traces(Protocol):
    """What is under way becomes spans. An error that leaves the `with` is the outcome of its span."""

    @property
    def are_kept(self) -> bool:
        """Whether anybody asks for traces; where nobody does, nothing need be told."""
        ...

    def serving(self, name: str, traceparent: str, tell: Callable[[], Attributes]) -> AbstractContextManager[None]:
        """Around what answers a request: part of what is under way here, else of the caller's `traceparent`, else a trace of its own.

        `tell` is asked at the end, and only where the span is kept.
        """
        ...

    def asking(self, name: str, attributes: Attributes) -> AbstractContextManager[Asking]:
        """Around a request to somebody else: part of what is under way here, else a trace of its own."""
        ...


class SpanReceiver(Protocol):
    """The other end. For one thread at a time, but for `close`."""

    def send(self, spans: Sequence[Span]) -> int:
        """How many of them were taken. Blocks, for a bounded time. Raises: SinkFaultError; then none counts as taken."""
        ...

    def close(self) -> None:
        """Give up what is under way; `send` then fails. May be called from any thread."""
        ...
