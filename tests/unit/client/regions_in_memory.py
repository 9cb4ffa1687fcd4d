"""A server of gRPC that answers what a test says, for what a client does with answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from tests.ports import free_port
from tests.unit.client.answers import PlainEndpoint

from meridian.client import Endpoint
from meridian.client.methods import BY_PATH

Answer = Callable[[Any], Message]
"""Takes the request of one operation."""


@contextmanager
def region(answers: dict[str, Answer], seen: list[Message]) -> Iterator[Endpoint]:
    """A Region that answers the operations that are named, each as it is said, and notes what it is asked."""

    def service(details: grpc.HandlerCallDetails) -> Any:
        method = BY_PATH[details.method]

        def handle(data: bytes, _: grpc.ServicerContext) -> bytes:
            request = method.request_class.FromString(data)
            seen.append(request)
            return answers[method.name](request).SerializeToString()

        return grpc.unary_unary_rpc_method_handler(handle)

    server = grpc.server(ThreadPoolExecutor(2))
    handler: Any = type("Handler", (grpc.GenericRpcHandler,), {"service": lambda _, details: service(details)})()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port(f"127.0.0.1:{free_port()}")
    server.start()
    try:
        yield PlainEndpoint(f"127.0.0.1:{port}", Path(), Path(), Path())
    finally:
        server.stop(None)
