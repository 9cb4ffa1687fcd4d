"""A collector of OpenTelemetry, by OTLP over gRPC: how it is reached, and what it says where it does not take something.

The exporters of the OpenTelemetry SDK are not used: they take an answer that refuses a part for a success, keep no count of what they
drop, and their spans cost a call more than everything else that is told of it.

Source: OpenTelemetry Protocol Specification 1.x, OTLP/gRPC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from meridian.ports.audit_sinks import SinkFaultError

TEXT_CHARACTERS_MAX: Final = 200
OPTIONS: Final = (("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 5_000), ("grpc.use_local_subchannel_pool", 1))
"""A pool of its own: otherwise a new channel would go on with the connection of the one before."""
NANOSECONDS: Final = 1_000_000_000
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class OtlpCollector:
    """Where the collector is, and how it is reached."""

    address: str
    is_plaintext: bool
    ca: bytes | None
    """PEM; None for the authorities that gRPC knows."""
    headers: tuple[tuple[str, str], ...]
    timeout_seconds: float


class OtlpConnection(Generic[Answer]):
    """One service of a collector. For one thread at a time, but for `close`."""

    def __init__(self, collector: OtlpCollector, stub_of: Callable[[grpc.Channel], Any]) -> None:
        self._collector = collector
        self._stub_of = stub_of
        self._connect()

    def export(self, request: Any) -> Answer:
        """The collector's answer. Raises: SinkFaultError."""
        try:
            answer: Answer = self._stub.Export(request, timeout=self._collector.timeout_seconds, metadata=self._collector.headers)
        except grpc.RpcError as fault:
            if isinstance(fault, grpc.Call) and fault.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                # Its connection may have lost its way. Collectors take pings every five minutes, too seldom to find out by them.
                self._channel.close()
                self._connect()
            raise SinkFaultError(_text_of(fault)) from fault
        except ValueError as fault:
            raise SinkFaultError("closed") from fault
        return answer

    def close(self) -> None:
        """Give up what is under way; `export` then fails. May be called from any thread."""
        self._channel.close()

    def _connect(self) -> None:
        collector = self._collector
        if collector.is_plaintext:
            self._channel = grpc.insecure_channel(collector.address, options=OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates=collector.ca)
            self._channel = grpc.secure_channel(collector.address, credentials, options=OPTIONS)
        self._stub = self._stub_of(self._channel)


def resource_of(names: Mapping[str, str]) -> Resource:
    """Whose messages these are."""
    return Resource(attributes=[text_of(name, value) for name, value in names.items()])


def text_of(name: str, value: str) -> KeyValue:
    """An attribute."""
    return KeyValue(key=name, value=AnyValue(string_value=value))


def _text_of(fault: grpc.RpcError) -> str:
    if not isinstance(fault, grpc.Call):
        return type(fault).__name__
    return f"{fault.code().name}: {(fault.details() or '')[:TEXT_CHARACTERS_MAX]}"
