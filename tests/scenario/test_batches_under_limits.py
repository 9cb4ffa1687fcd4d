"""Batches where there is too little of something, on a real Region: of an account's rate, of a key store's patience, of time."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tests.deployment import HOME
from tests.scenario.test_batches import answers, codes
from tests.scenario.xks import Outside, new_prefix, outside

from meridian.contract.batches import batch_of

BURST = 40
RATE = "symmetric"
BOUND_SECONDS = 3.0
MOST = 100
SETTINGS = f"limits.key_store_attempt_seconds = 20.0\nlimits.deadline_seconds_default = {BOUND_SECONDS}\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """A Region that waits longer for a key store than for anything else."""
    with outside(tmp_path_factory.mktemp("limits"), SETTINGS) as made:
        yield made


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """A Region that allows forty calls of cryptography with symmetric keys a second."""
    with outside(tmp_path_factory.mktemp("rates"), "") as made:
        made.region.stop(HOME)
        settings = made.region.place(HOME).settings
        settings.write_text(re.sub(rf"^{RATE} = 0$", f"{RATE} = {BURST}", settings.read_text(), flags=re.M))
        made.region.start(HOME)
        yield made


def own_key(world: Outside) -> str:
    with world.region.client(caller="developer") as developer:
        return str(developer.create_key().key_metadata.arn)


def hanging_key(world: Outside) -> str:
    """A key whose store answers nothing from now on."""
    with world.region.client(caller="developer") as developer:
        prefix = new_prefix()
        arn = world.key(developer, world.connected(developer, prefix), "hangs").arn
        world.proxy.tell(prefix, mode={"sleep": 60.0})
    return str(arn)


def test_what_is_over_the_rate_is_throttled_by_item_and_the_client_sends_it_again(slow: Outside) -> None:
    key = own_key(slow)
    with slow.region.client(caller="app") as app:
        rpc = batch_of()["Encrypt"]
        answer = app.call(rpc, rpc.request_class(items=[{"key_id": key, "plaintext": b"x"}] * (BURST + 20)))
        refused = [item.error for item in answer.items if item.HasField("error")]
        assert 0 < len(refused) <= 20, "a few come again while the others are done"
        assert all(any("RetryInfo" in detail.type_url for detail in error.details) for error in refused)
        began = time.monotonic()
        texts = [f"{number}".encode() for number in range(MOST)]
        made = app.encrypt_batch([{"key_id": key, "plaintext": text} for text in texts], timeout=20)
        assert codes(made) == ["ok"] * MOST
        assert time.monotonic() - began >= (MOST - BURST) / BURST * 0.9
        opened = app.decrypt_batch([{"ciphertext_blob": each.ciphertext_blob} for each in answers(made)], timeout=20)
        assert [each.plaintext for each in answers(opened)] == texts


def test_where_the_service_ends_a_batch_what_is_done_is_answered(world: Outside) -> None:
    key, hanging = own_key(world), hanging_key(world)
    names = [key, hanging, key]
    own, rpc, given = world.region.endpoint(HOME, "app"), batch_of()["Encrypt"], secrets.token_hex(8)
    request = rpc.request_class(items=[{"key_id": name, "plaintext": b"x"} for name in names])
    metadata = (("x-meridian-caller-request-id", given),)
    with grpc.secure_channel(own.target, own.credentials) as channel:
        call: Any = channel.unary_unary(rpc.path, request_serializer=rpc.request_class.SerializeToString)
        answer: Any = rpc.response_class.FromString(call(request, metadata=metadata))
    assert [item.WhichOneof("outcome") for item in answer.items] == ["answer", "error", "answer"]
    records = [r for r in world.region.audit(HOME) if (r.get("additionalEventData") or {}).get("callerRequestId") == given]
    told = {r["additionalEventData"]["batchItem"]: (r.get("errorCode", "ok"), r["meridian"].get("reason")) for r in records}
    assert told == {0: ("ok", None), 1: ("DependencyTimeoutException", "the service's bound passed"), 2: ("ok", None)}


def test_a_caller_who_leaves_cancels_what_is_not_done(world: Outside) -> None:
    key, hanging = own_key(world), hanging_key(world)
    given = secrets.token_hex(8)
    own, rpc = world.region.endpoint(HOME, "app"), batch_of()["Encrypt"]
    request = rpc.request_class(items=[{"key_id": name, "plaintext": b"x"} for name in (key, hanging)])

    def told() -> dict[int, str]:
        records = [r for r in world.region.audit(HOME) if (r.get("additionalEventData") or {}).get("callerRequestId") == given]
        return {r["additionalEventData"]["batchItem"]: r.get("errorCode", "ok") for r in records}

    with grpc.secure_channel(own.target, own.credentials) as channel:
        call: Any = channel.unary_unary(rpc.path, request_serializer=rpc.request_class.SerializeToString)
        under_way = call.future(request, metadata=(("x-meridian-caller-request-id", given),), timeout=20)
        world.region.wait_until(lambda: told() == {0: "ok"})
        under_way.cancel()
        world.region.wait_until(lambda: len(told()) == 2)
    assert told() == {0: "ok", 1: "CANCELLED"}
