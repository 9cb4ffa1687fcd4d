"""gRPC over HTTP/2, the bytes: messages in frames, timeouts, texts and statuses in headers.

Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md); gRPC compression (compression.md).
"""

from __future__ import annotations

import re
import zlib
from base64 import b64encode
from typing import Final
from urllib.parse import quote

from google.rpc import code_pb2

FRAME_HEAD_BYTES: Final = 5
"""A flag, and the length of the message."""
COMPRESSED: Final = 1
IDENTITY: Final = "identity"
WINDOWS: Final = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""THE table of encodings that are read, by zlib's number for the frame around them."""
ACCEPTED: Final = ",".join((IDENTITY, *sorted(WINDOWS)))
TIMEOUT: Final = re.compile(r"([0-9]{1,8})([HMSmun])")
SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
"""What a `grpc-message` shows as it is."""
CONTENT_TYPE: Final = "application/grpc"


class FrameFault(Exception):
    """A call whose bytes are not what gRPC says; with the code of its status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def is_grpc(content_type: str) -> bool:
    """Whether this names gRPC over HTTP/2, and not gRPC-Web, whose name begins alike."""
    return content_type == CONTENT_TYPE or content_type.startswith((f"{CONTENT_TYPE}+", f"{CONTENT_TYPE};"))


def framed(message: bytes) -> bytes:
    """One message, not compressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def length_of(data: bytes, most: int) -> int:
    """The bytes of the message whose frame begins here, with its head. Raises: FrameFault for more than there may be."""
    length = int.from_bytes(data[1:FRAME_HEAD_BYTES], "big")
    if length > most:
        raise FrameFault(code_pb2.RESOURCE_EXHAUSTED, f"Received message larger than max ({length} vs. {most})")
    return FRAME_HEAD_BYTES + length


def message_in(frame: bytes, encoding: str, most: int) -> bytes:
    """The message of one whole frame. Raises: FrameFault."""
    flag, data = frame[0], frame[FRAME_HEAD_BYTES:]
    if flag == 0:
        return data
    if flag != COMPRESSED:
        raise FrameFault(code_pb2.INTERNAL, f"Bad GRPC frame type 0x{flag:02x}")
    if encoding == IDENTITY:
        raise FrameFault(code_pb2.INTERNAL, "The message is compressed, and no grpc-encoding says how")
    return _unpacked(data, WINDOWS[encoding], most)


def encoding_of(named: str) -> str:
    """How compressed messages of a call are compressed; `identity` where nothing is named. Raises: FrameFault for what is not read."""
    if named in ("", IDENTITY) or named in WINDOWS:
        return named or IDENTITY
    raise FrameFault(code_pb2.UNIMPLEMENTED, "Compression algorithm is not supported")


def _unpacked(data: bytes, window: int, most: int) -> bytes:
    """Never more than one byte too many is made of what is small when it comes."""
    unpacking = zlib.decompressobj(window)
    try:
        message = unpacking.decompress(data, most + 1)
    except zlib.error as fault:
        raise FrameFault(code_pb2.INTERNAL, "The message cannot be decompressed") from fault
    if len(message) > most:
        raise FrameFault(code_pb2.RESOURCE_EXHAUSTED, f"Received message larger than max ({most})")
    if not unpacking.eof or unpacking.unused_data:
        raise FrameFault(code_pb2.INTERNAL, "The message cannot be decompressed")
    return message


def timeout_of(text: str) -> float:
    """Seconds of a `grpc-timeout`. Raises: FrameFault."""
    found = TIMEOUT.fullmatch(text)
    if found is None:
        raise FrameFault(code_pb2.INTERNAL, "Error parsing 'grpc-timeout' metadata")
    return int(found[1]) * SECONDS[found[2]]


def message_text(text: str) -> bytes:
    """A `grpc-message`: percent-encoded UTF-8."""
    return quote(text, safe=PLAIN).encode("ascii")


def binary(value: bytes) -> bytes:
    """What a header whose name ends with `-bin` has: base64, which may be without padding."""
    return b64encode(value).rstrip(b"=")
