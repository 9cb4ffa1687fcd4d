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
from meridian.console.security_headers import ALWAYS, OVER_TLS
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

    def __init__(self, app: App, visitors: Visitors, open_places: tuple[str, ...], clock: Clock, *, is_secure: bool) -> None:
        """`open_places`: beginnings of paths that everybody may see."""
        self._app = app
        self._visitors = visitors
        self._open_places = open_places
        self._clock = clock
        self._headers = (*ALWAYS, *(OVER_TLS if is_secure else ()))

    def begin(self, head: RequestHead) -> Exchange:
        """Whose request it is. The body of nobody's is not kept."""
        at, started = self._clock.now(), self._clock.monotonic()
        visitor: Visitor | None = None
        refusal: KmsError | None = None
        if not head.path.startswith(self._open_places):
            try:
                visitor = self._visitors.visitor_of(head, at)
            except KmsError as error:
                refusal = error
        arrived = partial(Arrival, head, at, started, visitor, refusal)
        return Exchange(visitor is not None, partial(self._answer, arrived))

    def refuse(self, refused: RefusedRequest) -> Answer:
        """A sentence in plain text."""
        return Answer(refused.fault.status, TEXT, f"{refused.sentence}\n".encode(), self._headers)

    async def _answer(self, arrived: Callable[[bytes, Known], Arrival], body: bytes, known: Known) -> Answer:
        arrival = arrived(body, known)
        if arrival.visitor is not None:
            known()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(_scope(arrival), receive, send)
        return self._whole(sent)

    def _whole(self, sent: list[Message]) -> Answer:
        start = sent[0]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        kind = next((value for name, value in headers if name == "content-type"), TEXT)
        rest = tuple(each for each in headers if each[0] not in ("content-type", "content-length"))
        return Answer(start["status"], kind, b"".join(each.get("body", b"") for each in sent[1:]), (*rest, *self._headers))


def _scope(arrival: Arrival) -> Mapping[str, Any]:
    head = arrival.head
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": "http",
        "path": unquote(head.path),
        "raw_path": head.path.encode(),
        "query_string": urlencode(head.query).encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.headers.items()],
        "client": (head.address, 0),
        "server": None,
        ARRIVAL: arrival,
    }
