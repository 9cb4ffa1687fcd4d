"""The AWS wire: `POST /` with the operation in X-Amz-Target, the same walk of the pipeline behind it.

Source: Smithy, AWS JSON 1.1 protocol; AWS KMS API Reference, Common errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meridian import errors as e
from meridian.authentication.aws_signature import SignedRequest
from meridian.catalog import Rpc
from meridian.domain.call import Call, Evidence
from meridian.domain.limits import Limits
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.transport.aws_json import codec
from meridian.transport.aws_json.key_policies import shown_as_aws
from meridian.transport.grpc_interceptor import Identify, Walk

TARGET_PREFIX: Final = "TrentService."
CONTENT_TYPE: Final = "application/x-amz-json-1.1"
SERVER_FAULTS: Final = (e.KeyUnavailableException, e.DependencyTimeoutException, e.KMSInternalException)
"""THE table of errors that are HTTP 500 and may be retried; all others are 400."""


class AwsWire:
    """One endpoint for all operations."""

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        walk: Walk,
        clock: Clock,
        entropy: Entropy,
        *,
        limits: Limits,
        is_secure: bool,
        identify: Identify,
        unauthenticated: Unauthenticated,
    ) -> None:
        self._identify = identify
        self._unauthenticated = unauthenticated
        self._rpcs = {rpc.operation: rpc for rpc in rpcs.values()}
        self._walk = walk
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._is_secure = is_secure

    async def answer(self, request: Request) -> Response:
        """The HTTP answer to one request, whatever it is."""
        request_id = self._entropy.uuid()
        try:
            body = await self._body(request)
            rpc = self._rpc(request)
        except e.KmsError as error:
            return self._error(error, request_id)
        evidence, received_at, started = self._evidence(request, body), self._clock.now(), self._clock.monotonic()
        try:
            principal = self._identify(evidence, received_at)
        except e.KmsError as error:
            await self._unauthenticated.refuse(error, operation=rpc.name, evidence=evidence, request_id=request_id, started=started)
            return self._error(error, request_id)
        call = self._call(rpc, evidence, body, request_id, received_at)
        call.principal, call.started = principal, started
        try:
            async with asyncio.timeout(self._limits.deadline_seconds_default):
                answer = await self._walk(call)
        except e.KmsError as error:
            return self._error(error, request_id)
        return self._response(200, codec.write(shown_as_aws(answer, call)), request_id)

    async def _body(self, request: Request) -> bytes:
        received = bytearray()
        async for chunk in request.stream():
            received += chunk
            if len(received) > self._limits.request_bytes:
                raise e.SerializationException("The request is too large.")
        return bytes(received)

    def _rpc(self, request: Request) -> Rpc:
        target = request.headers.get("x-amz-target", "")
        rpc = self._rpcs.get(target.removeprefix(TARGET_PREFIX)) if target.startswith(TARGET_PREFIX) else None
        if rpc is None:
            raise e.UnknownOperationException("")
        return rpc

    def _evidence(self, request: Request, body: bytes) -> Evidence:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
        return Evidence(
            headers=headers,
            source_ip=request.client.host if request.client is not None else "127.0.0.1",
            secure_transport=self._is_secure,
            user_agent=headers.get("user-agent", ""),
            signed_request=SignedRequest(request.method, request.url.path, request.url.query, headers, body),
        )

    def _call(self, rpc: Rpc, evidence: Evidence, body: bytes, request_id: str, received_at: datetime) -> Call:
        refusal = None
        try:
            message = codec.read(body, rpc.request_class)
        except e.KmsError as fault:
            message, refusal = rpc.request_class(), fault
        call = Call(rpc, message, evidence, request_id, received_at)
        call.refusal = refusal
        return call

    def _error(self, error: e.KmsError, request_id: str) -> Response:
        status = 500 if isinstance(error, SERVER_FAULTS) else 400
        return self._response(status, codec.as_json({"__type": error.code, "message": error.message}), request_id)

    def _response(self, status: int, body: bytes, request_id: str) -> Response:
        headers = {"x-amzn-RequestId": request_id, "Date": format_datetime(self._clock.now(), usegmt=True)}
        return Response(body, status_code=status, headers=headers, media_type=CONTENT_TYPE)


def aws_app(wire: AwsWire, extra: list[Route] | None = None) -> Starlette:
    """The listener's application."""
    return Starlette(routes=[Route("/", wire.answer, methods=["POST"]), *(extra or [])])
