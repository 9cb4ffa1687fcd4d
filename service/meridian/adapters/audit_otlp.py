"""Sends audit records as log records of OpenTelemetry, by OTLP over gRPC.

The exporter of the OpenTelemetry SDK is not used: it takes an answer that refuses records for a success, and a refused record must not
count as shipped.

Source: OpenTelemetry Protocol Specification 1.x, OTLP/gRPC; Logs Data Model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import grpc
import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from meridian.ports.audit_sinks import SinkFaultError
from meridian.ports.clock import Clock

SCOPE: Final = "meridian.audit"
TEXT_CHARACTERS_MAX: Final = 200
OPTIONS: Final = (("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 5_000), ("grpc.use_local_subchannel_pool", 1))
"""A pool of its own: otherwise a new channel would go on with the connection of the one before."""
NANOSECONDS: Final = 1_000_000_000
UNREADABLE: Final = 0


@dataclass(frozen=True, slots=True)
class OtlpCollector:
    """Where the collector is, and how it is reached."""

    address: str
    is_plaintext: bool
    ca: bytes | None
    """PEM; None for the authorities that gRPC knows."""
    headers: tuple[tuple[str, str], ...]
    timeout_seconds: float


class OtlpLogs:
    """Implements `adapters.audit_ship_records.RecordReceiver`."""

    def __init__(self, collector: OtlpCollector, resource: Mapping[str, str], clock: Clock) -> None:
        self._collector = collector
        self._resource = Resource(attributes=[_text(name, value) for name, value in resource.items()])
        self._clock = clock
        self._connect()

    def _connect(self) -> None:
        collector = self._collector
        if collector.is_plaintext:
            self._channel = grpc.insecure_channel(collector.address, options=OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates=collector.ca)
            self._channel = grpc.secure_channel(collector.address, credentials, options=OPTIONS)
        self._stub = LogsServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated, without annotations

    def send(self, lines: Sequence[bytes]) -> None:
        now = int(self._clock.now().timestamp() * NANOSECONDS)
        scope = ScopeLogs(scope=InstrumentationScope(name=SCOPE), log_records=[_log_record(line, now) for line in lines])
        request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=self._resource, scope_logs=[scope])])
        try:
            answer = self._stub.Export(request, timeout=self._collector.timeout_seconds, metadata=self._collector.headers)
        except grpc.RpcError as fault:
            if isinstance(fault, grpc.Call) and fault.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                # Its connection may have lost its way. Collectors take pings every five minutes, too seldom to find out by them.
                self._channel.close()
                self._connect()
            raise SinkFaultError(_text_of(fault)) from fault
        except ValueError as fault:
            raise SinkFaultError("closed") from fault
        refused = answer.partial_success
        if refused.rejected_log_records:
            told = refused.error_message[:TEXT_CHARACTERS_MAX]
            raise SinkFaultError(f"{refused.rejected_log_records} of {len(lines)} records were rejected: {told}")

    def close(self) -> None:
        self._channel.close()


def _log_record(line: bytes, now: int) -> LogRecord:
    """The line as it stands in the log, so that its hash can be checked; beside it what collectors sort by."""
    fields = _fields(line)
    inner = fields.get("meridian")
    attributes = []
    if isinstance(inner, dict):
        attributes = [_text("meridian.stream", str(inner.get("stream", "")))]
        sequence = inner.get("seq")
        if isinstance(sequence, int):
            attributes.append(KeyValue(key="meridian.seq", value=AnyValue(int_value=sequence)))
    return LogRecord(
        time_unix_nano=_nanoseconds(fields.get("eventTime")),
        observed_time_unix_nano=now,
        severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        event_name=str(fields.get("eventName", "")),
        body=AnyValue(string_value=line.decode(errors="replace")),
        attributes=attributes,
    )


def _fields(line: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _nanoseconds(moment: object) -> int:
    try:
        return int(datetime.fromisoformat(str(moment)).timestamp() * NANOSECONDS)
    except ValueError:
        return UNREADABLE


def _text(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))


def _text_of(fault: grpc.RpcError) -> str:
    if not isinstance(fault, grpc.Call):
        return type(fault).__name__
    return f"{fault.code().name}: {(fault.details() or '')[:TEXT_CHARACTERS_MAX]}"
