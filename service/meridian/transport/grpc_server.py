"""The gRPC listener: TLS, generic handlers from the catalog, health and, where it is switched on, reflection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc

from meridian.contract.batches import is_batch
from meridian.contract.catalog import Rpc
from meridian.transport.batch_answers import Walks, answering
from meridian.transport.call_edge import CallEdge
from meridian.transport.draining import HeldCalls
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.grpc_interceptor import CallInterceptor

STREAMS_PER_CONNECTION: Final = 256
"""Calls of a caller's connection at once. gRPC refuses some where there are as many as may be, though none beyond: its two ends do not take
a call for ended at the same moment."""
METADATA_BYTES: Final = 16 * 1024
UNREAD_BYTES: Final = 16 * 1024
"""Of a call's message that its sender may send before anybody reads it; nearly all are shorter. Of a longer one the rest follows once it is
read."""
CONNECTION_AGE_MS: Final = 30 * 60 * 1000
CONNECTION_IDLE_MS: Final = 15 * 60 * 1000
HANDSHAKE_MS: Final = 10 * 1000
"""For TLS and HTTP/2's first settings; who says nothing is let go then."""


class ListenError(Exception):
    """The address cannot be listened on."""


class KmsHandlers(grpc.GenericRpcHandler):
    """One table from path to handler; each handler is the walk of the pipeline, or that of a batch of calls through it."""

    def __init__(self, rpcs_by_path: Mapping[str, Rpc], walks: Walks) -> None:
        one: Any = grpc.unary_unary_rpc_method_handler(walks.one)
        many: Any = grpc.unary_unary_rpc_method_handler(answering(walks.many))
        self._handlers = {path: many if is_batch(rpc) else one for path, rpc in rpcs_by_path.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)


@dataclass(frozen=True, slots=True)
class Connections:
    """What a gRPC listener gives to its clients."""

    most: int
    """Half-open ones among them."""
    ping_seconds_min: float
    """Between two pings, also while no call waits."""
    is_shared: bool
    """Whether other processes listen on the address, too."""


def connection_options(connections: Connections, streams: int) -> list[tuple[str, int]]:
    """What these are to gRPC; each connection has so many calls at once."""
    return [
        ("grpc.max_allowed_incoming_connections", connections.most),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.max_connection_idle_ms", CONNECTION_IDLE_MS),
        ("grpc.max_connection_age_ms", CONNECTION_AGE_MS),
        ("grpc.max_concurrent_streams", streams),
        ("grpc.http2.lookahead_bytes", UNREAD_BYTES),
        ("grpc.http2.bdp_probe", 0),  # which would make that more as it is used
        ("grpc.max_metadata_size", METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES),
        ("grpc.http2.min_ping_interval_without_data_ms", round(connections.ping_seconds_min * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", int(connections.is_shared)),
    ]


def service_names(rpcs: Mapping[str, Rpc]) -> list[str]:
    """The full names of the services that have these."""
    return sorted({rpc.path.split("/")[1] for rpc in rpcs.values()})


def make_server(
    rpcs: Mapping[str, Rpc], walks: Walks, edge: CallEdge, around: EdgeSurroundings, *, connections: Connections, held: HeldCalls
) -> grpc.aio.Server:
    """A server with the KMS services, not yet listening."""
    by_path = {rpc.path: rpc for rpc in rpcs.values()}
    calls = CallInterceptor(by_path, edge, around.clock, around.entropy, around.events)
    server = grpc.aio.server(
        interceptors=[held, calls],
        options=[
            ("grpc.max_receive_message_length", around.limits.request_bytes),
            *connection_options(connections, STREAMS_PER_CONNECTION),
        ],
    )
    server.add_generic_rpc_handlers((KmsHandlers(by_path, walks),))
    return server


def reflect(server: grpc.aio.Server, rpcs: Mapping[str, Rpc]) -> None:
    """Let the server tell which services it has."""
    from grpc_reflection.v1alpha import reflection  # here: a Region without it does not wait for it

    reflection.enable_server_reflection([*service_names(rpcs), reflection.SERVICE_NAME], server)


def listen(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials) -> int:
    """Bind the address; the answer is the port. Raises: ListenError."""
    try:
        port = server.add_secure_port(address, credentials)
    except RuntimeError as fault:
        raise ListenError(f"cannot listen on {address}") from fault
    if port == 0:
        raise ListenError(f"cannot listen on {address}")
    return int(port)
