"""The head of a request is read once, into one value; what could be read in two ways is refused."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meridian.domain import addresses
from meridian.domain.addresses import ADDRESS_CHARACTERS_MAX
from meridian.domain.request_head import RequestHead
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.http1.head import HOPS_MAX, PARAMETERS_MAX, Networks, Peer
from meridian.transport.http1.reader import HEAD_BYTES_MAX, RequestReader, Stage

HERE = Peer("127.0.0.1", ())
TOKEN = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=1, max_size=20)
FRAMING = {"content-length", "transfer-encoding", "upgrade", "connection", "expect"}
"""The parser itself has a word to say about these."""


async def nobody(_body: bytes, _known: Known) -> Answer:
    raise AssertionError("nothing is answered here")


def reader(peer: Peer = HERE) -> tuple[RequestReader, list[RequestHead]]:
    heads: list[RequestHead] = []

    def begin(head: RequestHead) -> Exchange:
        heads.append(head)
        return Exchange(True, nobody)

    return RequestReader(peer, begin, 1000), heads


def read(data: bytes, peer: Peer = HERE) -> RequestHead:
    read_by, heads = reader(peer)
    read_by.feed(data)
    assert len(heads) == 1
    return heads[0]


def refusal(data: bytes, peer: Peer = HERE) -> HttpFault:
    read_by, heads = reader(peer)
    with pytest.raises(RefusedRequest) as caught:
        read_by.feed(data)
    assert not heads
    return caught.value.fault


def request(*lines: str, line: str = "POST / HTTP/1.1") -> bytes:
    return "\r\n".join([line, "Host: h", *lines, "", ""]).encode("latin-1")


def test_a_head_is_one_value() -> None:
    head = read(request("X-Amz-Target:  TrentService.Encrypt ", "Content-Length: 3", line="POST /a%20b?x=1&y=%C3%A9 HTTP/1.1") + b"{} ")
    assert (head.method, head.path, head.query) == ("POST", "/a%20b", (("x", "1"), ("y", "é")))
    assert head.headers == {"host": "h", "x-amz-target": "TrentService.Encrypt", "content-length": "3"}
    assert (head.address, head.content_length) == ("127.0.0.1", 3)
    with pytest.raises(TypeError):
        head.headers["host"] = "other"  # type: ignore[index]  # the wrong write is the test
    with pytest.raises(AttributeError):
        head.path = "/other"  # type: ignore[misc]  # the same


@given(name=TOKEN.filter(lambda name: name.lower() not in FRAMING), first=TOKEN, second=TOKEN, upper=st.booleans())
def test_no_header_comes_twice(name: str, first: str, second: str, upper: bool) -> None:
    again = name.upper() if upper else name.lower()
    assert refusal(request(f"{name}: {first}", f"{again}: {second}")) is HttpFault.REPEATED_HEADER
    assert refusal(request("Accept: x", f"{name}: {first}", "User-Agent: y", f"{again}: {first}")) is HttpFault.REPEATED_HEADER


@pytest.mark.parametrize("name", sorted(FRAMING | {"host"}))
def test_no_header_that_frames_the_message_comes_twice(name: str) -> None:
    value = {"content-length": "1", "transfer-encoding": "chunked", "connection": "keep-alive"}.get(name, "x")
    assert refusal(request(f"{name}: {value}", f"{name}: {value}")) in (HttpFault.REPEATED_HEADER, HttpFault.MALFORMED)


@pytest.mark.parametrize("query", ["a=1&a=2", "a=1&%61=1", "a&a", "a=1&b=2&a=", "=1&=2"])
def test_no_parameter_comes_twice(query: str) -> None:
    assert refusal(request(line=f"POST /?{query} HTTP/1.1")) is HttpFault.REPEATED_PARAMETER


def test_there_are_so_many_parameters_and_no_more() -> None:
    query = "&".join(f"a{number}=%41" for number in range(PARAMETERS_MAX))
    assert len(read(request(line=f"POST /?{query} HTTP/1.1")).query) == PARAMETERS_MAX
    for more in (f"{query}&b", "&" * PARAMETERS_MAX, "&%ff" * 3000):
        assert refusal(request(line=f"POST /?{more} HTTP/1.1")) is HttpFault.TOO_MANY_PARAMETERS


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", HttpFault.MALFORMED),
        (b"POST / HTTP/1.1\r\n bad\r\n\r\n", HttpFault.MALFORMED),
        (b"POST / HTTP/1.1\r\nA\x00: b\r\n\r\n", HttpFault.MALFORMED),
        (b"POST / HTTP/1.1\r\nA: b\x00\r\n\r\n", HttpFault.MALFORMED),
        (b"POST / HTTP/1.1\r\nA : b\r\n\r\n", HttpFault.MALFORMED),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HttpFault.MALFORMED),
        (request(line="POST http://h/ HTTP/1.1"), HttpFault.MALFORMED),
        (request(line="SOURCE / ICE/1.0"), HttpFault.VERSION),
        (request(line="GET / RTSP/1.0"), HttpFault.VERSION),
        (request(line="POST / RTSP/1.0"), HttpFault.VERSION),
        (b"\r\n\r\n" + request(line="POST / RTSP/1.0"), HttpFault.VERSION),
        (request(line="POST / HTTP/2.0"), HttpFault.VERSION),
        (request(line="GET / HTTP/0.9"), HttpFault.VERSION),
        (request(line="GET /"), HttpFault.VERSION),
        (request(line="POST / HTTP/1.2"), HttpFault.MALFORMED),
        (request(line="POST / ICE/1.0"), HttpFault.MALFORMED),
        (request(line="DESCRIBE / RTSP/1.0"), HttpFault.VERSION),
        (request(line="CONNECT h:1 HTTP/1.1"), HttpFault.UPGRADE),
        (request(line="OPTIONS * HTTP/1.1"), HttpFault.MALFORMED),
        (request(line="POST /?%ff HTTP/1.1"), HttpFault.MALFORMED),
        (request(line="POST /\xe9 HTTP/1.1"), HttpFault.MALFORMED),
        (request("Content-Length: -1"), HttpFault.MALFORMED),
        (request("Content-Length: 1, 1"), HttpFault.MALFORMED),
        (request("Content-Length: 99999999999999999999999"), HttpFault.MALFORMED),
        (request("Content-Length: 2", "Transfer-Encoding: chunked"), HttpFault.MALFORMED),
        (request("Transfer-Encoding: chunked"), HttpFault.LENGTH_REQUIRED),
        (request("Transfer-Encoding: gzip, chunked"), HttpFault.LENGTH_REQUIRED),
        (request("Connection: upgrade", "Upgrade: h2c"), HttpFault.UPGRADE),
        (request("Content-Length: 0") + request("Content-Length: 0"), HttpFault.PIPELINED),
        (b"POST / HTTP/1.1\r\nA: " + b"x" * HEAD_BYTES_MAX, HttpFault.HEAD_TOO_LARGE),
        (b"POST /" + b"x" * HEAD_BYTES_MAX, HttpFault.HEAD_TOO_LARGE),
        (b"\r\n" * HEAD_BYTES_MAX, HttpFault.HEAD_TOO_LARGE),
    ],
)
def test_what_is_no_request(data: bytes, fault: HttpFault) -> None:
    read_by, _ = reader()
    with pytest.raises(RefusedRequest) as caught:
        read_by.feed(data)
    assert caught.value.fault is fault


def test_a_head_has_a_bound_however_it_arrives() -> None:
    for piece in (1, 1000, HEAD_BYTES_MAX - 20):
        read_by, heads = reader()
        read_by.feed(b"POST / HTTP/1.1\r\nA: ")
        with pytest.raises(RefusedRequest) as caught:
            for _ in range(HEAD_BYTES_MAX // piece + 1):
                read_by.feed(b"x" * piece)
        assert caught.value.fault is HttpFault.HEAD_TOO_LARGE
        assert not heads
    longest = HEAD_BYTES_MAX - len(request("A: "))
    assert len(read(request("A: " + "x" * longest)).headers["a"]) == longest
    assert refusal(request("A: " + "x" * (longest + 1))) is HttpFault.HEAD_TOO_LARGE


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_any_bytes_are_a_request_or_refused(data: bytes, cut: int) -> None:
    for start in (b"", b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: h\r\n", b"POST /?"):
        read_by, _ = reader()
        try:
            read_by.feed((start + data)[:cut])
            read_by.feed((start + data)[cut:])
        except RefusedRequest:
            continue
        assert read_by.stage in Stage


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_the_request_line_is_read_however_it_arrives(piece: int) -> None:
    def feed(read_by: RequestReader, data: bytes) -> None:
        for at in range(0, len(data), piece):
            read_by.feed(data[at : at + piece])

    for version in ("HTTP/1.0", "HTTP/1.1"):
        read_by, heads = reader()
        feed(read_by, request("Connection: keep-alive", line=f"GET /RTSP/1.0 {version}"))
        assert not read_by.is_head
        read_by.next()
        feed(read_by, b"\r\n" + request("Connection: keep-alive", line=f"HEAD / {version}"))
        assert read_by.is_head
        assert [head.method for head in heads] == ["GET", "HEAD"]
    read_by, heads = reader()
    with pytest.raises(RefusedRequest) as caught:
        feed(read_by, b"\r\n" + request(line="GET /HTTP/1.1 RTSP/1.0"))
    assert (caught.value.fault, heads) == (HttpFault.VERSION, [])


def test_a_body_arrives_in_pieces_and_is_kept_where_it_is_wanted() -> None:
    read_by, _ = reader()
    data = request("Content-Length: 5") + b"hello"
    for at in range(len(data)):
        assert read_by.stage is not Stage.COMPLETE
        read_by.feed(data[at : at + 1])
    assert (read_by.stage, read_by.take_body()) == (Stage.COMPLETE, b"hello")
    read_by.next()
    read_by.feed(b"\r\n" + request())
    assert (read_by.stage, read_by.take_body()) == (Stage.COMPLETE, b"")


PROXIES: Networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1,198.51.100.1 , 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.2.2.2, 10.9.9.9", "10.2.2.2"),
        ("10.0.0.1", "what he wrote himself, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", ",,%,198.51.100.1,10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1," * 1500 + "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1" + ",10.9.9.9" * (HOPS_MAX - 1), "198.51.100.1"),
        ("10.0.0.1", "10.2.2.2" + ",10.9.9.9" * (HOPS_MAX - 1), "10.2.2.2"),
        ("10.0.0.1", "0000:0000:0000:0000:0000:ffff:198.251.100.100", "198.251.100.100"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:DB8::0001", "2001:db8::1"),
        ("::ffff:203.0.113.9", "198.51.100.1", "203.0.113.9"),
    ],
)
def test_who_is_on_the_other_end(peer: str, forwarded: str, client: str) -> None:
    assert read(request(f"X-Forwarded-For: {forwarded}"), Peer(peer, PROXIES)).address == client


def test_a_trusted_proxy_says_who_calls_or_nothing() -> None:
    proxy = Peer("10.0.0.1", PROXIES)
    assert read(request(), proxy).address == "10.0.0.1"
    odd_ones = ("", "unknown", "198.51.100.1:80", "198.51.100.1,", "_hidden", "1.2.3.4, x", "fe80::1%eth0", "198.51.100.1%1", "%")
    many = ("198.51.100.1" + ",10.9.9.9" * HOPS_MAX, "10.9.9.9," * HOPS_MAX + "10.9.9.9")
    for odd in (*odd_ones, *many, "0" * 46, "::" + "0" * 5000, f"2001:db8::1%{'z' * 5000}"):
        kept = addresses._plain.cache_info().currsize
        assert refusal(request(f"X-Forwarded-For: {odd}"), proxy) is HttpFault.FORWARDED_FOR
        assert len(odd) <= ADDRESS_CHARACTERS_MAX or odd in many or addresses._plain.cache_info().currsize == kept
    assert read(request("X-Forwarded-For: unknown"), HERE).address == "127.0.0.1"
