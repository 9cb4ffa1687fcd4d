"""Many calls in one message: which call each item of a batch is, and how much one message may hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from meridian.contract.catalog import Rpc, batch_rpcs, items_max, message_of, rpcs
from meridian.contract.field_limits import Fault, sentence
from meridian.contract.fields import descriptor_of

ITEMS: Final = "items"
"""The one field of a batch, in its request and in its answer."""
BYTES_MAX: Final = 256 * 1024
"""Of the request of a batch."""


def is_batch(rpc: Rpc) -> bool:
    """Whether the call is a batch."""
    return rpc.name in batch_rpcs()


@cache
def item_rpcs() -> dict[str, Rpc]:
    """The single call that each item is, by the name of its batch."""
    by_request = {rpc.request_class.DESCRIPTOR.full_name: rpc for rpc in rpcs().values()}
    return {name: by_request[message_of(_items_field(rpc)).full_name] for name, rpc in batch_rpcs().items()}


@cache
def batch_of() -> dict[str, Rpc]:
    """The batch of each single call that has one, by the call's name."""
    return {item.name: batch_rpcs()[name] for name, item in item_rpcs().items()}


def items_most(batch: Rpc) -> int:
    """How many items a batch has at most."""
    return items_max(_items_field(batch))


@cache
def payload_fields() -> dict[str, str]:
    """The field of an item's request that holds its plaintext or ciphertext, empty where there is none; by the name of its call."""
    return {rpc.name: next(iter(_bytes_fields(rpc)), "") for rpc in item_rpcs().values()}


def items_of(request: Message) -> Sequence[Any]:
    """The items of a batch's request."""
    found: Sequence[Any] = getattr(request, ITEMS)
    return found


def batch_faults(batch: Rpc, request: Message) -> list[Fault]:
    """What is wrong with a batch as a whole, as (field path, sentence); what is wrong with an item is the item's."""
    count, most = len(items_of(request)), items_most(batch)
    if not count:
        return [sentence(ITEMS, " null", "Member must not be null")]
    if count > most:
        return [sentence(ITEMS, "", f"Member must have length less than or equal to {most}")]
    if request.ByteSize() > BYTES_MAX:
        return [sentence(ITEMS, "", f"Member must have {BYTES_MAX} bytes in all, or fewer")]
    return []


def _bytes_fields(rpc: Rpc) -> list[str]:
    return [field.name for field in descriptor_of(rpc.request_class).fields if field.type == FieldDescriptor.TYPE_BYTES]


def _items_field(batch: Rpc) -> FieldDescriptor:
    return descriptor_of(batch.request_class).fields_by_name[ITEMS]
