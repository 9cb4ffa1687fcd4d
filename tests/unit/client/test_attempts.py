"""How the client sends changes: each under a fresh token, and again under the same where the connection was lost or the Region failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.ports import free_port
from tests.unit.client.answers import (
    LONG_SECONDS,
    WAIT_SECONDS,
    Answer,
    PlainEndpoint,
    Server,
    cancelled_twice,
    failed,
    failed_twice,
    late_twice,
    lost,
    lost_twice,
    refused,
    throttled,
    throttled_for_long,
    throttled_twice,
)

from meridian.client import AsyncClient, Client, Endpoint, errors
from meridian.client.attempts import ATTEMPTS_MAX, NOTHING_KNOWN
from meridian.client.connection import READ_ATTEMPTS_MAX
from meridian.client.retry_budget import TOKENS_MAX


class Closing:
    """Loses every call, and closes the client first."""

    def __init__(self) -> None:
        self.client: Client | None = None

    def __call__(self, number: int, context: grpc.ServicerContext) -> bytes:
        assert self.client is not None
        self.client.close()
        return lost(number, context)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[int, grpc.ServicerContext], bytes]], Server]]:
    started = []

    def start(answer: Callable[[int, grpc.ServicerContext], bytes]) -> Server:
        made, server = Server(answer), grpc.server(ThreadPoolExecutor(2))
        handler: Any = type("Handler", (grpc.GenericRpcHandler,), {"service": lambda _, details: made.service(details)})()
        server.add_generic_rpc_handlers((handler,))
        made.port = server.add_insecure_port(f"127.0.0.1:{free_port()}")
        server.start()
        started.append(server)
        return made

    yield start
    for server in started:
        server.stop(None)


Serve = Callable[[Answer], Server]


class HurriedCaller(PlainEndpoint):
    """Who would rather see what the Region says than wait."""

    @property
    def repeats_refusals(self) -> bool:
        return False


def endpoint_of(server: Server) -> Endpoint:
    return PlainEndpoint(f"127.0.0.1:{server.port}", Path(), Path(), Path())


def client_of(server: Server) -> Client:
    return Client(endpoint_of(server))


def test_each_change_has_its_own_token_and_a_read_has_none(serve: Serve) -> None:
    server = serve(lambda *_: b"")
    with client_of(server) as client:
        client.create_key()
        client.create_key()
        client.create_key(client_token="mine")
        client.list_keys()
    first, second, *rest = server.tokens
    assert first
    assert second
    assert first != second
    assert rest == ["mine", None]


@pytest.mark.parametrize("answer", [lost_twice, cancelled_twice, failed_twice, late_twice])
def test_a_change_keeps_its_token_while_the_connection_is_lost_or_the_region_fails(serve: Serve, answer: Answer) -> None:
    server = serve(answer)
    with client_of(server) as client:
        client.create_key()
    assert len(server.tokens) == 3
    assert len(set(server.tokens)) == 1


def test_a_change_is_sent_a_few_times_and_so_is_a_read_of_keys(serve: Serve) -> None:
    server = serve(lost)
    with client_of(server) as client:
        with pytest.raises(errors.EndpointConnectionError):
            client.create_key()
        assert len(server.tokens) == ATTEMPTS_MAX
        with pytest.raises(errors.EndpointConnectionError):
            client.list_keys()
    assert len(server.tokens) == ATTEMPTS_MAX + READ_ATTEMPTS_MAX


@pytest.mark.parametrize("answer", [lost_twice, cancelled_twice, failed_twice, late_twice])
def test_a_read_is_sent_again_without_a_token(serve: Serve, answer: Answer) -> None:
    server = serve(answer)
    with client_of(server) as client:
        client.list_keys()
    assert server.tokens == [None] * 3


def test_a_client_that_was_closed_sends_nothing_again(serve: Serve) -> None:
    closing = Closing()
    server = serve(closing)
    closing.client = client_of(server)
    with pytest.raises(errors.KmsServiceError) as ended:
        closing.client.create_key()
    assert ended.value.code in NOTHING_KNOWN
    assert len(server.tokens) == 1


def test_what_the_region_answers_is_not_sent_again(serve: Serve) -> None:
    server = serve(refused)
    with client_of(server) as client:
        with pytest.raises(errors.NotFoundException):
            client.create_key()
        with pytest.raises(errors.NotFoundException):
            client.list_keys()
    assert len(server.tokens) == 2


def test_a_region_that_fails_for_now_is_told_as_it_answered(serve: Serve) -> None:
    server = serve(failed)
    with client_of(server) as client:
        with pytest.raises(errors.KMSInternalException):
            client.create_key()
        with pytest.raises(errors.KMSInternalException):
            client.list_keys()
    assert len(server.tokens) == 2 * ATTEMPTS_MAX


@pytest.mark.parametrize("name", ["create_key", "list_keys"])
def test_where_most_tries_fail_calls_are_sent_once(serve: Serve, name: str) -> None:
    calls, server = 60, serve(lost)
    with client_of(server) as client:

        def fail(_: int) -> None:
            with pytest.raises(errors.EndpointConnectionError):
                getattr(client, name)()

        with ThreadPoolExecutor(calls) as threads:
            list(threads.map(fail, range(calls)))
        assert len(server.tokens) <= TOKENS_MAX / 2 + calls
        before = len(server.tokens)
        fail(0)
        assert len(server.tokens) == before + 1


def test_what_was_throttled_is_sent_again_when_the_region_said(serve: Serve) -> None:
    server = serve(throttled_twice)
    with client_of(server) as client:
        began = time.monotonic()
        client.create_key()
        client.list_keys()
    assert len(server.tokens) == 4
    assert len(set(server.tokens[:3])) == 1, "under one token"
    assert time.monotonic() - began >= 2 * WAIT_SECONDS


def test_what_would_be_sent_too_late_is_told_at_once(serve: Serve) -> None:
    server = serve(throttled_for_long)
    with client_of(server) as client, pytest.raises(errors.ThrottlingException) as told:
        client.list_keys()
    assert told.value.retry_after_seconds == LONG_SECONDS
    assert len(server.tokens) == 1


@pytest.mark.parametrize(("answer", "code"), [(throttled, "ThrottlingException"), (failed, "KMSInternalException")])
def test_who_does_not_want_to_wait_is_told_at_once(serve: Serve, answer: Answer, code: str) -> None:
    server = serve(answer)
    endpoint = HurriedCaller(f"127.0.0.1:{server.port}", Path(), Path(), Path())
    with Client(endpoint) as client:
        for call in (client.list_keys, client.create_key):
            with pytest.raises(errors.KmsServiceError, match=code):
                call()
    assert len(server.tokens) == 2


def test_where_the_time_passes_meanwhile_the_caller_hears_why_the_region_failed(serve: Serve) -> None:
    gone = threading.Event()

    def fails_and_hangs(number: int, context: grpc.ServicerContext) -> bytes:
        if number % 2:
            failed(number, context)
        gone.wait(LONG_SECONDS)
        return b""

    server = serve(fails_and_hangs)
    with client_of(server) as client:
        for call in (client.create_key, client.list_keys):
            with pytest.raises(errors.KMSInternalException):
                call(timeout=1.0)
    gone.set()
    assert len(server.tokens) == 4


def test_no_try_begins_after_the_deadline(serve: Serve) -> None:
    server = serve(lost)
    with client_of(server) as client, pytest.raises((errors.EndpointConnectionError, errors.DeadlineExceeded)):
        client.create_key(timeout=0.05)
    assert len(server.tokens) <= 1


@pytest.mark.asyncio
async def test_the_client_for_asyncio_does_the_same(serve: Serve) -> None:
    server = serve(lost_twice)
    async with AsyncClient(endpoint_of(server)) as client:
        await client.create_key()
    assert len(server.tokens) == 3
    assert len(set(server.tokens)) == 1
