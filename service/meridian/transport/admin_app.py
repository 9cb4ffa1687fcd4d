"""The admin listener: liveness, readiness and metrics, without credentials. Nothing else is ever served here."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


class HttpServer(uvicorn.Server):
    """Runs in the Region's own loop; signals belong to the process, not to a listener."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def admin_app(registry: CollectorRegistry, troubles: Callable[[], list[str]]) -> Starlette:
    """`/livez`: the process moves. `/readyz`: a call would work now, or the reasons why not. `/metrics`: Prometheus text."""

    async def live(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        reasons = troubles()
        return PlainTextResponse("ok\n") if not reasons else PlainTextResponse("\n".join([*reasons, ""]), status_code=503)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/livez", live), Route("/readyz", ready), Route("/metrics", metrics)])


def listening_socket(address: str) -> socket.socket:
    """A socket that listens on `host:port`: who is told that the Region is ready can connect. Raises: OSError if the address is taken."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), int(port)))
        bound.listen()
    except OSError as fault:
        bound.close()
        raise OSError(f"cannot listen on {address}") from fault
    return bound


def http_server(app: Any, *, certificate: Path | None = None, private_key: Path | None = None) -> HttpServer:
    """A server, not yet listening; over TLS where a certificate is given."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=private_key,
    )
    return HttpServer(config)
