"""Envoy's configuration, made of a Region's settings: THE place where it is decided, every value with its reason.

It holds paths and public certificates, and no secret: the private key is read by Envoy from the file of the settings.

Source: Envoy 1.39, configuration reference (bootstrap v3, listener v3, HttpConnectionManager v3, DownstreamTlsContext v3);
Envoy, "Configuring Envoy as an edge proxy".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Json = dict[str, object]

TYPE: Final = "type.googleapis.com/envoy"
HEADERS_KIB_MAX: Final = 16
"""Of a request's headers together: as much as the grpcio front takes, and what the AWS wire's head may be. More gets 431."""
HEADERS_MAX: Final = 64
"""Of one request. A client of AWS sends about fifteen, one of gRPC about eight."""
HEAD_SECONDS: Final = 5
"""From the first byte of a request until its headers are complete: nobody holds a connection by sending them slowly."""
REQUEST_SECONDS: Final = 40
"""Until the whole request has arrived. Longer than a call may wait for its message, so that Meridian's own refusal comes first."""
HANDSHAKE_SECONDS: Final = 10
"""For TLS; who says nothing is let go then."""
IDLE_SECONDS: Final = 15 * 60
"""A connection without a request."""
AGE_SECONDS: Final = 30 * 60
"""Of a connection; then its client is told to open another one, and calls under way are finished."""
SILENT_STREAM_SECONDS: Final = 60 * 60
"""A stream on which nothing is sent. A watch of the health service may be silent as long as nothing changes."""
LAST_CALLS_SECONDS: Final = 1
"""From the moment when a client is told that the connection ends until calls that he sends there are refused."""
STREAMS: Final = 256
"""Calls of a connection at once, as on the grpcio front."""
STREAM_WINDOW_BYTES: Final = 64 * 1024
"""What a call may send before its bytes are taken; the least that Envoy allows. Nearly all messages are shorter."""
CONNECTION_WINDOW_BYTES: Final = 1024 * 1024
BUFFER_BESIDES_BYTES: Final = 64 * 1024
"""Beyond the longest request, so that one byte too many is refused by Meridian, in AWS's words, and much more by Envoy with 413."""
PATHS: Final = "/[!-$&-.0->@-~/]*"
"""What a path may be made of: no percent sign and no byte beyond ASCII, which no operation has and which Python would have to decode. A
question mark ends it."""
NOT_FOUND: Final = 404
FORBIDDEN: Final = 403
FORGED: Final = (
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
    "x-real-ip",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-path",
)
"""What a proxy would say of a client. This is no proxy's back: whoever sends them speaks of himself, and nothing here may read them."""
EVERY_ADDRESS: Final = "::"
TLS_ALPN: Final = ("h2", "http/1.1")
CERTIFICATE, AUTHORITY = "certificate", "authority"
"""Names of what is renewed while Envoy serves; also those of their files."""
ADMIN_SOCKET: Final = "admin.sock"
BOOTSTRAP: Final = "envoy.json"


@dataclass(frozen=True, slots=True)
class FrontValues:
    """What the settings say of the front."""

    address: str
    """An IP address: Envoy looks up no names for a listener."""
    port: int
    connections: int
    """Open at once, half-open ones among them."""
    request_bytes: int
    """Of the longest request."""
    reuse_port: bool
    """Whether several processes may listen on the port together. Else a second one hears that it is taken."""
    loop: str
    """`uvloop` or `asyncio`."""


