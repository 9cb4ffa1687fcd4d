"""The answer to a batch: each outcome in its place, an error as the single call's whole status, and never too long for a client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meridian.call import Call, Evidence
from meridian.client.statuses import error_of_status
from meridian.contract.batches import item_rpcs, items_most
from meridian.contract.catalog import batch_rpcs, limits_of
from meridian.errors import KmsError, ThrottlingException, ValidationException
from meridian.transport.batch_answers import answer_of
from meridian.transport.error_table import status_of

CLIENTS_TAKE = 4 * 1024 * 1024
"""What a client of gRPC reads unless it is told otherwise."""
TAGS = 16
"""What a field needs besides its value, at most."""
LONGEST: list[KmsError] = [ValidationException("é" * 9000, fields=[("é" * 9000, "x" * 9000)] * 30), ThrottlingException(0.5)]


def call_of(name: str) -> Call:
    rpc = batch_rpcs()[name]
    return Call(rpc, rpc.request_class(), Evidence(), "0" * 36, datetime(2026, 11, 26, tzinfo=UTC))


def longest(message: Descriptor) -> int:
    """Bytes of a message whose fields are as long as the contract lets them be."""
    return sum(TAGS + _longest(field) for field in message.fields)


def _longest(field: FieldDescriptor) -> int:
    if field.type not in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        assert field.type == FieldDescriptor.TYPE_ENUM
        return 0
    limits: Any = limits_of(field)
    return int(limits.max)


@pytest.mark.parametrize("name", batch_rpcs())
def test_outcomes_stand_in_their_places_with_all_that_a_single_call_says(name: str) -> None:
    good = item_rpcs()[name].response_class(key_id="k")
    answer: Any = answer_of(call_of(name), [good, *LONGEST, good])
    assert [item.WhichOneof("outcome") for item in answer.items] == ["answer", "error", "error", "answer"]
    assert answer.items[0].answer == answer.items[3].answer == good
    assert [item.error for item in answer.items[1:3]] == [status_of(error, "0" * 36) for error in LONGEST]
    read = [error_of_status(item.error) for item in answer.items[1:3]]
    assert [(each.code, each.request_id) for each in read] == [(error.code, "0" * 36) for error in LONGEST]
    assert read[1].retry_after_seconds == 0.5


@pytest.mark.parametrize("name", batch_rpcs())
def test_no_answer_is_longer_than_a_client_takes(name: str) -> None:
    batch, answered = batch_rpcs()[name], item_rpcs()[name].response_class
    descriptor: Any = answered.DESCRIPTOR
    assert items_most(batch) * longest(descriptor) < CLIENTS_TAKE
    assert answer_of(call_of(name), LONGEST[:1] * items_most(batch)).ByteSize() < CLIENTS_TAKE
