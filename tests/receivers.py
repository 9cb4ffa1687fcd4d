"""The other ends of audit sinks, in the process of the test: a collector of OTLP, a store like S3, and one that never answers."""

from __future__ import annotations

import contextlib
import socket
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import grpc
import orjson
from moto.server import ThreadedMotoServer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceServicer, add_LogsServiceServicer_to_server
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer, add_TraceServiceServicer_to_server
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.ports import free_port

from meridian.audit.keys import KEYS_FILE
from meridian.cli.region_place import HOST

BUCKET = "audit-logs"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "of-a-test", "AWS_SECRET_ACCESS_KEY": "secret-of-a-test", "AWS_EC2_METADATA_DISABLED": "true"}


class Collector(LogsServiceServicer):
    """Takes log records, and keeps their bodies in order; refuses as many messages as a test says, in one of two ways."""

    def __init__(self) -> None:
        self.port = free_port()
        self.lines: list[bytes] = []
        self.records: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.headers: list[dict[str, str | bytes]] = []
        self.rejects = self.fails = 0
        self._server: grpc.Server | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def begin(self, credentials: grpc.ServerCredentials | None) -> None:
        """Listen; in plaintext without credentials."""
        self._server = grpc.server(ThreadPoolExecutor(2))
        add_LogsServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # generated
        address = f"{HOST}:{self.port}"
        assert self._server.add_secure_port(address, credentials) if credentials else self._server.add_insecure_port(address)
        self._server.start()

    def end(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()

    def Export(self, request: ExportLogsServiceRequest, context: grpc.ServicerContext) -> ExportLogsServiceResponse:
        if self.fails:
            self.fails -= 1
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much")
        if self.rejects:
            self.rejects -= 1
            return ExportLogsServiceResponse(partial_success=ExportLogsPartialSuccess(rejected_log_records=1, error_message="too long"))
        self.headers.append({name: str(value) for name, value in context.invocation_metadata()})
        for each in request.resource_logs:
            self.resources.append({a.key: a.value.string_value for a in each.resource.attributes})
            for scope in each.scope_logs:
                self.records += scope.log_records
                self.lines += [record.body.string_value.encode() for record in scope.log_records]
        return ExportLogsServiceResponse()

    def requests(self) -> list[str]:
        """The request ids of what has come, in order."""
        return [str(orjson.loads(line).get("requestID", "")) for line in self.lines]


class TraceCollector(TraceServiceServicer):
    """Takes spans, and keeps each with its resource; rejects as many as a test says."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        self.headers: list[dict[str, str | bytes]] = []
        self.messages: list[ExportTraceServiceRequest] = []
        self.rejects = 0
        self._server = grpc.server(ThreadPoolExecutor(2))
        add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # generated
        self.port = self._server.add_insecure_port(f"{HOST}:0")
        self._server.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        self.messages.append(request)
        self.headers.append({name: str(value) for name, value in context.invocation_metadata()})
        for each in request.resource_spans:
            self.resources.append({a.key: a.value.string_value for a in each.resource.attributes})
            for scope in each.scope_spans:
                self.spans += scope.spans
        return ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=self.rejects))

    def named(self, name: str) -> list[Span]:
        return [span for span in list(self.spans) if span.name == name]

    def end(self) -> None:
        self._server.stop(None).wait()


class Store:
    """moto's S3 with one bucket."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server = ThreadedMotoServer(ip_address=HOST, port=self.port, verbose=False)
        self._server.start()
        # What moto keeps belongs to the process: an earlier server's buckets are there, too.
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10).close()  # noqa: S310 - ours
        self.client = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        self.client.create_bucket(Bucket=BUCKET)
        self.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def end(self) -> None:
        self._server.stop()

    def names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def versions(self) -> list[str]:
        """The name of each object as often as it was put."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page.get("Versions", [])]

    def copy_to(self, folder: Path, beside: Path) -> Path:
        """The files as a directory that can be verified, with the published keys of the one beside."""
        folder.mkdir()
        for key in self.names():
            (folder / key.rpartition("/")[2]).write_bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        (folder / KEYS_FILE).write_bytes((beside / KEYS_FILE).read_bytes())
        return folder


class Silent:
    """Accepts connections, reads what comes, and never answers."""

    def __init__(self) -> None:
        self.port = free_port()
        self.accepted: list[socket.socket] = []
        self._listener = socket.create_server((HOST, self.port))
        Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.accepted.append(connection)
                Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while connection.recv(1 << 16):
                pass

    def end(self) -> None:
        self._listener.close()
        for each in self.accepted:
            each.close()


@contextlib.contextmanager
def collector(credentials: grpc.ServerCredentials | None = None) -> Iterator[Collector]:
    made = Collector()
    made.begin(credentials)
    try:
        yield made
    finally:
        made.end()


@contextlib.contextmanager
def trace_collector() -> Iterator[TraceCollector]:
    made = TraceCollector()
    try:
        yield made
    finally:
        made.end()


@contextlib.contextmanager
def store() -> Iterator[Store]:
    made = Store()
    try:
        yield made
    finally:
        made.end()


@contextlib.contextmanager
def silent() -> Iterator[Silent]:
    made = Silent()
    try:
        yield made
    finally:
        made.end()