@dataclass(frozen=True, slots=True)
class FrontPlaces:
    """Where things lie."""

    folder: Path
    """Of this process alone, 0700."""
    module: str
    """The library that embeds Python."""
    application: str
    """`module:name` of the ASGI application."""

    def secret(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    @property
    def admin_socket(self) -> Path:
        return self.folder / ADMIN_SOCKET


def bootstrap_of(values: FrontValues, places: FrontPlaces) -> Json:
    """The whole configuration."""
    return {
        # Envoy wants a name before it reads renewed certificates.
        "node": {"id": "meridian", "cluster": "meridian"},
        # A socket that only this user opens: Meridian asks there for the end of the listener, and nobody else asks for anything.
        "admin": {"address": {"pipe": {"path": str(places.admin_socket), "mode": 0o600}}},
        "static_resources": {"listeners": [_listener(values, places)]},
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


def _listener(values: FrontValues, places: FrontPlaces) -> Json:
    return {
        "name": "front",
        "address": {
            "socket_address": {
                "address": values.address,
                "port_value": values.port,
                # As the grpcio front listens on `[::]`: for IPv4 too.
                **({"ipv4_compat": True} if values.address == EVERY_ADDRESS else {}),
            }
        },
        "enable_reuse_port": values.reuse_port,
        "per_connection_buffer_limit_bytes": values.request_bytes + BUFFER_BESIDES_BYTES,
        "filter_chains": [
            {
                "transport_socket_connect_timeout": _seconds(HANDSHAKE_SECONDS),
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": _tls(places)},
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": _http(values, places)}],
            }
        ],
    }


def _tls(places: FrontPlaces) -> Json:
    return {
        "@type": f"{TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        # A bearer token and a signature need no certificate. One that is shown is verified.
        "require_client_certificate": False,
        # A resumed session would bring a certificate that this handshake did not see.
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": {
            "alpn_protocols": list(TLS_ALPN),
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [_renewed(places, CERTIFICATE)],
            "validation_context_sds_secret_config": _renewed(places, AUTHORITY),
        },
    }


def _renewed(places: FrontPlaces, name: str) -> Json:
    """Read again when a file is moved to this name."""
    watched = {"path": str(places.secret(name)), "watched_directory": {"path": str(places.folder)}}
    return {"name": name, "sds_config": {"path_config_source": watched, "resource_api_version": "V3"}}


def _http(values: FrontValues, places: FrontPlaces) -> Json:
    return {
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": "AUTO",
        # The client is the other end of the connection, whatever headers say.
        "use_remote_address": True,
        "xff_num_trusted_hops": 0,
        "skip_xff_append": True,
        "internal_address_config": {"cidr_ranges": []},
        # The certificate comes in this header alone; what a client sends under its name is thrown away.
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"cert": True},
        # Ids of requests are Meridian's, and nobody is told what serves.
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        # A path is what was sent, and what was signed.
        "normalize_path": False,
        "merge_slashes": False,
        "max_request_headers_kb": HEADERS_KIB_MAX,
        "request_headers_timeout": _seconds(HEAD_SECONDS),
        "request_timeout": _seconds(REQUEST_SECONDS),
        "stream_idle_timeout": _seconds(SILENT_STREAM_SECONDS),
        "drain_timeout": _seconds(LAST_CALLS_SECONDS),
        "common_http_protocol_options": {
            "idle_timeout": _seconds(IDLE_SECONDS),
            "max_connection_duration": _seconds(AGE_SECONDS),
            "max_headers_count": HEADERS_MAX,
            # `x_amz_target` is not `x-amz-target`, and some servers behind proxies take it for that.
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http_protocol_options": {"accept_http_10": False},
        "http2_protocol_options": {
            "max_concurrent_streams": STREAMS,
            "initial_stream_window_size": STREAM_WINDOW_BYTES,
            "initial_connection_window_size": CONNECTION_WINDOW_BYTES,
        },
        "route_config": {"virtual_hosts": [{"name": "front", "domains": ["*"]}]},
        "http_filters": [_known_paths(), _without_forged_headers(), _python(values, places)],
        # What the filter of paths forbids is simply not there: 404, which gRPC knows as UNIMPLEMENTED.
        "local_reply_config": {"mappers": [_not_found()]},
    }


def _known_paths() -> Json:
    permission = {"url_path": {"path": {"safe_regex": {"regex": PATHS}}}}
    policy = {"permissions": [permission], "principals": [{"any": True}]}
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": f"{TYPE}.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"paths": policy}},
        },
    }


def _not_found() -> Json:
    comparison = {"op": "EQ", "value": {"default_value": FORBIDDEN, "runtime_key": "front.forbidden"}}
    return {
        "filter": {"status_code_filter": {"comparison": comparison}},
        "status_code": NOT_FOUND,
        "body": {"inline_string": "Method not found!"},
    }


def _without_forged_headers() -> Json:
    return {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": f"{TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": [{"remove": name} for name in FORGED]},
        },
    }


def _python(values: FrontValues, places: FrontPlaces) -> Json:
    # One loop for everything, as on the grpcio front; without a start of the application there is nothing to serve.
    application = {"app": places.application, "interface": "asgi", "lifespan": True, "worker_threads": 1, "loop": values.loop}
    return {
        "name": "meridian",
        "typed_config": {
            "@type": f"{TYPE}.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {"module": {"local": {"filename": places.module}}},
            "filter_name": "pyvoy",
            "terminal_filter": True,
            "filter_config": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": json.dumps(application)},
        },
    }


def _seconds(count: int) -> str:
    return f"{count}s"
