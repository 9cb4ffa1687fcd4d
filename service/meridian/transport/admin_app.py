"""The admin listener: liveness, readiness and metrics, without credentials. Nothing else is ever served here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST

from meridian.domain.request_head import RequestHead
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.faults import RefusedRequest

TEXT: Final = "text/plain; charset=utf-8"
METHODS: Final = ("GET", "HEAD")
Place = Callable[[], Awaitable[Answer]]
Reasons = Callable[[], list[str]]
"""A line for each reason; none where all is well."""


class MetricsSource(Protocol):
    """Where the text of `/metrics` comes from."""

    async def read(self) -> bytes:
        """Prometheus text, as of now or a moment ago."""
        ...


class AdminApp:
    """`/livez`: the event loop turns and the supervisor looks, or the reasons why not. `/readyz`: a call would work now, or the reasons
    why not. `/metrics`: Prometheus text."""

    def __init__(self, metrics: MetricsSource, troubles: Reasons, deaths: Reasons) -> None:
        self._text = metrics
        self._places: dict[str, Place] = {
            "/livez": partial(_well, deaths),
            "/readyz": partial(_well, troubles),
            "/metrics": self._metrics,
        }

    def begin(self, head: RequestHead) -> Exchange:
        """Only reading is served; no body is wanted."""
        place = self._places.get(head.path, self._nothing)
        return Exchange(False, partial(_answer, place if head.method in METHODS else self._not_allowed))

    def refuse(self, refused: RefusedRequest) -> Answer:
        """A sentence in plain text."""
        return Answer(refused.fault.status, TEXT, f"{refused.sentence}\n".encode())

    async def _metrics(self) -> Answer:
        return Answer(200, CONTENT_TYPE_LATEST, await self._text.read())

    async def _nothing(self) -> Answer:
        return Answer(404, TEXT, b"not found\n")

    async def _not_allowed(self) -> Answer:
        return Answer(405, TEXT, b"only GET and HEAD\n", (("Allow", ", ".join(METHODS)),))


async def _well(reasons: Reasons) -> Answer:
    lines = reasons()
    return Answer(503, TEXT, "\n".join([*lines, ""]).encode()) if lines else Answer(200, TEXT, b"ok\n")


async def _answer(place: Place, _body: bytes, _known: Known) -> Answer:
    return await place()
