"""The edge of every gRPC front: who calls, then bytes become a Call, and whatever leaves its walk becomes a KmsError. What a front is made
of, grpcio or Envoy, is not known here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

from meridian.call import Call, Evidence
from meridian.contract.call_times import seconds_of
from meridian.contract.catalog import Rpc
from meridian.domain.principal import Principal
from meridian.errors import CUTS, Cut, KmsError, KMSInternalException, ThrottlingException
from meridian.ports.security_events import SecurityEvent
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.under_way import CallTime
from meridian.transport.unread_messages import Unread, UnreadMessages

REQUEST_ID: Final = "x-amzn-requestid"
"""Of what every answer says besides."""

Walk = Callable[[Call], Awaitable[Any]]
Identify = Callable[[Evidence, datetime], Principal]
NoteCaller = Callable[[str, str], None]
"""Takes the ARN of a known caller, and the far end of his connection as gRPC writes it."""


class CallEdge:
    """Belongs to one event loop."""

    def __init__(self, around: EdgeSurroundings, *, identify: Identify, note_caller: NoteCaller) -> None:
        self._clock = around.clock
        self._limits = around.limits
        self._identify = identify
        self._unauthenticated = around.unauthenticated
        self._events = around.events
        self._under_way = around.under_way
        self._note_caller = note_caller
        self._unread = UnreadMessages(around.limits.deadline_seconds_default)

    async def known_call(self, rpc: Rpc, evidence: Evidence, peer: str, message: Unread, request_id: str, started: float) -> Call:
        """The call, its caller known and only then its message read. `peer`: the far end, as gRPC writes it.

        Raises: KmsError, TimeoutError, asyncio.CancelledError, and what reading the message raises.
        """
        received_at = self._clock.now()
        try:
            principal = self._identify(evidence, received_at)
        except KmsError as error:
            await self._unauthenticated.refuse(error, operation=rpc.name, evidence=evidence, request_id=request_id, started=started)
            raise
        self._note_caller(principal.arn, peer)
        try:
            data = await self._unread.read(message, principal.arn)
        except ThrottlingException as refusal:
            self._events.report(SecurityEvent.CALLS_SHED, subject=principal.arn, operation=rpc.name, code=refusal.code)
            raise
        request, malformed = _read(rpc.request_class, data)
        call = Call(rpc, request, evidence, request_id, received_at)
        call.principal = principal
        call.malformed = malformed
        call.started = started
        return call

    def time_of(self, call: Call, remaining: float | None) -> CallTime:
        """What the call may take: the seconds that its caller says, what its kind of work has where he says nothing, thirty seconds at
        most."""
        most = self._limits.deadline_seconds_max
        if remaining is not None and remaining <= most:
            return self._under_way.within(call, remaining, Cut.CALLER_DEADLINE)
        given = most if remaining is not None else seconds_of(call.rpc.name, call.rpc.work, self._limits.deadline_seconds_default)
        return self._under_way.within(call, min(given, most), Cut.SERVICE_BOUND)

    def refusal_of(self, fault: BaseException, rpc: Rpc) -> KmsError:
        """Whatever else leaves the walk, a caller who still waits gets a status."""
        if isinstance(fault, TimeoutError):
            return CUTS[Cut.SERVICE_BOUND]()
        if isinstance(fault, asyncio.CancelledError):
            return CUTS[Cut.CALLER_LEFT]()
        self._events.report_fault(fault, during=rpc.name)
        return KMSInternalException(reason=type(fault).__name__)


def _read(message: type[Message], data: Any) -> tuple[Message, bool]:
    """The message of these bytes, and whether they are none. A call that ends without a message has gRPC's EOF for it, or nothing."""
    if not isinstance(data, bytes):
        return message(), True
    try:
        return message.FromString(data), False
    except DecodeError:
        return message(), True
