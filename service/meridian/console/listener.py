"""Between the HTTP listener and the pages, which speak ASGI: a request's head is judged before its body is read, and an answer goes out
whole, with its security headers.

Source: ASGI specification 3.0, HTTP connection scope.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlencode

from meridian.console.arrival import Arrival, Visitor
from meridian.console.provenance import TLS, Provenance
from meridian.console.security_headers import ALWAYS, OF_PAGES, OVER_TLS
from meridian.console.visitors import Visitors
from meridian.domain.request_head import RequestHead
from meridian.errors import KmsError
from meridian.ports.clock import Clock
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.faults import RefusedRequest

ARRIVAL: Final = "meridian.arrival"
"""Where the scope has it."""
TEXT: Final = "text/plain; charset=utf-8"
Message = MutableMapping[str, Any]
App = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class ConsoleListener:
    """What the console's HTTP listener asks."""

    def __init__(self, app: App, visitors: Visitors, is_open: Callable[[str], bool], clock: Clock, *, origin: str) -> None:
        """`is_open`: whether everybody may see what is at a path. `origin`: where browsers find the console."""
        self._app = app
        self._visitors = visitors
        self._is_open = is_open
        self._clock = clock
        self._provenance = Provenance(origin)
        self._scheme = origin.partition(":")[0]
        self._headers = (*ALWAYS, *(OVER_TLS if origin.startswith(TLS) else ()))

    def begin(self, head: RequestHead) -> Exchange:
        """Whose request it is. The body of nobody's is not kept, and one that is not for this console or not of it is judged no further."""
        stray = self._provenance.fault_of(head)
        if stray is not None:
            return Exchange(False, partial(self._send_off, stray.status, stray.sentence))
        at, started = self._clock.now(), self._clock.monotonic()
        visitor: Visitor | None = None
        refusal: KmsError | None = None
        if not self._is_open(head.path):
            try:
                visitor = self._visitors.visitor_of(head, at)
            except KmsError as error:
                refusal = error
        arrived = partial(Arrival, head, at, started, visitor, refusal)
        return Exchange(visitor is not None, partial(self._answer, arrived))

    def refuse(self, refused: RefusedRequest) -> Answer:
        """A sentence in plain text."""
        return self._plain(refused.fault.status, refused.sentence)

    async def _send_off(self, status: int, sentence: str, body: bytes, known: Known) -> Answer:  # noqa: ARG002 - as `Exchange` has it
        return self._plain(status, sentence)

    def _plain(self, status: int, sentence: str) -> Answer:
        return Answer(status, TEXT, f"{sentence}\n".encode(), (*OF_PAGES, *self._headers))

    async def _answer(self, arrived: Callable[[bytes], Arrival], body: bytes, known: Known) -> Answer:
        arrival = arrived(body)
        if arrival.visitor is not None:
            known(arrival.visitor.principal.arn)
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(_scope(arrival, self._scheme), receive, send)
        return self._whole(sent)

    def _whole(self, sent: list[Message]) -> Answer:
        start = sent[0]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        kind = next((value for name, value in headers if name == "content-type"), TEXT)
        rest = tuple(each for each in headers if each[0] not in ("content-type", "content-length"))
        if "cache-control" not in dict(rest):
            rest = (*rest, *OF_PAGES)
        return Answer(start["status"], kind, b"".join(each.get("body", b"") for each in sent[1:]), (*rest, *self._headers))


def _scope(arrival: Arrival, scheme: str) -> Mapping[str, Any]:
    head = arrival.head
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": scheme,
        "path": unquote(head.path),
        "raw_path": head.path.encode(),
        "query_string": urlencode(head.query).encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.headers.items()],
        "client": (head.address, 0),
        "server": None,
        ARRIVAL: arrival,
    }
