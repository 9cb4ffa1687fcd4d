"""Who is refused for now learns when to come again, the same over both wires, and AWS's own client waits so long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.transport.test_aws_wire import Stub, head, wire

from meridian import errors as e
from meridian.call import Call
from meridian.domain.gates import RETRY_SECONDS
from meridian.transport.error_table import TABLE, status_of
from meridian.transport.http1.application import Answer
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.under_way import CallsUnderWay

WAIT = 1.75
RETRYABLE: dict[type[e.KmsError], tuple[e.KmsError, float | None]] = {
    e.ThrottlingException: (e.ThrottlingException(WAIT), WAIT),
    e.DependencyTimeoutException: (e.DependencyTimeoutException("late"), None),
    e.KeyUnavailableException: (e.KeyUnavailableException("soon"), None),
    e.KMSInternalException: (e.KMSInternalException(reason=""), None),
}
"""Each refusal that may be repeated, and what it advises."""


def answered(error: e.KmsError) -> Answer:
    async def walk(call: Call) -> Any:
        raise error

    exchange = wire(Stub(), walk, CallsUnderWay()).begin(head(b"{}"))

    async def answer() -> Answer:
        return await exchange.answer(b"{}", lambda _: None)

    return asyncio.run(answer())


def advised_over_grpc(error: e.KmsError) -> float | None:
    """Seconds, as a client of gRPC reads them."""
    retry = error_details_pb2.RetryInfo()
    found = [detail for detail in status_of(error, "").details if detail.Unpack(retry)]
    return float(retry.retry_delay.ToTimedelta().total_seconds()) if found else None


def advised_over_http(answer: Answer) -> tuple[float, int] | None:
    """Seconds, as botocore reads them, and as everybody else does."""
    headers = dict(answer.headers)
    names = {"Retry-After", "x-amz-retry-after"}
    assert names & set(headers) in (set(), names)
    return (int(headers["x-amz-retry-after"]) / 1000, int(headers["Retry-After"])) if names <= set(headers) else None


def test_every_refusal_that_may_be_repeated_is_looked_at() -> None:
    assert set(RETRYABLE) == {kind for kind in TABLE if kind.retryable}


@pytest.mark.parametrize("kind", RETRYABLE, ids=lambda kind: kind.__name__)
def test_both_wires_advise_the_same_and_aws_own_client_heeds_it(kind: type[e.KmsError], monkeypatch: pytest.MonkeyPatch) -> None:
    refusal, wait = RETRYABLE[kind]
    answer = answered(refusal)
    assert advised_over_grpc(refusal) == wait
    assert advised_over_http(answer) == (None if wait is None else (wait, 2))
    asked, slept = [0], list[float]()

    def send(request: Any, **_: Any) -> AWSResponse:
        asked[0] += 1
        return AWSResponse(request.url, answer.status, dict(answer.headers), Raw(answer.body))

    monkeypatch.setattr("botocore.endpoint.time.sleep", slept.append)
    client = boto3.client(
        "kms",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="s",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )
    client.meta.events.register("before-send.kms", send)
    with pytest.raises(ClientError) as seen:
        client.list_keys()
    assert seen.value.response["Error"]["Code"] == kind.__name__
    assert asked[0] == 2, "it was sent again"
    assert slept[0] == wait if wait is not None else slept[0] < 1


class Raw:
    """A body as urllib3 gives it."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


def test_a_refusal_for_good_advises_nothing() -> None:
    for refusal in (e.LimitExceededException("x"), e.ValidationException("x"), e.AccessDeniedException("x"), e.DisabledException("x")):
        assert advised_over_grpc(refusal) is None
        assert advised_over_http(answered(refusal)) is None


def test_what_there_is_no_room_to_read_is_refused_with_the_same_advice() -> None:
    async def walk(call: Call) -> Any:
        raise AssertionError(call)

    answer = wire(Stub(), walk, CallsUnderWay()).refuse(RefusedRequest(HttpFault.OVERLOADED))
    assert (answer.status, advised_over_http(answer)) == (503, (RETRY_SECONDS, 1))


@given(st.floats(min_value=1e-9, max_value=1e6))
def test_nobody_is_told_to_come_before_there_is_room(seconds: float) -> None:
    refusal = e.ThrottlingException(seconds)
    over_grpc, over_http = advised_over_grpc(refusal), advised_over_http(answered(refusal))
    assert over_grpc is not None
    assert over_http is not None
    assert seconds <= over_grpc <= seconds + 0.001001
    assert over_http[0] == over_grpc <= over_http[1] < over_grpc + 1
