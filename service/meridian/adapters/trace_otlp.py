"""Sends spans to a collector of OpenTelemetry, by OTLP over gRPC.

Source: OpenTelemetry Protocol Specification 1.x, OTLP/gRPC; Trace API, Span and Status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1 import trace_pb2 as t

from meridian.adapters.otlp_connection import NANOSECONDS, OtlpCollector, OtlpConnection, resource_of, text_of
from meridian.ports.traces import Span, SpanKind

SCOPE: Final = "meridian"
OUTCOME: Final = "meridian.outcome"
KINDS: Final = {SpanKind.SERVER: t.Span.SPAN_KIND_SERVER, SpanKind.CLIENT: t.Span.SPAN_KIND_CLIENT}


class OtlpSpans:
    """Implements `ports.traces.SpanReceiver`."""

    def __init__(self, collector: OtlpCollector, resource: Mapping[str, str]) -> None:
        self._resource = resource_of(resource)
        self._connection: OtlpConnection[ExportTraceServiceResponse] = OtlpConnection(collector, TraceServiceStub)

    def send(self, spans: Sequence[Span]) -> int:
        scope = t.ScopeSpans(scope=InstrumentationScope(name=SCOPE), spans=[_span(each) for each in spans])
        request = ExportTraceServiceRequest(resource_spans=[t.ResourceSpans(resource=self._resource, scope_spans=[scope])])
        answer = self._connection.export(request)
        return len(spans) - min(len(spans), max(0, answer.partial_success.rejected_spans))

    def close(self) -> None:
        self._connection.close()


def _span(span: Span) -> t.Span:
    began = int(span.began.timestamp() * NANOSECONDS)
    return t.Span(
        trace_id=span.context.trace_id,
        span_id=span.context.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        kind=KINDS[span.kind],
        start_time_unix_nano=began,
        end_time_unix_nano=began + int(span.seconds * NANOSECONDS),
        attributes=[text_of(OUTCOME, span.outcome), *(text_of(name, value) for name, value in span.attributes)],
        status=t.Status(code=t.Status.STATUS_CODE_ERROR, message=span.outcome) if span.is_fault else None,
    )
