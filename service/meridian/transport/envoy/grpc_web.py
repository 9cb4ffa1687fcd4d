"""gRPC-Web behind Envoy, which makes plain gRPC of it; the pages that may call are allowed by their origins.

Source: gRPC Web (PROTOCOL-WEB.md); Envoy 1.39, configuration reference (grpc_web, cors); Fetch, CORS protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.transport.call_edge import REQUEST_ID
from meridian.transport.envoy.front_values import TYPE, Json

SENT_TYPE: Final = "x-meridian-sent-content-type"
"""The content type that the client sent, set by Envoy, which throws away what a client sends under this name. What Envoy makes of gRPC-Web
may have come over HTTP/1.1; plain gRPC may not."""
WEB: Final = "application/grpc-web"
ASKED: Final = ("content-type", "x-grpc-web", "x-user-agent", "grpc-timeout", "authorization", CLIENT_TOKEN, CALLER_REQUEST_ID)
"""What a page may send."""
SHOWN: Final = ("grpc-status", "grpc-message", "grpc-status-details-bin", REQUEST_ID)
"""What a page may read of an answer's headers."""
ALLOWED_SECONDS: Final = 10 * 60
"""Until a browser asks again whether its page may."""


def is_web(sent_type: str) -> bool:
    """Whether the client sent gRPC-Web."""
    return sent_type.startswith(WEB)


def web_filters() -> list[Json]:
    """In front of what knows gRPC alone."""
    noted = {"header": {"key": SENT_TYPE, "value": "%REQ(CONTENT-TYPE)%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return [
        _filter("header_mutation", "HeaderMutation", name="meridian.sent_type", mutations={"request_mutations": [{"append": noted}]}),
        _filter("cors", "Cors"),
        _filter("grpc_web", "GrpcWeb"),
    ]


def pages(origins: Sequence[str]) -> Json:
    """What of the one virtual host says whose pages may call. They may show certificates; any other page is refused by its browser."""
    policy = {
        "@type": f"{TYPE}.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in origins],
        "allow_methods": "POST",
        "allow_headers": ",".join(ASKED),
        "expose_headers": ",".join(SHOWN),
        "max_age": str(ALLOWED_SECONDS),
        "allow_credentials": True,
    }
    # A policy is found by a route, which leads nowhere else: the last filter answers.
    return {
        "routes": [{"match": {"prefix": "/"}, "non_forwarding_action": {}}],
        "typed_per_filter_config": {"envoy.filters.http.cors": policy},
    }


def _filter(kind: str, message: str, *, name: str = "", **values: object) -> Json:
    typed = {"@type": f"{TYPE}.extensions.filters.http.{kind}.v3.{message}", **values}
    return {"name": name or f"envoy.filters.http.{kind}", "typed_config": typed}
