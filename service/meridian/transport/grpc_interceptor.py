"""The edge of grpcio: its contexts become what `transport/call_edge.py` knows, and a KmsError becomes a status, in one place.

Each handler is wrapped once. It is wrapped as one that reads its messages itself, because a handler of a single message is called
after gRPC has read it: here the connection and the metadata say who calls before that. What is inside takes a Call; nothing beyond
this file knows a gRPC context.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.domain.addresses import network_of
from meridian.errors import KmsError
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.call_edge import REQUEST_ID, CallEdge, Walk
from meridian.transport.error_table import sent_status
from meridian.transport.grpc_evidence import evidence_of
from meridian.transport.under_way import CallTime

CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
DETAILS: Final = "grpc-status-details-bin"


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of the KMS services."""

    def __init__(
        self,
        rpcs_by_path: dict[str, Rpc],
        edge: CallEdge,
        clock: Clock,
        entropy: Entropy,
        events: SecurityEvents,
    ) -> None:
        self._call_edge = edge
        self._rpcs = rpcs_by_path
        self._clock = clock
        self._entropy = entropy
        self._events = events
        self._wrapped: dict[str, Any] = {}
        self._unknown: Any = grpc.stream_unary_rpc_method_handler(self._refuse_unknown)

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        path: str = handler_call_details.method
        known = self._wrapped.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        rpc = self._rpcs.get(path)
        if handler is None:
            return self._unknown
        if rpc is None:
            return handler
        wrapped: Any = grpc.stream_unary_rpc_method_handler(self._edge(rpc, handler.unary_unary))
        self._wrapped[path] = wrapped
        return wrapped

    async def _refuse_unknown(self, messages: Any, context: Any) -> bytes:
        """What gRPC answers by itself where there is no method, and told of: nothing of the call is read."""
        self._events.report(SecurityEvent.UNKNOWN_OPERATION, subject=network_of(evidence_of(context).source_ip))
        ending = context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        del messages, context
        return bytes(await ending)

    def _edge(self, rpc: Rpc, walk: Walk) -> Callable[[Any, Any], Awaitable[bytes]]:
        async def edge(messages: Any, context: Any) -> bytes:
            request_id = self._entropy.uuid()
            answer = await self._answer(rpc, walk, context, request_id)
            if not isinstance(answer, KmsError):
                return answer
            ending = _abort(context, answer, request_id)
            del messages, context
            return bytes(await ending)

        return edge

    async def _answer(self, rpc: Rpc, walk: Walk, context: Any, request_id: str) -> bytes | KmsError:
        """The answer, or why there is none."""
        started = self._clock.monotonic()
        try:
            call = await self._known_call(rpc, context, request_id, started)
            with self._time_of(call, context):
                answer = await walk(call)
            context.set_trailing_metadata(((REQUEST_ID, request_id),))
            return bytes(answer.SerializeToString())
        except KmsError as error:
            return error.without_frames()
        except BaseException as fault:
            return self._call_edge.refusal_of(fault, rpc)

    async def _known_call(self, rpc: Rpc, context: Any, request_id: str, started: float) -> Call:
        """The call, its caller known and only then its message read. Raises: KmsError, TimeoutError, asyncio.CancelledError."""
        return await self._call_edge.known_call(rpc, evidence_of(context), context.peer(), context, request_id, started)

    def _time_of(self, call: Call, context: Any) -> CallTime:
        return self._call_edge.time_of(call, context.time_remaining())


def _abort(context: Any, failure: KmsError, request_id: str) -> Awaitable[Any]:
    """Ends the call with a status, and no message of its answer; awaited, it raises what gRPC wants to see. The context keeps that, and
    that keeps the frame in which it was raised: if the frame had the context, both would stay until a collector comes by."""
    status = sent_status(failure, request_id)
    ending: Awaitable[Any] = context.abort(CODES[status.code], status.message, ((REQUEST_ID, request_id), (DETAILS, status.details)))
    return ending
