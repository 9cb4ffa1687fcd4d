"""Many calls in one message, on real processes: each item is the single call that it holds, and all of them wait for the log once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from tests.deployment import HOME, Deployment

from meridian.client import Client
from meridian.contract.batches import batch_of, items_of
from meridian.kms.v1 import types_pb2 as t

MOST = 100
CONTEXT = {"tenant": "a"}


@pytest.fixture(scope="module")
def app(two_regions: Deployment) -> Iterator[Client]:
    with two_regions.client(HOME, "app") as client:
        yield client


@pytest.fixture(scope="module")
def key(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key().key_metadata.arn)


def batch(client: Client, operation: str, items: list[Message]) -> Any:
    """One message of a batch, as it goes over the wire."""
    rpc = batch_of()[operation]
    request = rpc.request_class()
    items_of(request).extend(items)  # type: ignore[attr-defined]
    return client.call(rpc, request)


def records_of(two_regions: Deployment, request_id: str) -> list[dict[str, Any]]:
    return [record for record in two_regions.audit(HOME) if record.get("requestID") == request_id]


def test_what_a_batch_encrypts_a_batch_moves_and_opens(app: Client, key: str, two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        other = str(alice.create_key().key_metadata.arn)
    texts = [f"text {number}".encode() for number in range(MOST)]
    made = app.encrypt_batch([{"key_id": key, "plaintext": text, "encryption_context": CONTEXT} for text in texts])
    moved = app.re_encrypt_batch(
        [{"ciphertext_blob": each.ciphertext_blob, "source_encryption_context": CONTEXT, "destination_key_id": other} for each in made]
    )
    opened = app.decrypt_batch([{"ciphertext_blob": each.ciphertext_blob} for each in moved])
    assert [each.plaintext for each in opened] == texts
    assert {each.key_id for each in opened} == {other}
    keys = app.generate_data_key_batch([{"key_id": key, "key_spec": t.DATA_KEY_SPEC_AES_256}] * MOST)
    assert len({each.plaintext for each in keys}) == MOST


def test_a_hundred_items_wait_for_the_log_once_or_twice(two_regions: Deployment, app: Client, key: str) -> None:
    items = [{"key_id": key, "plaintext": b"x"}] * MOST
    app.encrypt_batch(items)
    before = two_regions.metrics(HOME)
    made = app.encrypt_batch(items)
    after = two_regions.metrics(HOME)
    assert all(each.ciphertext_blob for each in made)
    records, syncs = (after[f"meridian_audit_{what}"] - before[f"meridian_audit_{what}"] for what in ("records", "syncs"))
    assert records >= MOST
    assert syncs - (records - MOST) <= 2
