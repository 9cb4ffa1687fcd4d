"""How the client makes messages of many items, puts the answers together, and sends again what was throttled or failed for now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from tests.ports import free_port
from tests.unit.client.answers import PlainEndpoint

from meridian.client import AsyncClient, Client, errors
from meridian.client.attempts import ATTEMPTS_MAX
from meridian.client.batches import AGAIN_SECONDS
from meridian.client.errors import KmsServiceError
from meridian.client.fields import EncryptFields
from meridian.client.statuses import DOMAIN
from meridian.contract.batches import BYTES_MAX, batch_of
from meridian.kms.v1 import encryption_pb2

ENCRYPT = batch_of()["Encrypt"]
MOST = 100
Answer = Callable[[int, int, Any], Any]
"""Takes the number of the message, the place of the item in it and the item; an answer, or a status."""


def refusal(code: str, wait_seconds: float | None) -> status_pb2.Status:
    status = status_pb2.Status(code=8, message="no")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=code, domain=DOMAIN, metadata={"request_id": "r"}))
    if wait_seconds is not None:
        delay = Duration()
        delay.FromMilliseconds(round(wait_seconds * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


class Server:
    """Answers batches item by item, and keeps what was sent."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.messages: list[list[bytes]] = []
        self.sizes: list[int] = []
        self.seconds: list[float] = []

    def service(self, _: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(self.handle)

    def handle(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        request: Any = ENCRYPT.request_class.FromString(data)
        self.messages.append([item.plaintext for item in request.items])
        self.sizes.append(len(data))
        self.seconds.append(time.monotonic())
        number = len(self.messages)
        answer: Any = ENCRYPT.response_class()
        items = answer.items
        for place, item in enumerate(request.items):
            said = self.answer(number, place, item)
            if said is None:
                context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
            items.add(**{"error" if isinstance(said, status_pb2.Status) else "answer": said})
        return bytes(answer.SerializeToString())


def good(_: int, __: int, item: Any) -> Any:
    return encryption_pb2.EncryptResponse(ciphertext_blob=item.plaintext)


Serve = Callable[[Answer], tuple[Server, Any]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started = []

    def start(answer: Answer) -> tuple[Server, Any]:
        made, server = Server(answer), grpc.server(ThreadPoolExecutor(2))
        handler: Any = type("Handler", (grpc.GenericRpcHandler,), {"service": lambda _, details: made.service(details)})()
        server.add_generic_rpc_handlers((handler,))
        nowhere = Path()
        endpoint = PlainEndpoint(f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{free_port()}')}", nowhere, nowhere, nowhere)
        server.start()
        started.append(server)
        return made, endpoint

    yield start
    for server in started:
        server.stop(None)


def items(count: int) -> list[EncryptFields | encryption_pb2.EncryptRequest]:
    return [{"key_id": "k", "plaintext": str(number).encode()} for number in range(count)]


def shown(outcomes: list[Any]) -> list[Any]:
    return [outcome.code if isinstance(outcome, KmsServiceError) else outcome.ciphertext_blob for outcome in outcomes]


def test_items_are_sent_a_hundred_at_a_time_and_answered_in_their_order(serve: Serve) -> None:
    server, endpoint = serve(good)
    with Client(endpoint) as client:
        outcomes = client.encrypt_batch(items(2 * MOST + 1))
        assert client.encrypt_batch([]) == []
    assert shown(outcomes) == [str(number).encode() for number in range(2 * MOST + 1)]
    assert [len(each) for each in server.messages] == [MOST, MOST, 1]


def test_no_message_is_longer_than_a_region_takes(serve: Serve) -> None:
    server, endpoint = serve(good)
    with Client(endpoint) as client:
        client.encrypt_batch([{"key_id": "k", "plaintext": b"x" * 4_090} for _ in range(2 * MOST)])
    assert sum(map(len, server.messages)) == 2 * MOST
    assert max(server.sizes) <= BYTES_MAX
    assert max(server.sizes) > BYTES_MAX - 4_200, "and none shorter than it need be"


def test_an_item_that_no_message_holds_is_named_before_anything_is_sent(serve: Serve) -> None:
    server, endpoint = serve(good)
    with Client(endpoint) as client, pytest.raises(ValueError, match=r"items\[1\]"):
        client.encrypt_batch([*items(1), {"key_id": "k", "plaintext": b"x" * BYTES_MAX}])
    assert server.messages == []


def test_a_request_is_an_item_too_and_one_of_another_call_is_none(serve: Serve) -> None:
    _, endpoint = serve(good)
    with Client(endpoint) as client:
        assert shown(client.encrypt_batch([encryption_pb2.EncryptRequest(key_id="k", plaintext=b"1")])) == [b"1"]
        with pytest.raises(TypeError, match="EncryptRequest"):
            client.encrypt_batch([encryption_pb2.DecryptRequest()])  # type: ignore[list-item]  # the wrong type is the test


def throttled_at_first(number: int, place: int, item: Any) -> Any:
    return refusal("ThrottlingException", 0.2) if number == 1 and place % 2 else good(number, place, item)


def test_what_was_throttled_is_sent_again_when_the_region_said(serve: Serve) -> None:
    server, endpoint = serve(throttled_at_first)
    with Client(endpoint) as client:
        outcomes = client.encrypt_batch(items(6), timeout=20)
    assert shown(outcomes) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert [sorted(each) for each in server.messages] == [[b"0", b"1", b"2", b"3", b"4", b"5"], [b"1", b"3", b"5"]]
    assert server.seconds[1] - server.seconds[0] >= 0.2


def always_throttled(number: int, place: int, item: Any) -> Any:
    return refusal("ThrottlingException", 0.001) if place else good(number, place, item)


def test_it_is_sent_again_until_the_time_is_over_and_not_all_the_time(serve: Serve) -> None:
    server, endpoint = serve(always_throttled)
    with Client(endpoint) as client:
        outcomes = client.encrypt_batch(items(20), timeout=3.0)
    done = [outcome for outcome in shown(outcomes) if outcome != "ThrottlingException"]
    assert len(done) == len(server.messages), "one of each message"
    assert 3 <= len(server.messages) <= 2 + 3.0 / AGAIN_SECONDS / 4
    assert next(o for o in outcomes if isinstance(o, KmsServiceError)).retry_after_seconds == pytest.approx(0.001)


def test_what_could_not_be_sent_in_time_is_not_sent(serve: Serve) -> None:
    server, endpoint = serve(lambda *_: refusal("ThrottlingException", 60.0))
    with Client(endpoint) as client:
        assert shown(client.encrypt_batch(items(2), timeout=5)) == ["ThrottlingException"] * 2
    assert len(server.messages) == 1


def test_other_refusals_are_not_sent_again(serve: Serve) -> None:
    server, endpoint = serve(lambda *_: refusal("AccessDeniedException", None))
    with Client(endpoint) as client:
        (outcome,) = client.encrypt_batch(items(1))
    assert isinstance(outcome, errors.AccessDeniedException)
    assert (outcome.code, outcome.message, outcome.request_id) == ("AccessDeniedException", "no", "r")
    assert len(server.messages) == 1


@pytest.mark.parametrize("code", ["KMSInternalException", "DependencyTimeoutException"])
def test_items_that_a_region_failed_for_now_are_sent_again_alone(serve: Serve, code: str) -> None:
    server, endpoint = serve(lambda number, place, item: refusal(code, None) if number < 4 and place % 2 else good(number, place, item))
    with Client(endpoint) as client:
        outcomes = client.encrypt_batch(items(6), timeout=20)
    assert shown(outcomes) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert [len(each) for each in server.messages[:2]] == [6, 3]


def test_an_item_that_goes_on_failing_is_sent_as_often_as_a_call(serve: Serve) -> None:
    server, endpoint = serve(lambda number, place, item: good(number, place, item) if place else refusal("KMSInternalException", None))
    with Client(endpoint) as client:
        outcomes = shown(client.encrypt_batch(items(1), timeout=20))
    assert outcomes == ["KMSInternalException"]
    assert len(server.messages) == ATTEMPTS_MAX


def test_where_most_batches_fail_their_items_are_sent_once(serve: Serve) -> None:
    server, endpoint = serve(lambda *_: refusal("KMSInternalException", None))
    with Client(endpoint) as client:
        while client._budget.failed():
            pass
        assert shown(client.encrypt_batch(items(2), timeout=20)) == ["KMSInternalException"] * 2
    assert len(server.messages) == 1


def test_a_message_that_is_lost_takes_no_other_ones_answers_with_it(serve: Serve) -> None:
    _, endpoint = serve(lambda number, place, item: None if number > 1 else good(number, place, item))
    with Client(endpoint) as client:
        outcomes = shown(client.encrypt_batch(items(MOST + 1), timeout=5))
    assert outcomes[:MOST] == [str(number).encode() for number in range(MOST)]
    assert outcomes[MOST:] == ["EndpointConnectionError"]


def test_a_time_that_is_none_is_refused(serve: Serve) -> None:
    _, endpoint = serve(good)
    with Client(endpoint) as client, pytest.raises(ValueError, match="timeout"):
        client.encrypt_batch(items(1), timeout=0)


@pytest.mark.asyncio
async def test_the_client_for_asyncio_does_the_same(serve: Serve) -> None:
    server, endpoint = serve(throttled_at_first)
    async with AsyncClient(endpoint) as client:
        outcomes = await client.encrypt_batch(items(MOST + 1), timeout=20)
    assert shown(outcomes) == [str(number).encode() for number in range(MOST + 1)]
    assert [len(each) for each in server.messages] == [MOST, 1, MOST // 2]
