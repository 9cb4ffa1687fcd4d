"""HTTP/3 behind Envoy: a second listener, on the same port of UDP.

Envoy 1.39 asks for no client certificate over QUIC. So who calls proves who he is by a signature of AWS, or, under `development`, a token.

Source: Envoy 1.39, configuration reference (udp_listener_config, quic, QuicDownstreamTransport, connection_limit).
"""

from __future__ import annotations

from typing import Final

from meridian.transport.envoy.front_values import TYPE, FrontPlaces, FrontValues, Json, seconds
from meridian.transport.envoy.http_manager import (
    CONNECTION_WINDOW_BYTES,
    HTTP3,
    IDLE_SECONDS,
    STREAM_WINDOW_BYTES,
    STREAMS,
    http_manager,
)

BUDGET_PART: Final = 4
"""The part of the connections that QUIC may have, one of so many. They are counted beside the others, and hold no open file."""
CONNECTIONS_MIN: Final = 8


def quic_listener(values: FrontValues, places: FrontPlaces, address: Json, *, tls: Json, handshake_seconds: int, buffer_bytes: int) -> Json:
    """`address`: of the listener of TCP. `tls`: certificates of the listener."""
    protocol = {
        "max_concurrent_streams": STREAMS,
        "initial_stream_window_size": STREAM_WINDOW_BYTES,
        "initial_connection_window_size": CONNECTION_WINDOW_BYTES,
    }
    quic = {
        "quic_protocol_options": protocol,
        "idle_timeout": seconds(IDLE_SECONDS),
        "crypto_handshake_timeout": seconds(handshake_seconds),
    }
    transport = {
        "@type": f"{TYPE}.extensions.transport_sockets.quic.v3.QuicDownstreamTransport",
        "downstream_tls_context": tls,
        # What is sent before the handshake is over can be sent again by somebody else.
        "enable_early_data": False,
    }
    budget = {
        "@type": f"{TYPE}.extensions.filters.network.connection_limit.v3.ConnectionLimit",
        "stat_prefix": "http3",
        "max_connections": max(CONNECTIONS_MIN, values.connections // BUDGET_PART),
    }
    return {
        "name": "http3",
        "address": {"socket_address": {**address, "protocol": "UDP"}},
        "enable_reuse_port": values.reuse_port,
        "udp_listener_config": {"quic_options": quic},
        "per_connection_buffer_limit_bytes": buffer_bytes,
        "filter_chains": [
            {
                "transport_socket": {"name": "envoy.transport_sockets.quic", "typed_config": transport},
                "filters": [
                    {"name": "envoy.filters.network.connection_limit", "typed_config": budget},
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": http_manager(values, places, HTTP3)},
                ],
            }
        ],
    }
