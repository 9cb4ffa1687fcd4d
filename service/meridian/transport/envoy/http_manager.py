"""What Envoy does with each request, before and beside Meridian: bounds of its head and its times, what is refused and what is thrown away.

Source: Envoy 1.39, configuration reference (HttpConnectionManager v3); Envoy, "Configuring Envoy as an edge proxy".
"""

from __future__ import annotations

import json
from typing import Final

from meridian.transport.envoy.front_values import TYPE, FrontPlaces, FrontValues, Json, seconds
from meridian.transport.envoy.grpc_web import SENT_TYPE, pages, web_filters

HEADERS_KIB_MAX: Final = 16
"""Of a request's headers together: as much as the grpcio front takes, and what the AWS wire's head may be. More gets 431."""
HEADERS_MAX: Final = 64
"""Of one request. A client of AWS sends about fifteen, one of gRPC about eight."""
HEAD_SECONDS: Final = 5
"""From the first byte of a request until its headers are complete: nobody holds a connection by sending them slowly."""
REQUEST_SECONDS: Final = 40
"""Until the whole request has arrived. Longer than a call may wait for its message, so that Meridian's own refusal comes first."""
IDLE_SECONDS: Final = 15 * 60
"""A connection without a request."""
AGE_SECONDS: Final = 30 * 60
"""Of a connection; then its client is told to open another one, and calls under way are finished."""
SILENT_STREAM_SECONDS: Final = 60 * 60
"""A stream on which nothing is sent. A watch of the health service may be silent as long as nothing changes."""
UNTAKEN_SECONDS: Final = 30
"""A call that is answered, and whose caller takes nothing of the answer: it waits in memory."""
LAST_CALLS_SECONDS: Final = 1
"""From the moment when a client is told that the connection ends until calls that he sends there are refused."""
STREAMS: Final = 256
"""Calls of a connection at once, as on the grpcio front."""
STREAM_WINDOW_BYTES: Final = 64 * 1024
"""What a call may send before its bytes are taken; the least that Envoy allows. Nearly all messages are shorter."""
CONNECTION_WINDOW_BYTES: Final = 1024 * 1024
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
    SENT_TYPE,
)
"""What a proxy would say of a client. This is no proxy's back: whoever sends them speaks of himself, and nothing here may read them."""
HTTP3: Final = "HTTP3"
"""Its name as a codec."""
KNOWN_SECONDS: Final = 24 * 60 * 60
"""For how long a client may go on to use HTTP/3 without being told of it again."""


def http_manager(values: FrontValues, places: FrontPlaces, codec: str) -> Json:
    """What is done with each request of a listener. `codec`: `AUTO`, or `HTTP3`."""
    return {
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": codec,
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
        "request_headers_timeout": seconds(HEAD_SECONDS),
        "request_timeout": seconds(REQUEST_SECONDS),
        "stream_idle_timeout": seconds(SILENT_STREAM_SECONDS),
        "stream_flush_timeout": seconds(UNTAKEN_SECONDS),
        "drain_timeout": seconds(LAST_CALLS_SECONDS),
        "common_http_protocol_options": {
            "idle_timeout": seconds(IDLE_SECONDS),
            "max_connection_duration": seconds(AGE_SECONDS),
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
        "route_config": {
            "virtual_hosts": [{"name": "front", "domains": ["*"], **(pages(values.web_origins) if values.web_origins else {})}]
        },
        "http_filters": [
            _known_paths(),
            _without_forged_headers(),
            *(web_filters() if values.web_origins else []),
            *([_advertised(values.port)] if values.http3 else []),
            _python(values, places, codec),
        ],
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


def _advertised(port: int) -> Json:
    """Tell who came over TCP that HTTP/3 is there."""
    value = {"header": {"key": "alt-svc", "value": f'h3=":{port}"; ma={KNOWN_SECONDS}'}}
    return {
        "name": "meridian.http3",
        "typed_config": {
            "@type": f"{TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"response_mutations": [{"append": value}]},
        },
    }


def _python(values: FrontValues, places: FrontPlaces, codec: str) -> Json:
    # One loop for everything, as on the grpcio front; without a start of the application there is nothing to serve. Each listener has a
    # loop of its own: that of the second one only hands over to that of the first.
    is_first = codec != HTTP3
    application = {
        "app": places.application if is_first else places.http3_application,
        "interface": "asgi",
        "lifespan": is_first,
        "worker_threads": 1,
        "loop": values.loop,
    }
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
