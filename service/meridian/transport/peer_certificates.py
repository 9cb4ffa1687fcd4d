"""Other Regions' certificates, checked again on each call: life, deny list, and authorities that were removed since. A good one says
whose connection it is.

This comes before a message is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from meridian.authentication.certificate_check import CertificateCheck
from meridian.authentication.certificate_names import CertificateNames
from meridian.domain.addresses import network_of
from meridian.errors import KmsError, UnrecognizedClientException, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.principals import Principals
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.error_table import status_of
from meridian.transport.grpc_evidence import certificate_of, peer_address
from meridian.transport.peer_connections import PeerConnections


class PeerCertificates(grpc.aio.ServerInterceptor):
    """Wraps each handler of the peer listener once. What is refused is reported."""

    def __init__(
        self, check: CertificateCheck, principals: Principals, clock: Clock, events: SecurityEvents, connections: PeerConnections
    ) -> None:
        self._connections = connections
        self._check = check
        self._names = CertificateNames()
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
                names = self._good_names(context.auth_context())
            except KmsError as fault:
                address = peer_address(context.peer())
                self._events.report(SecurityEvent.AUTHENTICATION_FAILED, subject=network_of(address), address=address, reason=fault.reason)
                await context.abort_with_status(rpc_status.to_status(status_of(fault, "")))
                raise AssertionError("abort returned") from fault
            for name in names:
                self._connections.note(name, context.peer())
            try:
                request = handler.request_deserializer(data)
            except DecodeError:
                await context.abort_with_status(rpc_status.to_status(status_of(ValidationException("The message cannot be read."), "")))
                raise AssertionError("abort returned") from None
            return await handler.unary_unary(request, context)

        return answer

    def _good_names(self, shown: Any) -> Sequence[str]:
        """The names in a good certificate. Raises: UnrecognizedClientException."""
        pem = certificate_of(shown)
        self._check.require_good(pem, self._clock.now())
        names = self._names.of(pem)
        for name in names:
            if self._principals.is_denied(name):
                raise UnrecognizedClientException(reason=f"{name} is on the deny list")
        return names
