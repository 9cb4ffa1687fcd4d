"""Other Regions' certificates, checked again on each call: life, deny list, and authorities that were removed since. A good one says
whose connection it is.

This comes before a message is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from meridian.authentication.certificate_check import CertificateCheck
from meridian.domain.addresses import network_of
from meridian.errors import KmsError, UnrecognizedClientException, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.principals import Principals
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.error_table import status_of
from meridian.transport.grpc_evidence import peer_address
from meridian.transport.peer_connections import PeerConnections


class PeerCertificates(grpc.aio.ServerInterceptor):
    """Wraps each handler of the peer listener once. What is refused is reported."""

    def __init__(
        self, check: CertificateCheck, principals: Principals, clock: Clock, events: SecurityEvents, connections: PeerConnections
    ) -> None:
        self._connections = connections
        self._check = check
        self._principals = principals
        self._clock = clock
        self._events = events
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        path: str = handler_call_details.method
        if path in self._wrapped:
            return self._wrapped[path]
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        self._wrapped[path] = grpc.unary_unary_rpc_method_handler(self._checked(handler), response_serializer=handler.response_serializer)
        return self._wrapped[path]

    def _checked(self, handler: Any) -> Callable[[bytes, Any], Awaitable[Any]]:
        async def answer(data: bytes, context: Any) -> Any:
            try:
                shown = context.auth_context()
                self._require_good(shown)
            except KmsError as fault:
                address = peer_address(context.peer())
                self._events.report(SecurityEvent.AUTHENTICATION_FAILED, subject=network_of(address), address=address, reason=fault.reason)
                await context.abort_with_status(rpc_status.to_status(status_of(fault, "")))
            for name in shown.get("peer_spiffe_id", ()):
                self._connections.note(name.decode(errors="replace"), context.peer())
            try:
                request = handler.request_deserializer(data)
            except DecodeError:
                await context.abort_with_status(rpc_status.to_status(status_of(ValidationException("The message cannot be read."), "")))
                raise AssertionError("abort returned") from None
            return await handler.unary_unary(request, context)

        return answer

    def _require_good(self, shown: Any) -> None:
        """Raises: UnrecognizedClientException."""
        self._check.require_good((shown.get("x509_pem_cert") or (b"",))[0], self._clock.now())
        for name in shown.get("peer_spiffe_id", ()):
            spiffe_id = name.decode(errors="replace")
            if self._principals.is_denied(spiffe_id):
                raise UnrecognizedClientException(reason=f"{spiffe_id} is on the deny list")
