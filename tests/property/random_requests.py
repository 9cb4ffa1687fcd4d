"""Requests of any operation, most of them far too large: every field of the contract, filled by its descriptor."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from meridian.contract.catalog import TIMESTAMP, is_map, message_of

ALPHABETS: Final = ("abc", 'é"\\', "\x01\x02", "😀z", "a b\n")
"""Text that JSON writes as it is, doubles, or makes six times as long."""
LENGTHS: Final = (0, 1, 20, 300, 2_000, 9_000, 30_000)
COUNTS: Final = (0, 1, 2, 40, 257, 2_000)
BYTES_MAX: Final = 262_144
SECONDS: Final = (1, -62_135_596_800, -62_135_596_801, 253_402_300_799, 253_402_300_800, 2**60, 2**63 - 1, -(2**63))
NANOS: Final = (0, 0, 999_999_999, 1_000_000_000, 2**31 - 1, -1, -(2**31))


def random_message(descriptor: Descriptor, draw: Random, depth: int = 0) -> Any:
    """A message of this type, of at most some 256 KiB."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if draw.random() < 0.8 and message.ByteSize() < BYTES_MAX // (depth + 1):
            _fill(message, field, draw, depth)
    return message


def random_text(draw: Random) -> str:
    length = draw.choice(LENGTHS)
    alphabet = draw.choice(ALPHABETS)
    return (alphabet * (length // len(alphabet) + 1))[:length]


def moment(draw: Random) -> Any:
    """A Timestamp, which most of the times is none that a calendar has."""
    return Timestamp(seconds=draw.choice(SECONDS), nanos=draw.choice(NANOS))


def _fill(message: Any, field: FieldDescriptor, draw: Random, depth: int) -> None:
    if is_map(field):
        pairs = draw.choice(COUNTS)
        value = random_text(draw)[: BYTES_MAX // (pairs + 1)]
        getattr(message, field.name).update({f"{number:x}": value for number in range(pairs)})
    elif field.is_repeated:
        some = [_one(field, draw, depth) for _ in range(3)]
        longest = max(len(each) if isinstance(each, str | bytes) else 4 if isinstance(each, int) else each.ByteSize() for each in some)
        count = min(draw.choice(COUNTS), BYTES_MAX // (longest + 1))
        getattr(message, field.name).extend(some[number % 3] for number in range(count))
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        getattr(message, field.name).CopyFrom(_one(field, draw, depth))
    else:
        setattr(message, field.name, _one(field, draw, depth))


def _one(field: FieldDescriptor, draw: Random, depth: int) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return random_text(draw)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw.randbytes(draw.choice((0, 16, 6000)))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return draw.random() < 0.5
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        inner = message_of(field)
        return random_message(inner, draw, depth + 1) if inner.full_name != TIMESTAMP else moment(draw)
    return draw.choice((0, 1, 2, 3, 1000))
