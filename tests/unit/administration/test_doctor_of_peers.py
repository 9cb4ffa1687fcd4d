"""What `region doctor` says of other Regions: a line for each with its release and its clock, and what to do where they differ."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import grpc
import pytest

from meridian.adapters.clock_system import SystemClock
from meridian.administration.doctor_peers import look_at_peers
from meridian.administration.finding import Finding, Seen
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.domain.peer_message import PROTOCOL_VERSION
from meridian.domain.peers import region_server_name
from meridian.peer.v1 import replication_pb2 as wire
from meridian.settings import PeerSettings

OWN, AWAY = "us-east-1", "eu-west-1"
KEY = b"a transport key"
RELEASE = version("meridian")


@dataclass(frozen=True)
class Tls:
    certificate: bytes
    private_key: bytes
    client_ca: bytes


def leaf(authority: CertificateFiles, region: str) -> CertificateFiles:
    return new_leaf(authority, region, datetime.now(UTC), dns_names=[region_server_name(region)])


@contextlib.contextmanager
def region_that_says(answer: bytes) -> Iterator[tuple[PeerSettings, Tls]]:
    """Another Region, as the settings of this one name it, and what this one shows it."""
    authority = new_authority("peers", datetime.now(UTC))
    theirs, own = leaf(authority, AWAY), leaf(authority, OWN)

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)

    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((Handler(),))
    pair = [(theirs.private_key, theirs.certificate)]
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair, authority.certificate, True))
    server.start()
    peer = PeerSettings(
        region=AWAY,
        address=f"127.0.0.1:{port}",
        spiffe_id=f"spiffe://example.internal/region/{AWAY}",
        transport_fingerprint=sha256(KEY).hexdigest(),
    )
    try:
        yield peer, Tls(own.certificate, own.private_key, authority.certificate)
    finally:
        server.stop(0).wait(5)


def looked(**told: Any) -> list[Finding | Seen]:
    answer = wire.GetTransportOfferResponse(transport_public_key=KEY, **told).SerializeToString()
    with region_that_says(answer) as (peer, files):
        return asyncio.run(look_at_peers([peer], files, SystemClock()))


def in_microseconds(later: timedelta) -> int:
    return int((datetime.now(UTC) + later).timestamp() * 1_000_000)


def test_a_region_of_this_release_and_time_is_well() -> None:
    release, clock = looked(release=RELEASE, protocol_version=PROTOCOL_VERSION, answered_us=in_microseconds(timedelta(0)))
    assert release == Seen("peer", AWAY, f"release {RELEASE}, protocol {PROTOCOL_VERSION}")
    assert (type(clock), clock.what, clock.subject) == (Seen, "peer clock", AWAY)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"release": "9.9.9", "protocol_version": PROTOCOL_VERSION}, "release 9.9.9, protocol 1"),
        ({"release": RELEASE, "protocol_version": 99}, f"release {RELEASE}, protocol 99"),
        ({}, "release an earlier one, which does not tell it"),
    ],
)
def test_another_release_or_protocol_is_told_with_what_to_do(told: dict[str, Any], said: str) -> None:
    (found,) = looked(**told)
    assert isinstance(found, Finding)
    assert found.why.startswith(said)
    assert found.why.endswith(f"here release {RELEASE}, protocol {PROTOCOL_VERSION}")
    assert found.do.startswith("upgrade the older one")


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_goes_wrong_is_told_with_how_far(hours: int) -> None:
    _, clock = looked(release=RELEASE, protocol_version=PROTOCOL_VERSION, answered_us=in_microseconds(timedelta(hours=hours)))
    assert isinstance(clock, Finding)
    assert (clock.what, clock.do) == ("peer clock", "set both by NTP")
    assert abs(float(clock.why.split(" ")[0]) - 3600 * hours) < 60


@pytest.mark.parametrize("answer", [b"\xff\xff\xff", wire.GetTransportOfferResponse(release="x" * 65).SerializeToString()])
def test_an_answer_that_cannot_be_read_is_told(answer: bytes) -> None:
    with region_that_says(answer) as (peer, files):
        (found,) = asyncio.run(look_at_peers([peer], files, SystemClock()))
    assert isinstance(found, Finding)
    assert found.what == "peer"
