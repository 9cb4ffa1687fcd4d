"""The limits that the contract declares, in words: for help, and for the documentation of clients."""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor import FieldDescriptor

from meridian.contract.catalog import is_map, items_max, limits_of
from meridian.options.v1 import options_pb2

UNITS: Final = {FieldDescriptor.TYPE_STRING: "characters", FieldDescriptor.TYPE_BYTES: "bytes"}


def size_in_words(field: FieldDescriptor) -> str:
    """How long, how much or how many: `1 to 2048 characters.`; empty where the contract says nothing."""
    limits = limits_of(field)
    if is_map(field) or (field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated):
        return ""
    if field.is_repeated:
        inner = _range(limits.items, UNITS.get(field.type, "")) if limits is not None and limits.HasField("items") else ""
        return f"{items_max(field)} at most{', each of ' + inner if inner else ''}."
    if limits is None:
        return ""
    size = _range(limits, UNITS.get(field.type, ""))
    return f"{size}." if size else ""


def _range(limits: options_pb2.Limits, unit: str) -> str:
    low, high = limits.HasField("min"), limits.HasField("max")
    if not low and not high:
        return ""
    if low and high:
        return f"{limits.min} to {limits.max} {unit}".strip() if limits.min != limits.max else f"{limits.min} {unit}".strip()
    count = f"{limits.max if high else limits.min} {unit}".strip()
    return f"{count} at {'most' if high else 'least'}"
