"""An API server of Kubernetes as far as tokens are reviewed: over TLS, in the words of its TokenReview."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from meridian.crypto.certificates import new_authority, new_leaf

SUBJECT = "system:serviceaccount:shop:cart"
HOST = "127.0.0.1"
GOOD = {"authenticated": True, "audiences": ["meridian"], "user": {"username": SUBJECT, "uid": "1", "groups": ["system:serviceaccounts"]}}
GONE = {"authenticated": False, "error": "[invalid bearer token, pod has been deleted]", "user": {}}


@dataclass
class ApiServer:
    """What it says to every review, and what it was asked."""

    authority: str
    """PEM."""
    status: Any = field(default_factory=lambda: dict(GOOD))
    code: int = 201
    body: bytes | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""


def _context(folder: Path) -> tuple[ssl.SSLContext, str]:
    authority = new_authority("cluster", datetime.now(UTC))
    leaf = new_leaf(authority, "kubernetes", datetime.now(UTC), addresses=[HOST])
    for name, data in (("crt", leaf.certificate), ("key", leaf.private_key)):
        (folder / name).write_bytes(data)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return context, authority.certificate.decode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    """More than are asked at once: one who finds no place tries again after a second."""


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """One on this machine, whose certificate lies in the folder."""
    context, authority = _context(folder)
    made = ApiServer(authority)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append((self.path, self.headers["Authorization"], review))
            body = json.dumps({**review, "status": made.status}).encode() if made.body is None else made.body
            self.send_response(made.code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature that http.server calls
            return

    server = Server((HOST, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"https://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
