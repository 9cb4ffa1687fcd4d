"""gRPC over ASGI: one request is one call. What is decided of a call is decided where the grpcio front has it decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from google.rpc import code_pb2

from meridian.contract.batches import is_batch
from meridian.contract.catalog import Rpc
from meridian.domain.addresses import network_of
from meridian.errors import KmsError
from meridian.ports.security_events import SecurityEvent
from meridian.transport.batch_answers import Walks, answering
from meridian.transport.call_edge import CallEdge, Walk
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.envoy.arrival import Arrival, Scope, arrival_of
from meridian.transport.envoy.departures import Departures
from meridian.transport.envoy.grpc_answers import ACCEPTS, Send, answer, refuse, refuse_call, refuse_http
from meridian.transport.envoy.grpc_frames import FrameFault, encoding_of, is_grpc, timeout_of
from meridian.transport.envoy.grpc_message import Receive, UnaryMessage
from meridian.transport.envoy.grpc_web import SENT_TYPE, is_web

Service = Callable[[Arrival, Receive, Send], Awaitable[None]]
"""A method that is no operation: of health, or of reflection."""

WITH_TRAILERS: Final = frozenset({"2", "3"})
"""Versions of HTTP."""
NO_METHOD: Final = "Method not found!"


class GrpcWire:
    """Every method by its path."""

    def __init__(
        self,
        rpcs_by_path: Mapping[str, Rpc],
        walks: Walks,
        around: EdgeSurroundings,
        *,
        edge: CallEdge,
        departures: Departures,
        services: Mapping[str, Service],
    ) -> None:
        many = answering(walks.many)
        self._methods = {path: (rpc, many if is_batch(rpc) else walks.one) for path, rpc in rpcs_by_path.items()}
        self._clock = around.clock
        self._entropy = around.entropy
        self._edge = edge
        self._request_bytes_max = around.limits.request_bytes
        self._events = around.events
        self._departures = departures
        self._services = services

    def has(self, path: str) -> bool:
        """Whether there is such a method."""
        return path in self._methods or path in self._services

    def serve(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, whatever it is."""
        started = self._clock.monotonic()
        arrival = arrival_of(scope)
        if not is_grpc(arrival.headers.get("content-type", "")):
            return refuse_http(send, 415, "A method of gRPC has content-type: application/grpc.")
        has_trailers = scope["http_version"] in WITH_TRAILERS or is_web(arrival.headers.get(SENT_TYPE, ""))
        if not has_trailers or scope["method"] != "POST":
            return refuse_http(send, 400, "gRPC is POST over HTTP/2.")
        if arrival.headers.get("te") != "trailers":
            # Without it a proxy on the way may have dropped trailers, and Envoy sends none.
            return refuse(send, code_pb2.INTERNAL, "The request has no header te: trailers")
        method = self._methods.get(arrival.path)
        if method is not None:
            return self._call(*method, arrival, receive, send, started)
        service = self._services.get(arrival.path)
        if service is not None:
            return service(arrival, receive, send)
        self._events.report(SecurityEvent.UNKNOWN_OPERATION, subject=network_of(arrival.evidence.source_ip))
        return refuse(send, code_pb2.UNIMPLEMENTED, NO_METHOD)

    async def _call(self, rpc: Rpc, walk: Walk, arrival: Arrival, receive: Receive, send: Send, started: float) -> None:
        request_id = self._entropy.uuid()
        try:
            until = _deadline(arrival, started)
            encoding = encoding_of(arrival.headers.get("grpc-encoding", ""))
            message = UnaryMessage(receive, encoding, self._request_bytes_max)
            call = await self._edge.known_call(rpc, arrival.evidence, arrival.peer, message, request_id, started)
            remaining = None if until is None else max(0.0, until - self._clock.monotonic())
            with self._edge.time_of(call, remaining):
                waiting = self._departures.watch(receive, call)
                try:
                    written = (await walk(call)).SerializeToString()
                finally:
                    self._departures.forget(waiting)
        except FrameFault as fault:
            return await refuse(send, fault.code, fault.text, ACCEPTS)
        except KmsError as error:
            failure = error.without_frames()
        except BaseException as fault:
            failure = self._edge.refusal_of(fault, rpc)
        else:
            return await answer(send, written, request_id)
        return await refuse_call(send, failure, request_id)


def _deadline(arrival: Arrival, started: float) -> float | None:
    """Monotonic seconds at which the caller gives up; None where he says nothing. Raises: FrameFault."""
    said = arrival.headers.get("grpc-timeout")
    return None if said is None else started + timeout_of(said)
