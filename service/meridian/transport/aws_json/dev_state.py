"""For tests of other people, in `meridian dev` alone: empty the Region.

Source: docs/clients.md, As a local KMS in tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meridian.authentication.aws_signature import AwsSignatures, SignedRequest
from meridian.domain.call import Principal
from meridian.errors import KmsError, SerializationException
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents

PATH: Final = "/_meridian/dev/state"
EmptyRegion = Callable[[Principal, str], Awaitable[None]]
"""Empties the Region for this caller at this address. Raises: KmsError, and then nothing has changed."""


def dev_state_route(signatures: AwsSignatures, clock: Clock, events: SecurityEvents, empty: EmptyRegion) -> Route:
    """`DELETE /_meridian/dev/state`, signed by any access key: everything that callers made is gone when the answer comes."""

    async def answer(request: Request) -> Response:
        address = request.client.host if request.client is not None else ""
        try:
            try:
                principal = signatures.authenticate(_signed(request), clock.now())
            except KmsError as fault:
                events.report(SecurityEvent.AUTHENTICATION_FAILED, subject=address, reason=fault.reason or fault.code)
                raise
            await empty(principal, address)
        except KmsError as fault:
            return Response(orjson.dumps({"__type": fault.code, "message": fault.message}), 403)
        return Response(status_code=204)

    return Route(PATH, answer, methods=["DELETE"])


def _signed(request: Request) -> SignedRequest:
    """The request as it was signed: without a body, and no header twice. Raises: SerializationException."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw]
    headers = dict(pairs)
    if len(headers) != len(pairs) or headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise SerializationException("The request has a body, or a header twice.")
    return SignedRequest(request.method, request.url.path, request.url.query, headers, b"")
