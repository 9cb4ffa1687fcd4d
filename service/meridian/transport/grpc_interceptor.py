"""The edge of the gRPC transport: who calls, then bytes become a Call, and a KmsError becomes a status, in one place.

Each handler is wrapped once. It is wrapped as one that reads its messages itself, because a handler of a single message is called
after gRPC has read it: here the connection and the metadata say who calls before that. What is inside takes a Call; nothing beyond
this file knows a gRPC context.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status

from meridian.call import Call, Evidence
from meridian.contract.call_times import seconds_of
from meridian.contract.catalog import Rpc
from meridian.domain.addresses import network_of
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.errors import CUTS, Cut, KmsError, KMSInternalException, ThrottlingException
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.error_table import status_of
from meridian.transport.grpc_evidence import evidence_of
from meridian.transport.under_way import CallsUnderWay, CallTime
from meridian.transport.unread_messages import UnreadMessages

REQUEST_ID: Final = "x-amzn-requestid"

Walk = Callable[[Call], Awaitable[Any]]
Identify = Callable[[Evidence, datetime], Principal]
NoteCaller = Callable[[str, str], None]
"""Takes the ARN of a known caller, and the far end of his connection as gRPC writes it."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of the KMS services."""

    def __init__(
        self,
        rpcs_by_path: dict[str, Rpc],
        clock: Clock,
        entropy: Entropy,
        limits: Limits,
        *,
        identify: Identify,
        unauthenticated: Unauthenticated,
        events: SecurityEvents,
        under_way: CallsUnderWay,
        note_caller: NoteCaller,
    ) -> None:
        self._note_caller = note_caller
        self._limits = limits
        self._under_way = under_way
        self._rpcs = rpcs_by_path
        self._clock = clock
        self._entropy = entropy
        self._identify = identify
        self._unauthenticated = unauthenticated
        self._events = events
        self._unread = UnreadMessages(limits.deadline_seconds_default)
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

    async def _refuse_unknown(self, _messages: Any, context: Any) -> NoReturn:
        """What gRPC answers by itself where there is no method, and told of: nothing of the call is read."""
        self._events.report(SecurityEvent.UNKNOWN_OPERATION, subject=network_of(evidence_of(context).source_ip))
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        raise AssertionError("abort returned")

    def _edge(self, rpc: Rpc, walk: Walk) -> Callable[[Any, Any], Awaitable[bytes]]:
        async def edge(_messages: Any, context: Any) -> bytes:
            started = self._clock.monotonic()
            request_id = self._entropy.uuid()
            try:
                call = await self._known_call(rpc, context, request_id, started)
                with self._time_of(call, context):
                    answer = await walk(call)
                context.set_trailing_metadata(((REQUEST_ID, request_id),))
                return bytes(answer.SerializeToString())
            except KmsError as error:
                failure = error
            except BaseException as fault:
                failure = self._refusal_of(fault, rpc)
            return await _abort(context, failure, request_id)

        return edge

    async def _known_call(self, rpc: Rpc, context: Any, request_id: str, started: float) -> Call:
        """The call, its caller known and only then its message read. Raises: KmsError, TimeoutError, asyncio.CancelledError."""
        evidence, received_at = evidence_of(context), self._clock.now()
        try:
            principal = self._identify(evidence, received_at)
        except KmsError as error:
            await self._unauthenticated.refuse(error, operation=rpc.name, evidence=evidence, request_id=request_id, started=started)
            raise
        self._note_caller(principal.arn, context.peer())
        request, malformed = _read(rpc.request_class, await self._message(rpc, context, principal))
        call = Call(rpc, request, evidence, request_id, received_at)
        call.principal = principal
        call.malformed = malformed
        call.started = started
        return call

    async def _message(self, rpc: Rpc, context: Any, principal: Principal) -> Any:
        try:
            return await self._unread.read(context, principal.arn)
        except ThrottlingException as refusal:
            self._events.report(SecurityEvent.CALLS_SHED, subject=principal.arn, operation=rpc.name, code=refusal.code)
            raise

    def _time_of(self, call: Call, context: Any) -> CallTime:
        """What the call may take: what its caller says, what its kind of work has where he says nothing, thirty seconds at most."""
        remaining, most = context.time_remaining(), self._limits.deadline_seconds_max
        if remaining is not None and remaining <= most:
            return self._under_way.within(call, remaining, Cut.CALLER_DEADLINE)
        given = most if remaining is not None else seconds_of(call.rpc.name, call.rpc.work, self._limits.deadline_seconds_default)
        return self._under_way.within(call, min(given, most), Cut.SERVICE_BOUND)

    def _refusal_of(self, fault: BaseException, rpc: Rpc) -> KmsError:
        """Whatever else leaves the walk, a caller who still waits gets a status."""
        if isinstance(fault, TimeoutError):
            return CUTS[Cut.SERVICE_BOUND]()
        if isinstance(fault, asyncio.CancelledError):
            return CUTS[Cut.CALLER_LEFT]()
        self._events.report_fault(fault, during=rpc.name)
        return KMSInternalException(reason=type(fault).__name__)


async def _abort(context: Any, failure: KmsError, request_id: str) -> NoReturn:
    context.set_trailing_metadata(((REQUEST_ID, request_id),))
    status = rpc_status.to_status(status_of(failure, request_id))
    await context.abort(status.code, status.details, ((REQUEST_ID, request_id), *status.trailing_metadata))
    raise AssertionError("abort returned")


def _read(message: type[Message], data: Any) -> tuple[Message, bool]:
    """The message of these bytes, and whether they are none. A call that ends without a message has gRPC's EOF for it."""
    if not isinstance(data, bytes):
        return message(), True
    try:
        return message.FromString(data), False
    except DecodeError:
        return message(), True
