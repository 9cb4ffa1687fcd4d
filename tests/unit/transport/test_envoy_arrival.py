"""Who calls and from where, as Envoy shows it: what a caller makes up himself is believed nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from meridian.crypto.certificates import new_authority, new_leaf
from meridian.transport.envoy.arrival import UNREADABLE, arrival_of

SPIFFE = "spiffe://meridian/app"
NOW = datetime.now(UTC)
AUTHORITY = new_authority("authority", NOW)
HASH = "0123456789abcdef" * 4


def pem(spiffe_id: str = SPIFFE) -> bytes:
    return new_leaf(AUTHORITY, "leaf", NOW, spiffe_id=spiffe_id).certificate


def told(certificate: bytes, before: str = "") -> bytes:
    """As Envoy writes it."""
    return f'{before}Hash={HASH};Cert="{quote(certificate.decode(), safe="")}"'.encode()


def scope(
    *headers: tuple[bytes, bytes], tls: int | None = 0x0304, client: tuple[str, int] | None = ("192.0.2.1", 5), version: str = "2"
) -> dict[str, Any]:
    return {
        "headers": list(headers),
        "raw_path": b"/a.Service/Method",
        "scheme": "https",
        "http_version": version,
        "client": client,
        "extensions": {"tls": {"tls_version": tls}} if tls is not None else {},
    }


def test_a_certificate_is_read_and_has_its_name() -> None:
    found = pem()
    evidence = arrival_of(scope((b"x-forwarded-client-cert", told(found)))).evidence
    assert (evidence.certificate_pem, evidence.spiffe_id, evidence.shows_no_certificate) == (found, SPIFFE, False)
    assert evidence.tls_version == "TLSv1.3"
    by = arrival_of(scope((b"x-forwarded-client-cert", told(found, "By=spiffe://meridian/server;")))).evidence
    assert by.spiffe_id == SPIFFE


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"URI=spiffe://meridian/app",
        told(pem()) + b";URI=spiffe://meridian/admin",
        told(pem()) + b"," + told(pem()),
        b'Hash=00;Cert="x"',
        f'Hash={HASH};Cert="'.encode() + b'x";Cert="y"',
        f"Hash={HASH}".encode(),
    ],
)
def test_anything_else_is_a_certificate_that_cannot_be_read_and_never_none(value: bytes) -> None:
    evidence = arrival_of(scope((b"x-forwarded-client-cert", value))).evidence
    assert (evidence.certificate_pem, evidence.spiffe_id, evidence.shows_no_certificate) == (UNREADABLE, "", False)


def test_two_of_them_are_none_that_is_believed() -> None:
    header = (b"x-forwarded-client-cert", told(pem()))
    assert arrival_of(scope(header, header)).evidence.certificate_pem == UNREADABLE


def test_no_certificate_is_told_as_such() -> None:
    evidence = arrival_of(scope((b"x-forwarded-for", b"203.0.113.9"))).evidence
    assert (evidence.certificate_pem, evidence.spiffe_id, evidence.shows_no_certificate) == (b"", "", True)
    assert evidence.source_ip == "192.0.2.1"


@pytest.mark.parametrize("name", ["https://meridian/app", "spiffe://meridian", "spiffe://meridian/", f"spiffe://{'d' * 256}/app"])
def test_a_name_that_is_no_spiffe_id_is_none(name: str) -> None:
    assert arrival_of(scope((b"x-forwarded-client-cert", told(pem(name))))).evidence.spiffe_id == ""


@pytest.mark.parametrize(
    ("client", "address", "peer"),
    [
        (("192.0.2.7", 49152), "192.0.2.7", "ipv4:192.0.2.7:49152"),
        (("::ffff:192.0.2.7", 49152), "192.0.2.7", "ipv6:[::ffff:192.0.2.7]:49152"),
        (("2001:db8::1", 1), "2001:db8::1", "ipv6:[2001:db8::1]:1"),
        (None, "127.0.0.1", "ipv4:127.0.0.1:0"),
    ],
)
def test_the_far_end_is_that_of_the_connection(client: tuple[str, int] | None, address: str, peer: str) -> None:
    arrival = arrival_of(scope(client=client))
    assert (arrival.evidence.source_ip, arrival.peer) == (address, peer)


def test_the_far_end_of_a_call_over_http_3_says_so() -> None:
    assert arrival_of(scope(version="3")).peer == "udp:192.0.2.1:5"


def test_a_header_that_is_read_and_comes_twice_is_told() -> None:
    header = (b"x-meridian-client-token", b"a")
    assert arrival_of(scope(header)).evidence.repeated == ""
    assert arrival_of(scope(header, header)).evidence.repeated == "x-meridian-client-token"


@pytest.mark.parametrize("tls", [None, 0x0302, 0])
def test_a_version_of_tls_that_is_not_spoken_is_not_named(tls: int | None) -> None:
    assert arrival_of(scope(tls=tls)).evidence.tls_version == ""


def test_the_callers_trace_is_taken_as_it_came_and_of_several_the_last() -> None:
    one, two = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    assert arrival_of(scope()).evidence.traceparent == ""
    assert arrival_of(scope((b"traceparent", one))).evidence.traceparent == one.decode()
    evidence = arrival_of(scope((b"traceparent", one), (b"traceparent", two))).evidence
    assert (evidence.traceparent, evidence.repeated) == (two.decode(), "")
