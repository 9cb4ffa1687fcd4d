"""Envoy's configuration, made of a Region's settings: with `http_manager.py` THE place where it is decided, every value with its reason.

It holds paths and public certificates, and no secret: the private key is read by Envoy from the file of the settings.

Source: Envoy 1.39, configuration reference (bootstrap v3, listener v3, DownstreamTlsContext v3); Envoy, "Configuring Envoy as an edge
proxy".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from meridian.transport.envoy.front_values import TYPE, FrontPlaces, FrontValues, Json, seconds
from meridian.transport.envoy.http3 import quic_listener
from meridian.transport.envoy.http_manager import http_manager

HANDSHAKE_SECONDS: Final = 10
"""For TLS; who says nothing is let go then."""
BUFFER_BESIDES_BYTES: Final = 64 * 1024
"""Beyond the longest request, so that one byte too many is refused by Meridian, in AWS's words. When so much of a connection waits to be
sent, its next answers wait with their calls, which are so many at once and no more."""
FREED_BYTES, FREED_SECONDS = 4 * 1024 * 1024, 5
"""So much free memory goes back to the system, so often: what a closed segment of the audit log is compressed in is 5 MB."""
EVERY_ADDRESS: Final = "::"
TLS_ALPN: Final = ("h2", "http/1.1")
CERTIFICATE, AUTHORITY = "certificate", "authority"
"""Names of what is renewed while Envoy serves; also those of their files."""


def bootstrap_of(values: FrontValues, places: FrontPlaces) -> Json:
    """The whole configuration."""
    return {
        # Envoy wants a name before it reads renewed certificates.
        "node": {"id": "meridian", "cluster": "meridian"},
        # A socket that only this user opens: Meridian asks there for the end of the listener, and nobody else asks for anything.
        "admin": {"address": {"pipe": {"path": str(places.admin_socket), "mode": 0o600}}},
        "static_resources": {"listeners": _listeners(values, places)},
        # Envoy's allocator, which is also Python's here, gives nothing back to the system by itself.
        "memory_allocator_manager": {"bytes_to_release": FREED_BYTES, "memory_release_interval": seconds(FREED_SECONDS)},
        "overload_manager": {"resource_monitors": [_connection_budget(values.connections)]},
        # Counters cost memory per name; these are asked for when the process ends.
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": "http.front."}, {"prefix": "listener_manager."}]}},
            "use_all_default_tags": False,
        },
    }


def certificate_secret(certificate_pem: bytes, private_key: Path) -> Json:
    """What Envoy is told of the listener's certificate. The chain stands here itself, so that a new one is a new text, and makes Envoy read
    the key again, which stands nowhere but in its own file."""
    pair = {"certificate_chain": {"inline_string": certificate_pem.decode("ascii")}, "private_key": {"filename": str(private_key)}}
    return _secret(CERTIFICATE, {"tls_certificate": pair})


def authority_secret(client_ca_pem: bytes) -> Json:
    """Whose certificates callers may show. One of somebody else ends the handshake; showing none does not."""
    return _secret(AUTHORITY, {"validation_context": {"trusted_ca": {"inline_string": client_ca_pem.decode("ascii")}}})


def _secret(name: str, what: Json) -> Json:
    return {"resources": [{"@type": f"{TYPE}.extensions.transport_sockets.tls.v3.Secret", "name": name, **what}]}


def _connection_budget(connections: int) -> Json:
    budget = f"{TYPE}.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {"@type": budget, "max_active_downstream_connections": connections},
    }


def _listeners(values: FrontValues, places: FrontPlaces) -> list[Json]:
    address: Json = {
        "address": values.address,
        "port_value": values.port,
        # As the grpcio front listens on `[::]`: for IPv4 too.
        **({"ipv4_compat": True} if values.address == EVERY_ADDRESS else {}),
    }
    buffer_bytes = values.request_bytes + BUFFER_BESIDES_BYTES
    found = [_listener(values, places, address, buffer_bytes)]
    if values.http3:
        tls = _tls(common={"tls_certificate_sds_secret_configs": [_renewed(places, CERTIFICATE)]})
        found.append(quic_listener(values, places, address, tls=tls, handshake_seconds=HANDSHAKE_SECONDS, buffer_bytes=buffer_bytes))
    return found


def _listener(values: FrontValues, places: FrontPlaces, address: Json, buffer_bytes: int) -> Json:
    common = {
        "alpn_protocols": list(TLS_ALPN),
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificate_sds_secret_configs": [_renewed(places, CERTIFICATE)],
        "validation_context_sds_secret_config": _renewed(places, AUTHORITY),
    }
    return {
        "name": "front",
        "address": {"socket_address": address},
        "enable_reuse_port": values.reuse_port,
        "per_connection_buffer_limit_bytes": buffer_bytes,
        "filter_chains": [
            {
                "transport_socket_connect_timeout": seconds(HANDSHAKE_SECONDS),
                "transport_socket": {
                    "name": "envoy.transport_sockets.tls",
                    "typed_config": {"@type": f"{TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext", **_tls(common)},
                },
                "filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": http_manager(values, places, "AUTO")}
                ],
            }
        ],
    }


def _tls(common: Mapping[str, object]) -> Json:
    return {
        # A bearer token and a signature need no certificate. One that is shown is verified.
        "require_client_certificate": False,
        # A resumed session would bring a certificate that this handshake did not see.
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": common,
    }


def _renewed(places: FrontPlaces, name: str) -> Json:
    """Read again when a file is moved to this name."""
    watched = {"path": str(places.secret(name)), "watched_directory": {"path": str(places.folder)}}
    return {"name": name, "sds_config": {"path_config_source": watched, "resource_api_version": "V3"}}
