"""A call of the AWS wire as bytes: what a client's library would hide stays visible."""

from __future__ import annotations

import http.client
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.aws import access_key, url
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST
from meridian.transport.aws_json import codec

CONTENT_TYPE = "application/x-amz-json-1.1"


def post(deployment: Deployment, body: bytes, headers: dict[str, str], method: str = "POST", region: str = HOME) -> Any:
    """(status, headers, body) of the answer to a request as it is."""
    connection = http.client.HTTPConnection(HOST, deployment.place(region).aws_port, timeout=20)
    try:
        connection.request(method, "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def signed(
    deployment: Deployment, name: str, body: bytes, *, region: str = HOME, caller: str = "developer", scope: str = "", **added: str
) -> Any:
    """(status, headers, body) of the answer to an operation, its body as it is; `scope` is the Region that is signed for."""
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"TrentService.{name}", **added}
    request = AWSRequest("POST", url(deployment, region) + "/", headers=headers, data=body)
    SigV4Auth(Credentials(*access_key(deployment, caller)), "kms", scope or region).add_auth(request)
    return post(deployment, body, dict(request.headers.items()), region=region)


def call(deployment: Deployment, request: Any, *, region: str = HOME, caller: str = "developer", **added: str) -> Any:
    """The same for a request message."""
    name = request.DESCRIPTOR.name.removesuffix("Request")
    return signed(deployment, name, codec.write(request), region=region, caller=caller, **added)
