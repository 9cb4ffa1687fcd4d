"""Clients: one method per operation, keyword arguments as in the contract, typed answers, errors named as in AWS."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import grpc

from meridian.catalog import Rpc, served_rpcs
from meridian.client.connection import Endpoint, deadline_seconds
from meridian.client.errors import error_of

_BY_METHOD = {rpc.method_name: rpc for rpc in served_rpcs().values()}


def _request(rpc: Rpc, fields: dict[str, Any]) -> Any:
    return rpc.request_class(**{name: value for name, value in fields.items() if value is not None})


class Client:
    """A blocking client of one Region. `client.encrypt(key_id=…, plaintext=…)`.

    `timeout=` seconds overrides the default deadline of a call: 5 for cryptographic calls, 10 for others.
    Raises: the exceptions of `meridian.client.errors`.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = grpc.secure_channel(endpoint.target, endpoint.credentials, options=endpoint.options)

    def call(self, rpc: Rpc, request: Any, timeout: float | None = None) -> Any:
        """Send a request as it is."""
        method = self._channel.unary_unary(
            rpc.path, request_serializer=rpc.request_class.SerializeToString, response_deserializer=rpc.response_class.FromString
        )
        try:
            return method(request, timeout=timeout or deadline_seconds(rpc.path), metadata=self._endpoint.metadata)
        except grpc.RpcError as fault:
            raise error_of(fault) from None

    def __getattr__(self, name: str) -> Any:
        rpc = _BY_METHOD.get(name)
        if rpc is None:
            raise AttributeError(name)
        return lambda timeout=None, **fields: self.call(rpc, _request(rpc, fields), timeout)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncClient:
    """The same for asyncio: `await client.encrypt(key_id=…, plaintext=…)`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = grpc.aio.secure_channel(endpoint.target, endpoint.credentials, options=endpoint.options)
        self._methods: dict[str, Any] = {}

    async def call(self, rpc: Rpc, request: Any, timeout: float | None = None) -> Any:
        """Send a request as it is."""
        method = self._methods.get(rpc.path)
        if method is None:
            method = self._methods[rpc.path] = self._channel.unary_unary(
                rpc.path, request_serializer=rpc.request_class.SerializeToString, response_deserializer=rpc.response_class.FromString
            )
        try:
            return await method(request, timeout=timeout or deadline_seconds(rpc.path), metadata=self._endpoint.metadata)
        except grpc.RpcError as fault:
            raise error_of(fault) from None

    def __getattr__(self, name: str) -> Any:
        rpc = _BY_METHOD.get(name)
        if rpc is None:
            raise AttributeError(name)
        return lambda timeout=None, **fields: self.call(rpc, _request(rpc, fields), timeout)

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
