"""For tests of other people, in `meridian dev` alone: empty the Region.

Source: docs/clients.md, As a local KMS in tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from meridian.domain.request_head import RequestHead
from meridian.transport.http1.application import Answer, Application, Exchange
from meridian.transport.http1.faults import RefusedRequest

PATH: Final = "/_meridian/dev/state"


class WithDevState:
    """The AWS wire, and `DELETE /_meridian/dev/state`: everything that callers made is gone when the answer comes."""

    def __init__(self, wire: Application, empty: Callable[[], Awaitable[None]]) -> None:
        self._wire = wire
        self._empty = empty

    def begin(self, head: RequestHead) -> Exchange:
        """Emptying, or what the wire does."""
        is_emptying = (head.method, head.path) == ("DELETE", PATH)
        return Exchange(False, self._answer) if is_emptying else self._wire.begin(head)

    def refuse(self, refused: RefusedRequest) -> Answer:
        """As the wire refuses."""
        return self._wire.refuse(refused)

    async def _answer(self, _body: bytes) -> Answer:
        await self._empty()
        return Answer(204, "text/plain", b"")
