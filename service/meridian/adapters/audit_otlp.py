"""Sends audit records as log records of OpenTelemetry, by OTLP over gRPC. A refused record must not count as shipped.

Source: OpenTelemetry Protocol Specification 1.x, OTLP/gRPC; Logs Data Model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber

from meridian.adapters.otlp_connection import NANOSECONDS, TEXT_CHARACTERS_MAX, OtlpCollector, OtlpConnection, resource_of, text_of
from meridian.ports.audit_sinks import SinkFaultError
from meridian.ports.clock import Clock

SCOPE: Final = "meridian.audit"
UNREADABLE: Final = 0


class OtlpLogs:
    """Implements `adapters.audit_ship_records.RecordReceiver`."""

    def __init__(self, collector: OtlpCollector, resource: Mapping[str, str], clock: Clock) -> None:
        self._resource = resource_of(resource)
        self._clock = clock
        self._connection: OtlpConnection[ExportLogsServiceResponse] = OtlpConnection(collector, LogsServiceStub)

    def send(self, lines: Sequence[bytes]) -> None:
        now = int(self._clock.now().timestamp() * NANOSECONDS)
        scope = ScopeLogs(scope=InstrumentationScope(name=SCOPE), log_records=[_log_record(line, now) for line in lines])
        request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=self._resource, scope_logs=[scope])])
        refused = self._connection.export(request).partial_success
        if refused.rejected_log_records:
            told = refused.error_message[:TEXT_CHARACTERS_MAX]
            raise SinkFaultError(f"{refused.rejected_log_records} of {len(lines)} records were rejected: {told}")

    def close(self) -> None:
        self._connection.close()


def _log_record(line: bytes, now: int) -> LogRecord:
    """The line as it stands in the log, so that its hash can be checked; beside it what collectors sort by."""
    fields = _fields(line)
    inner = fields.get("meridian")
    attributes = []
    if isinstance(inner, dict):
        attributes = [text_of("meridian.stream", str(inner.get("stream", "")))]
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
