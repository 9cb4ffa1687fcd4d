"""On the AWS wire a request is read once, and nothing of it before its caller is known: what is signed is what is run, and what
nobody signed costs and shows nothing."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adversary.raw_http import Headers, exchange, post, signed_headers
from tests.aws import kms
from tests.deployment import HOME, Deployment

import meridian
from meridian.client import Client
from meridian.domain.addresses import plain_address

pytestmark = pytest.mark.timeout(120)

IMPORT = b'{"KeyId": "x", "ImportToken": "eA==", "EncryptedKeyMaterial": "eA==", "ValidTo": %b}'
TAGS = json.dumps({"Tags": [{"TagKey": f"k{number:05d}", "TagValue": "v"} for number in range(7000)]}, separators=(",", ":")).encode()
READ = (
    "authorization", "connection", "content-length", "content-type", "expect", "host", "transfer-encoding", "upgrade", "user-agent",
    "x-amz-date", "x-amz-security-token", "x-amz-target", "x-forwarded-for",
)  # fmt: skip
"""Headers that something in the service reads; `test_every_header_that_is_read_is_known_here` finds one that is missing."""


@pytest.fixture(scope="module")
def key_id(regions_of_a_front: Deployment) -> str:
    name: str = kms(regions_of_a_front).create_key()["KeyMetadata"]["KeyId"]
    return name


def mutations(deployment: Deployment, key: str) -> list[str]:
    """What was done to a key, beside being made."""
    return [r["eventName"] for r in deployment.audit(HOME) if not r.get("readOnly", True) and key in json.dumps(r) and "errorCode" not in r]


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["DisableKey", "ScheduleKeyDeletion", "GetKeyPolicy"])
def test_what_was_signed_is_what_is_run(regions_of_a_front: Deployment, key_id: str, operation: str, is_first: bool) -> None:
    body = json.dumps({"KeyId": key_id}).encode()
    captured = signed_headers(regions_of_a_front, "DescribeKey", body)
    before = mutations(regions_of_a_front, key_id)
    for name in ("X-Amz-Target", "x-amz-target", "X-AMZ-TARGET"):
        added = [(name, f"TrentService.{operation}")]
        status, answer = post(regions_of_a_front, [*added, *captured] if is_first else [*captured, *added], body)
        assert (status, answer["__type"]) == (400, "SerializationException")
        assert "x-amz-target" in answer["message"]
    assert post(regions_of_a_front, captured, body)[0] == 200
    assert mutations(regions_of_a_front, key_id) == before


JOINED = {"accept", "connection", "expect", "upgrade", "user-agent", "x-forwarded-for"}
"""By which nothing is decided behind Envoy, which makes one of two, or throws both away."""
ENVOYS_OWN = {"content-length", "transfer-encoding"}
"""Refused by Envoy itself, in its own words."""


UNSIGNED = ("InvalidSignatureException", "IncompleteSignatureException")
"""What two are that Envoy made one of, where it is signed or is the signature."""


@pytest.mark.parametrize("name", [*READ, "x-amz-content-sha256", "accept", "x-anything-else"])
def test_no_header_is_read_from_two(regions_of_a_front: Deployment, key_id: str, name: str) -> None:
    """Envoy also leaves out the second of some where it is empty: what is read is then what the first says."""
    body, region = json.dumps({"KeyId": key_id}).encode(), regions_of_a_front
    headers = [(n, v) for n, v in signed_headers(region, "DescribeKey", body) if n.lower() != name]
    own = next((v for n, v in signed_headers(region, "DescribeKey", body) if n.lower() == name), "127.0.0.1")
    for other in (own, "1", ""):
        for pair in ([own, other], [other, own]):
            status, answer = post(region, [*headers, *[(name, value) for value in pair]], body)
            if region.is_behind_envoy and (name in JOINED or (not other and status == 200)):
                continue
            assert status in (400, 411), (name, pair)
            if not (region.is_behind_envoy and name in ENVOYS_OWN):
                assert answer["__type"] in ("SerializationException", *(UNSIGNED if region.is_behind_envoy else ()))


OF_GRPC = {"content-type", "grpc-encoding", "grpc-timeout", "te"}
"""What the front behind Envoy reads of calls over gRPC; Envoy joins those that come twice, and joined they are of no form that is taken."""
OF_ENVOY = {
    "x-envoy-external-address", "x-envoy-internal", "x-envoy-original-path", "x-forwarded-client-cert", "x-forwarded-host",
    "x-forwarded-port", "x-forwarded-prefix", "x-real-ip",
}  # fmt: skip
"""What Envoy removes of what callers send, or says itself: `contract/test_fronts.py` forges them."""


OF_PAGES = {"x-grpc-web", "x-meridian-sent-content-type", "x-user-agent"}
"""What pages may send over gRPC-Web, and what Envoy says they sent: `scenario/test_envoy_web_and_http3.py` forges it."""


def headers_asked(files: Iterable[Path]) -> set[str]:
    source = "".join(path.read_text() for path in files)
    return set(re.findall(r"""headers(?:\.get\(|\[)["']([a-z0-9-]+)["']""", source)) | set(re.findall(r'"(x-[a-z0-9-]+)"', source))


def test_every_header_that_is_read_is_known_here() -> None:
    package = Path(meridian.__file__).parent
    files = [path for room in ("transport", "authentication", "pipeline") for path in (package / room).rglob("*.py")]
    behind_envoy = [path for path in files if path.parent.name == "envoy"]
    asked = headers_asked(set(files) - set(behind_envoy))
    assert {"authorization", "x-amz-target", "x-amz-date", "user-agent"} <= asked
    assert asked - {"x-amzn-requestid", "x-amz-retry-after"} <= set(READ), "but for those of answers"
    assert headers_asked(behind_envoy) - set(READ) == (OF_GRPC | OF_ENVOY | OF_PAGES) - set(READ)


def test_nobody_says_from_where_he_calls(regions_of_a_front: Deployment, key_id: str) -> None:
    body = json.dumps({"KeyId": key_id}).encode()
    mark = f"agent-{uuid.uuid4()}"
    claims = {"X-Forwarded-For": "10.9.9.9", "X-Real-IP": "10.9.9.9", "Forwarded": "for=10.9.9.9;proto=https", "X-Forwarded-Proto": "https"}
    headers = [*signed_headers(regions_of_a_front, "DescribeKey", body), ("User-Agent", mark), *claims.items()]
    assert post(regions_of_a_front, headers, body)[0] == 200
    (record,) = [r for r in regions_of_a_front.audit(HOME) if r.get("userAgent") == mark]
    assert record["sourceIPAddress"] == "127.0.0.1"
    told = record["meridian"].get("request", {})
    assert told.get("secureTransport", True) is regions_of_a_front.is_behind_envoy
    with Client(regions_of_a_front.endpoint(HOME, "developer")) as client:
        client.describe_key(key_id=key_id)
    last = [r for r in regions_of_a_front.audit(HOME) if r["eventName"] == "DescribeKey"][-1]
    assert plain_address(last["sourceIPAddress"]) == last["sourceIPAddress"] == "127.0.0.1"


@pytest.fixture
def quiet_region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A Region that nobody else calls; failed authentications are not delayed, so that many can be counted."""
    added = "limits.failed_authentications_per_minute = 0\n"
    deployment = Deployment(tmp_path_factory.mktemp("anonymous"), [HOME], settings_added=added).prepare()
    with deployment.serving():
        yield deployment


def cpu_seconds(deployment: Deployment) -> float:
    """Of the Region's process, so far."""
    fields = Path(f"/proc/{deployment.processes[HOME].pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def anonymous(deployment: Deployment) -> list[tuple[str, Headers]]:
    """Ways not to prove who one is, each with the error that answers it."""
    known = signed_headers(deployment, "CreateKey", b"another body")
    forged = dict(known)["Authorization"]
    kept = [(n, v) for n, v in known if n.lower() not in ("authorization", "content-length")]
    length = ("Content-Length", str(len(TAGS)))
    return [
        ("MissingAuthenticationTokenException", [*kept, length]),
        ("IncompleteSignatureException", [*kept, length, ("Authorization", "AWS4-HMAC-SHA256 nothing")]),
        ("UnrecognizedClientException", [*kept, length, ("Authorization", forged.replace("AKIA", "AKIB"))]),
        ("InvalidSignatureException", [*kept, length, ("Authorization", forged.replace(HOME, "eu-west-1"))]),
        ("InvalidSignatureException", [*kept, length, ("Authorization", forged)]),
        ("InvalidSignatureException", [*kept, length, ("Authorization", forged.partition("Signature=")[0] + "Signature=" + "\xe9" * 64)]),
    ]


def test_nothing_of_an_anonymous_body_is_parsed_or_recorded(quiet_region: Deployment) -> None:
    rounds = 15
    audit = quiet_region.place(HOME).folder / "audit"

    def spent(headers: Headers, body: bytes, expected: str) -> float:
        before = cpu_seconds(quiet_region)
        for _ in range(rounds):
            status, answer = post(quiet_region, headers, body)
            assert (status, answer["__type"]) == (400, expected)
        return cpu_seconds(quiet_region) - before

    unreadable = b"\xff" * len(TAGS)
    ways = anonymous(quiet_region)
    for expected, headers in ways:
        # Who looked at this body would refuse it in another way.
        spent(headers, unreadable, expected)
        # To parse this one takes 90 ms on a quiet machine.
        assert spent(headers, TAGS, expected) < rounds * 0.03
    assert post(quiet_region, signed_headers(quiet_region, "CreateKey", TAGS), TAGS)[1]["__type"] == "SerializationException"

    def lines() -> list[bytes]:
        return b"".join(path.read_bytes() for path in audit.glob("*.jsonl")).splitlines()

    def counted() -> int:
        return sum(json.loads(line)["serviceEventDetails"]["count"] for line in lines() if b"AuthenticationFailed" in line)

    quiet_region.wait_until(lambda: counted() == 2 * rounds * len(ways))
    assert max(len(line) for line in lines() if b"AuthenticationFailed" in line) < 2048
    assert b"k00001" not in b"".join(lines())


def odd_requests() -> list[tuple[str, bytes, int]]:
    """Bytes that are no good request, with the status that answers them."""
    post_line = b"POST / HTTP/1.1\r\nHost: h\r\n"
    target = b"X-Amz-Target: TrentService.ListKeys\r\n"
    return [
        ("no HTTP", b"\x00\x01\x02\r\n\r\n", 400),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, 400),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("absurd host", b"POST / HTTP/1.1\r\nHost: [::1\r\n" + target + b"\r\n", 400),
        ("two hosts", post_line + b"Host: i\r\n" + target + b"\r\n", 400),
        ("chunked", post_line + target + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        ("two lengths", post_line + target + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        ("negative length", post_line + target + b"Content-Length: -2\r\n\r\n{}", 400),
        ("endless length", post_line + target + b"Content-Length: 99999999999999999999\r\n\r\n{}", 400),
        ("long body", post_line + target + b"Content-Length: 100000000\r\n\r\n{}", 400),
        ("non-ASCII target", post_line + b"X-Amz-Target: TrentService.\xe9\r\n\r\n", 400),
        ("non-ASCII signature", post_line + target + b"Authorization: AWS4-HMAC-SHA256 Signature=\xff\r\n\r\n", 400),
        ("upgrade", post_line + target + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        ("twice the parameter", b"POST /?a=1&a=2 HTTP/1.1\r\nHost: h\r\n" + target + b"\r\n", 400),
        ("absolute form", b"POST http://h/ HTTP/1.1\r\nHost: h\r\n" + target + b"\r\n", 400),
        ("path", b"POST /../etc HTTP/1.1\r\nHost: h\r\n" + target + b"\r\n", 404),
        ("method", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("giant header", post_line + b"A: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        ("many headers", post_line + b"".join(b"A%d: b\r\n" % number for number in range(5_000)) + b"\r\n", 431),
    ]


@pytest.mark.parametrize(
    ("sent", "status"), [(data, status) for _, data, status in odd_requests()], ids=[name for name, *_ in odd_requests()]
)
def test_odd_requests_have_typed_answers(two_regions: Deployment, sent: bytes, status: int) -> None:
    got, answer = exchange(two_regions.place(HOME).aws_port, sent)
    assert got == status
    assert answer["__type"].endswith("Exception")
    admin: Any = exchange(two_regions.place(HOME).admin_port, sent)
    assert 400 <= admin[0] < 500


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("ListKeys", b'{"Limit": 1, "Limit": 2}'),
        ("ListKeys", b'{"Limit": 1, "Lim\\u0069t": 2}'),
        ("Encrypt", b'{"KeyId": "x", "Plaintext": "eA==", "EncryptionContext": {"a": "b", "a": "c"}}'),
        ("ListKeys", b'{"Unknown": {"a": 1, "a": 1}}'),
        ("ListKeys", b"[" * 100_000),
        ("ListKeys", b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
        ("ListKeys", b'{"Marker": "\\ud800"}'),
        ("ListKeys", b'{"Limit": NaN}'),
        ("ImportKeyMaterial", IMPORT % b"true"),
        ("ImportKeyMaterial", IMPORT % b'"tomorrow"'),
        ("CreateKey", TAGS),
    ],
)
def test_a_known_caller_says_each_thing_once_and_within_bounds(two_regions: Deployment, operation: str, body: bytes) -> None:
    status, answer = post(two_regions, signed_headers(two_regions, operation, body), body)
    assert (status, answer["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("moment", [b"1e18", b"1e999", b"-1e999", b"253402300800", b'"9999-12-31T23:59:59-14:00"', b"9" * 30])
def test_a_moment_that_no_calendar_has_is_refused_as_on_the_other_wire(two_regions: Deployment, moment: bytes) -> None:
    body = IMPORT % moment
    status, answer = post(two_regions, signed_headers(two_regions, "ImportKeyMaterial", body), body)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "'validTo'" in answer["message"]
