"""The admin listener: liveness, readiness and metrics, without credentials. Nothing else is ever served here."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def admin_app(registry: CollectorRegistry, is_ready: Callable[[], bool]) -> Starlette:
    """`/livez`: the process moves. `/readyz`: it serves. `/metrics`: Prometheus text."""

    async def live(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ok\n") if is_ready() else PlainTextResponse("not ready\n", status_code=503)

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
        raise OSError(f"cannot listen on {address}: {fault.strerror or fault}") from fault
    return bound


def http_server(app: Any, *, tls: ssl.SSLContext | None = None) -> HttpServer:
    """A server, not yet listening; over TLS where a context is given."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        ssl_context_factory=(lambda config, default: tls) if tls is not None else None,
    )
    return HttpServer(config)
