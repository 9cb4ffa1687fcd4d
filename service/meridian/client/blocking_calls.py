"""How a blocking client sends what its methods say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import grpc
from google.protobuf.message import Message

from meridian.client.attempts import Attempts
from meridian.client.batches import Batching
from meridian.client.connection import Endpoint, require_endpoint
from meridian.client.method import A, HasPath, Method, Q
from meridian.client.methods import BY_PATH
from meridian.client.misspelt import nearest
from meridian.client.retry_budget import RetryBudget
from meridian.client.service_error import KmsServiceError
from meridian.client.statuses import error_of


class BlockingCalls:
    """A connection to one Region, and what every call on it has in common."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Nothing is sent before the first call. Raises: OSError for a file of the endpoint that cannot be read; TypeError for what is
        no endpoint."""
        require_endpoint(endpoint)
        self._endpoint = endpoint
        self._is_closed = False
        self._budget = RetryBudget()
        self._channel = grpc.secure_channel(endpoint.target, endpoint.credentials, options=endpoint.options)
        self._senders: dict[str, Callable[..., Any]] = {}

    @overload
    def call(
        self,
        rpc: Method[Q, A],
        request: Q,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> A: ...

    @overload
    def call(
        self,
        rpc: HasPath,
        request: Message,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> Any: ...

    def call(
        self,
        rpc: HasPath,
        request: Message,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> Any:
        """Send a request of an operation as it is. Raises: KmsServiceError; ValueError for a timeout that is none."""
        return self._send(BY_PATH[rpc.path], request, timeout, client_token, caller_request_id)

    def _send(self, method: Method[Q, A], request: Q, timeout: float | None, client_token: str | None, caller_request_id: str | None) -> A:
        attempts = Attempts(self._endpoint, self._budget, method, timeout, client_token, caller_request_id)
        send = self._senders.get(method.path) or self._sender(method)
        while True:
            try:
                answer: A = send(request, timeout=attempts.seconds_left, metadata=attempts.metadata)
            except grpc.RpcError as fault:
                error = error_of(fault)
            else:
                self._budget.succeeded()
                return answer
            pause = attempts.pause_after(error)
            if pause is None:
                raise attempts.told(error)
            time.sleep(pause)
            if self._is_closed:
                raise attempts.told(error)

    def _sender(self, method: Method[Any, Any]) -> Callable[..., Any]:
        made: Callable[..., Any] = self._channel.unary_unary(
            method.path, request_serializer=method.request_class.SerializeToString, response_deserializer=method.response_class.FromString
        )
        self._senders[method.path] = made
        return made

    def _send_many(
        self,
        method: Method[Any, Any],
        items: Sequence[Message | Mapping[str, object]],
        timeout: float | None,
        caller_request_id: str | None,
    ) -> list[Any]:
        batching = Batching(method, items, timeout, self._budget)
        while (chunk := batching.next_chunk()) is not None:
            time.sleep(chunk.pause)
            if self._is_closed:
                break
            try:
                batching.answered(chunk, self._send(method, chunk.request, batching.seconds_left, None, caller_request_id))
            except KmsServiceError as error:
                batching.failed(chunk, error)
        return batching.outcomes()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            raise AttributeError(f"{type(self).__name__} has no operation {name}{nearest(name, dir(type(self)))}")

    def close(self) -> None:
        """End the connection, and the calls on it."""
        self._is_closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
