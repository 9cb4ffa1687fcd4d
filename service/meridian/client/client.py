"""Clients: one method per operation, keyword arguments as in the contract, typed answers, errors named as in AWS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import grpc

from meridian.client.attempts import Attempts
from meridian.client.batches import Batching, Item
from meridian.client.connection import Endpoint
from meridian.client.errors import KmsServiceError, error_of
from meridian.contract.batches import is_batch
from meridian.contract.catalog import Rpc, served_rpcs

_BY_METHOD = {rpc.method_name: rpc for rpc in served_rpcs().values()}


def _request(rpc: Rpc, fields: dict[str, Any]) -> Any:
    return rpc.request_class(**{name: value for name, value in fields.items() if value is not None})


class Client:
    """A blocking client of one Region. `client.encrypt(key_id=…, plaintext=…)`.

    `timeout=` seconds overrides the default deadline of a call: 5 for cryptographic calls, 30 for those that make or import keys, 10 for
    others. Each change has a fresh client token, under which it is sent again where the connection was lost; `client_token=` names that of
    an earlier call, to repeat it. `caller_request_id=` is shown in the call's audit record, for whoever looks for it there.
    Raises: the exceptions of `meridian.client.errors`.

    `client.encrypt_batch([{"key_id": …, "plaintext": …}, …])`, and so for decrypt, generate_data_key and re_encrypt, makes many calls in
    few messages. It answers a list, of each item its answer or its `KmsServiceError`, and raises none of them; `timeout=` is for all items.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._is_closed = False
        self._channel = grpc.secure_channel(endpoint.target, endpoint.credentials, options=endpoint.options)

    def call(
        self, rpc: Rpc, request: Any, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> Any:
        """Send a request as it is."""
        attempts = Attempts(self._endpoint, rpc, timeout, client_token, caller_request_id)
        method = self._channel.unary_unary(
            rpc.path, request_serializer=rpc.request_class.SerializeToString, response_deserializer=rpc.response_class.FromString
        )
        while True:
            try:
                return method(request, timeout=attempts.seconds_left, metadata=attempts.metadata)
            except grpc.RpcError as fault:
                error = error_of(fault)
            pause = attempts.pause_after(error.code)
            if pause is None:
                raise error
            time.sleep(pause)
            if self._is_closed:
                raise error

    def _call_many(self, rpc: Rpc, items: Sequence[Item], timeout: float | None = None, caller_request_id: str | None = None) -> list[Any]:
        batching = Batching(rpc, items, timeout)
        while (chunk := batching.next_chunk()) is not None:
            time.sleep(chunk.pause)
            if self._is_closed:
                break
            try:
                batching.answered(chunk, self.call(rpc, chunk.request, batching.seconds_left, None, caller_request_id))
            except KmsServiceError as error:
                batching.failed(chunk, error)
        return batching.outcomes()

    def __getattr__(self, name: str) -> Any:
        rpc = _BY_METHOD.get(name)
        if rpc is None:
            raise AttributeError(name)
        if is_batch(rpc):
            return partial(self._call_many, rpc)
        return lambda timeout=None, client_token=None, caller_request_id=None, **fields: self.call(
            rpc, _request(rpc, fields), timeout, client_token, caller_request_id
        )

    def close(self) -> None:
        self._is_closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncClient:
    """The same for asyncio: `await client.encrypt(key_id=…, plaintext=…)`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._is_closed = False
        self._channel = grpc.aio.secure_channel(endpoint.target, endpoint.credentials, options=endpoint.options)
        self._methods: dict[str, Any] = {}

    async def call(
        self,
        rpc: Rpc,
        request: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the name that the client has always had; gRPC keeps the deadline
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> Any:
        """Send a request as it is."""
        attempts = Attempts(self._endpoint, rpc, timeout, client_token, caller_request_id)
        method = self._methods.get(rpc.path)
        if method is None:
            method = self._methods[rpc.path] = self._channel.unary_unary(
                rpc.path, request_serializer=rpc.request_class.SerializeToString, response_deserializer=rpc.response_class.FromString
            )
        while True:
            try:
                return await method(request, timeout=attempts.seconds_left, metadata=attempts.metadata)
            except grpc.RpcError as fault:
                error = error_of(fault)
            pause = attempts.pause_after(error.code)
            if pause is None:
                raise error
            await asyncio.sleep(pause)
            if self._is_closed:
                raise error

    async def _call_many(
        self,
        rpc: Rpc,
        items: Sequence[Item],
        timeout: float | None = None,  # noqa: ASYNC109 - as of a single call
        caller_request_id: str | None = None,
    ) -> list[Any]:
        batching = Batching(rpc, items, timeout)
        while (chunk := batching.next_chunk()) is not None:
            await asyncio.sleep(chunk.pause)
            if self._is_closed:
                break
            try:
                batching.answered(chunk, await self.call(rpc, chunk.request, batching.seconds_left, None, caller_request_id))
            except KmsServiceError as error:
                batching.failed(chunk, error)
        return batching.outcomes()

    def __getattr__(self, name: str) -> Any:
        rpc = _BY_METHOD.get(name)
        if rpc is None:
            raise AttributeError(name)
        if is_batch(rpc):
            return partial(self._call_many, rpc)
        return lambda timeout=None, client_token=None, caller_request_id=None, **fields: self.call(
            rpc, _request(rpc, fields), timeout, client_token, caller_request_id
        )

    async def close(self) -> None:
        self._is_closed = True
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
