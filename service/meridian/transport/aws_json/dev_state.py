"""For tests of other people, in `meridian dev` alone: empty the Region.

Source: docs/clients.md, As a local KMS in tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def dev_state_route(empty: Callable[[], Awaitable[None]]) -> Route:
    """`DELETE /_meridian/dev/state`: everything that callers made is gone when the answer comes."""

    async def answer(request: Request) -> Response:
        await empty()
        return Response(status_code=204)

    return Route("/_meridian/dev/state", answer, methods=["DELETE"])
