"""HTTP as nobody's client sends it: any bytes, over a socket of this machine, under TLS where that is asked for."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.aws import access_key, url
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST

SECONDS = 20.0
Headers = list[tuple[str, str]]


def signed_headers(deployment: Deployment, operation: str, body: bytes, caller: str = "developer", **added: str) -> Headers:
    """Every header of a request that botocore signed for a caller."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}", **added}
    headers |= {"Host": urlsplit(url(deployment)).netloc}
    request = AWSRequest("POST", url(deployment) + "/", headers=headers, data=body)
    SigV4Auth(Credentials(*access_key(deployment, caller)), "kms", HOME).add_auth(request)
    return [*request.headers.items(), ("Content-Length", str(len(body)))]


def as_bytes(headers: Headers, body: bytes, line: str = "POST / HTTP/1.1") -> bytes:
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in headers), "", ""]).encode("latin-1") + body


def exchange(port: int, data: bytes, secured: ssl.SSLContext | None = None) -> tuple[int, Any]:
    """(status, document) of the answer to these bytes."""
    with connect(port, secured) as connection:
        connection.sendall(data)
        answer = connection.makefile("rb")
        status = int(answer.readline().split()[1])
        length = 0
        while line := answer.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        text = answer.read(length)
    return status, json.loads(text) if text.startswith(b"{") else text


def connect(port: int, secured: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection((HOST, port), timeout=SECONDS)
    return plain if secured is None else secured.wrap_socket(plain, server_hostname=HOST)


def post(deployment: Deployment, headers: Headers, body: bytes, line: str = "POST / HTTP/1.1") -> tuple[int, Any]:
    """On the AWS wire of a Region, wherever it is."""
    at = urlsplit(url(deployment))
    secured = ssl.create_default_context(cafile=str(deployment.root / "client-ca.crt")) if at.scheme == "https" else None
    return exchange(at.port or 0, as_bytes(headers, body, line), secured)
