"""What Envoy speaks besides, where the settings say so: gRPC-Web for the pages of some origins, and HTTP/3."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyqwest
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pyqwest import FullResponse, HTTPVersion, SyncClient, SyncHTTPTransport
from tests.aws import access_key
from tests.contract.fronts import DESCRIBE, RANDOM, Front, framed, random, request_of
from tests.deployment import HOME, Deployment

from meridian.cli.exit_codes import SETUP
from meridian.cli.region_place import HOST

pytestmark = [pytest.mark.deep, pytest.mark.timeout(180)]

ORIGIN, OTHER_ORIGIN = "https://console.example.com", "https://evil.example.com"
ADDED = f'front = {{ kind = "envoy", grpc_web_origins = ["{ORIGIN}", "http://localhost:8080"], http3 = true }}\n'
OK, UNAUTHENTICATED, INVALID = 0, 16, 3
TRAILERS = 0x80
WEB = "application/grpc-web+proto"
CONNECTIONS = 12
HTTP3_CONNECTIONS = 8


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    added = f"{ADDED}limits.failed_authentications_per_minute = 0\n"
    deployment = Deployment(tmp_path_factory.mktemp("web"), [HOME], settings_added=added).prepare()
    settings = deployment.place(HOME).settings
    settings.write_text(settings.read_text().replace("[grpc]\n", f"[grpc]\nconnections = {4 * HTTP3_CONNECTIONS}\n"))
    try:
        deployment.start()
        yield Front("envoy", deployment)
    finally:
        deployment.stop_all()


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """Flag and content of each frame."""
    found = []
    while body:
        length = int.from_bytes(body[1:5], "big")
        found.append((body[0], body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def trailers(content: bytes) -> dict[str, str]:
    lines = [line.partition(":") for line in content.decode().splitlines() if line]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def require_random(body: bytes) -> None:
    """The answer of a call of gRPC-Web: a message, and that all is well."""
    (flag, message), (last, content) = frames(body)
    assert (flag, last) == (0, TRAILERS)
    response: Any = RANDOM.response_class.FromString(message)
    assert len(response.plaintext) == 8
    said = trailers(content)
    assert said["grpc-status"] == "0"
    assert said["x-amzn-requestid"]


def test_a_page_of_a_named_origin_calls_by_grpc_web(front: Front) -> None:
    answered = front.ask(framed(random()), content_type=WEB, te="", origin=ORIGIN, x_grpc_web="1")
    assert (answered.status, answered.headers["content-type"], answered.trailers) == (200, WEB, {})
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    assert answered.headers["access-control-allow-credentials"] == "true"
    assert "grpc-status" in answered.headers["access-control-expose-headers"]
    require_random(answered.body)


def test_a_refusal_comes_with_its_status_and_details(front: Front) -> None:
    answered = front.ask(framed(request_of("alias/nothing*")), DESCRIBE.path, content_type=WEB, te="", origin=ORIGIN)
    assert (answered.status, answered.code) == (200, INVALID)
    assert answered.headers["grpc-status-details-bin"]


def test_it_is_read_as_text_too(front: Front) -> None:
    text = "application/grpc-web-text+proto"
    answered = front.ask(b64encode(framed(random())), content_type=text, accept=text, te="")
    assert (answered.status, answered.headers["content-type"]) == (200, text)
    require_random(b"".join(b64decode(part + b"=" * (-len(part) % 4)) for part in answered.body.replace(b"=", b"= ").split()))


def over_http1(front: Front, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
    context = ssl.create_default_context(cafile=str(front.authority))
    client = front.deployment.root / "clients" / "app"
    context.load_cert_chain(client.with_suffix(".crt"), client.with_suffix(".key"))
    connection = http.client.HTTPSConnection(HOST, front.port, context=context, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_it_comes_over_http1_where_grpc_does_not(front: Front) -> None:
    answer, body = over_http1(front, "POST", RANDOM.path, framed(random()), {"content-type": WEB})
    assert answer.status == 200
    require_random(body)
    for forged in ({}, {"x-meridian-sent-content-type": WEB}):
        answer, _ = over_http1(
            front, "POST", RANDOM.path, framed(random()), {"content-type": "application/grpc", "te": "trailers", **forged}
        )
        assert answer.status == 400


@pytest.mark.parametrize(
    ("origin", "may"), [(ORIGIN, True), ("http://localhost:8080", True), (OTHER_ORIGIN, False), (f"{ORIGIN}.evil.com", False)]
)
def test_a_browser_is_told_whose_pages_may_call(front: Front, origin: str, may: bool) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type,x-grpc-web"}
    answer, _ = over_http1(front, "OPTIONS", RANDOM.path, b"", asked)
    assert answer.getheader("access-control-allow-origin") == (origin if may else None)
    if may:
        assert answer.status == 200
        assert answer.getheader("access-control-allow-methods") == "POST"
        assert "x-grpc-web" in str(answer.getheader("access-control-allow-headers"))


def test_who_calls_is_asked_as_ever(front: Front) -> None:
    answered = front.ask(framed(random()), caller=None, content_type=WEB, te="", origin=ORIGIN)
    assert (answered.status, answered.code) == (200, UNAUTHENTICATED)


def test_plain_grpc_goes_on_beside_it(front: Front) -> None:
    answered = front.ask(framed(random()))
    assert (answered.code, answered.trailers["grpc-status"]) == (OK, "0")
    with front.deployment.client(caller="app") as app:
        assert app.generate_random(number_of_bytes=8).plaintext


@pytest.fixture
def http3(front: Front) -> Iterator[SyncClient]:
    with SyncHTTPTransport(tls_ca_cert=front.authority.read_bytes(), http_version=HTTPVersion.HTTP3, timeout=20) as transport:
        yield SyncClient(transport)


def ask_aws(front: Front, client: SyncClient, operation: str, body: dict[str, object]) -> FullResponse:
    """A signed call of the AWS wire."""
    key_id, secret = access_key(front.deployment, "app")
    url, content = f"https://{HOST}:{front.port}/", json.dumps(body).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"}
    request = AWSRequest(method="POST", url=url, data=content, headers=headers)
    SigV4Auth(Credentials(key_id, secret), "kms", HOME).add_auth(request)
    return client.post(url, dict(request.headers.items()), content)


def test_a_signed_call_comes_over_http3(front: Front, http3: SyncClient) -> None:
    answer = ask_aws(front, http3, "GenerateRandom", {"NumberOfBytes": 8})
    assert answer.status == 200, answer.content
    assert len(b64decode(json.loads(answer.content)["Plaintext"])) == 8
    record = [each for each in front.deployment.audit(HOME) if each["eventName"] == "GenerateRandom"][-1]
    assert record["userIdentity"]["arn"].endswith("/app")
    assert record["sourceIPAddress"] == HOST


def test_a_call_of_grpc_comes_over_http3_with_a_token(front: Front, http3: SyncClient) -> None:
    bearer = (front.deployment.root / "clients" / "app.token").read_text().strip()
    headers = {"content-type": WEB, "x-meridian-caller-request-id": "over-http3"}  # this client shows no trailers of HTTP/3
    url = f"https://{HOST}:{front.port}{RANDOM.path}"
    answer = http3.post(url, {**headers, "authorization": f"Bearer {bearer}"}, framed(random()))
    assert answer.status == 200
    require_random(answer.content)
    (record,) = [each for each in front.deployment.audit(HOME) if "over-http3" in str(each)]
    assert record["tlsDetails"]["tlsVersion"] == "TLSv1.3"
    refused = http3.post(url, headers, framed(random()))
    assert refused.headers.get("grpc-status") == str(UNAUTHENTICATED)


def test_who_comes_over_tcp_is_told_of_http3(front: Front) -> None:
    assert front.ask(framed(random())).headers["alt-svc"] == f'h3=":{front.port}"; ma=86400'


def test_connections_of_http3_have_their_bound(front: Front) -> None:
    transports = [
        SyncHTTPTransport(tls_ca_cert=front.authority.read_bytes(), http_version=HTTPVersion.HTTP3, timeout=3) for _ in range(CONNECTIONS)
    ]
    served = 0
    for transport in transports:
        try:
            served += ask_aws(front, SyncClient(transport), "GenerateRandom", {"NumberOfBytes": 8}).status == 200
        except (OSError, pyqwest.ReadError, pyqwest.WriteError, pyqwest.ConnectTimeout):
            continue
    assert 0 < served <= HTTP3_CONNECTIONS
    for transport in transports:
        transport.close()
    with front.deployment.client(caller="app") as app:
        assert app.generate_random(number_of_bytes=8).plaintext


def test_a_taken_port_of_udp_is_told_before_anything_starts(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME], settings_added=ADDED).prepare()
    port = deployment.place(HOME).grpc_port
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(deployment.place(HOME).settings), "--allow-file-seal"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, port))
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (SETUP, "")
    assert f"cannot start: front.http3: cannot receive UDP on {HOST}:{port}: Address already in use\n" in done.stderr
