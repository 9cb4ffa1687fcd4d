"""Bytes of gRPC over HTTP/2, each against what its specification says."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pytest
from google.rpc import code_pb2

from meridian import errors as e
from meridian.transport.envoy.grpc_frames import (
    FrameFault,
    binary,
    encoding_of,
    framed,
    is_grpc,
    message_in,
    message_text,
    timeout_of,
)
from meridian.transport.envoy.grpc_message import UnaryMessage

MOST = 1000


@pytest.mark.parametrize(
    ("text", "seconds"), [("1H", 3600), ("2M", 120), ("3S", 3), ("4m", 0.004), ("5u", 5e-6), ("6n", 6e-9), ("99999999S", 99_999_999)]
)
def test_a_timeout_is_digits_and_a_unit(text: str, seconds: float) -> None:
    assert timeout_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "S", "1", "1s", "123456789S", "-1S", "1.5S", " 1S", "1S ", "\u0661S"])
def test_what_is_no_timeout_is_refused(text: str) -> None:
    with pytest.raises(FrameFault):
        timeout_of(text)


@pytest.mark.parametrize("text", ["plain", "100%", "schlüssel", "two\nlines", "\x00\x7f", "名前", ""])
def test_a_message_of_a_status_comes_back_as_it_was_and_is_plain_on_its_way(text: str) -> None:
    sent = message_text(text)
    assert all(0x20 <= byte <= 0x7E for byte in sent)
    assert unquote(sent.decode()) == text


def test_a_binary_header_has_no_padding() -> None:
    assert [binary(b"a" * count) for count in range(4)] == [b"", b"YQ", b"YWE", b"YWFh"]


@pytest.mark.parametrize(
    ("content_type", "is_one"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc;charset=utf-8", True),
        ("application/grpc-web", False),
        ("application/grpc-web+proto", False),
        ("application/x-amz-json-1.1", False),
        ("", False),
    ],
)
def test_what_is_named_grpc(content_type: str, is_one: bool) -> None:
    assert is_grpc(content_type) is is_one


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_message_is_read_within_its_bound(encoding: str, pack: Any) -> None:
    assert message_in(b"\1" + b"\0" * 4 + pack(b"x" * MOST), encoding, MOST) == b"x" * MOST
    for bad, code in (
        (pack(b"x" * (MOST + 1)), code_pb2.RESOURCE_EXHAUSTED),
        (pack(b"x" * 10_000_000), code_pb2.RESOURCE_EXHAUSTED),
        (pack(b"x")[:-1], code_pb2.INTERNAL),
        (pack(b"x") + b"more", code_pb2.INTERNAL),
        (b"", code_pb2.INTERNAL),
    ):
        with pytest.raises(FrameFault) as refused:
            message_in(b"\1" + b"\0" * 4 + bad, encoding, MOST)
        assert refused.value.code == code


def test_a_small_message_that_would_become_huge_takes_no_memory() -> None:
    bomb = b"\1" + b"\0" * 4 + gzip.compress(b"x" * 20_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(FrameFault):
            message_in(bomb, "gzip", MOST)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_encoding_that_is_not_read_is_not_implemented() -> None:
    assert [encoding_of(name) for name in ("", "identity", "gzip", "deflate")] == ["identity", "identity", "gzip", "deflate"]
    with pytest.raises(FrameFault) as refused:
        encoding_of("zstd")
    assert refused.value.code == code_pb2.UNIMPLEMENTED


def read(parts: Sequence[bytes], *, left: bool = False) -> bytes | None:
    """What becomes of a body that comes in these parts; `left`: the caller goes before its end."""
    events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if left:
        events.append({"type": "http.disconnect"})
    else:
        events[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        return events.pop(0)

    return asyncio.run(UnaryMessage(receive, "identity", MOST).read())


@pytest.mark.parametrize("cut", range(8))
def test_a_message_is_the_same_however_it_comes(cut: int) -> None:
    frame = framed(b"abc")
    assert read([frame[:cut], frame[cut:]]) == b"abc"
    assert read([frame, b""]) == b"abc"
    assert read([b""]) is None


@pytest.mark.parametrize("parts", [[framed(b"a") * 2], [framed(b"a"), b"\0"], [framed(b"abc")[:-1]], [b"\0\0"], [b"\0\0\0\xff\xff"]])
def test_what_is_not_one_message_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(FrameFault):
        read(parts)


def test_a_message_that_says_it_is_too_long_is_refused_before_it_comes() -> None:
    with pytest.raises(FrameFault) as refused:
        read([b"\0" + (MOST + 1).to_bytes(4, "big"), b"never read"], left=True)
    assert refused.value.code == code_pb2.RESOURCE_EXHAUSTED


def test_who_leaves_has_sent_no_message() -> None:
    with pytest.raises(e.CallerLeft):
        read([framed(b"abc")[:4]], left=True)
