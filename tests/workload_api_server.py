"""A SPIFFE Workload API on a unix socket, in the process of the test: it speaks the protocol as the specification has it."""

from __future__ import annotations

import queue
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography.hazmat.primitives import serialization

from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.domain.peers import region_server_name
from meridian.workload_api.v1 import workload_pb2, workload_pb2_grpc

SPIFFE_ID = "spiffe://example.internal/region/us-east-1"
LISTENERS = 4


def der_of(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def new_svid(authority: CertificateFiles, spiffe_id: str = SPIFFE_ID, life: timedelta = timedelta(hours=1)) -> workload_pb2.X509SVID:
    """An SVID with the DNS name of a Region's peer certificate."""
    now = datetime.now(UTC)
    leaf = new_leaf(authority, "region", now, dns_names=[region_server_name("us-east-1")], spiffe_id=spiffe_id, life=life)
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = serialization.load_pem_private_key(leaf.private_key, None).private_bytes(*form)
    chain = der_of(leaf.certificate) + der_of(authority.certificate)
    return workload_pb2.X509SVID(spiffe_id=spiffe_id, x509_svid=chain, x509_svid_key=key, bundle=der_of(authority.certificate))


@dataclass
class WorkloadApi(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """Says the last thing that a test gave it to whoever comes, and each further one."""

    socket: str
    authority: CertificateFiles = field(default_factory=lambda: new_authority("example.internal", datetime.now(UTC)))
    refusal: grpc.StatusCode | None = None
    calls: int = 0
    _last: workload_pb2.X509SVIDResponse | None = None
    _streams: list[queue.Queue[workload_pb2.X509SVIDResponse | None]] = field(default_factory=list)

    def say(self, *svids: workload_pb2.X509SVID) -> None:
        self._last = workload_pb2.X509SVIDResponse(svids=svids)
        for stream in list(self._streams):
            stream.put(self._last)

    def end_streams(self) -> None:
        for stream in list(self._streams):
            stream.put(None)

    def FetchX509SVID(
        self, request: workload_pb2.X509SVIDRequest, context: grpc.ServicerContext
    ) -> Iterator[workload_pb2.X509SVIDResponse]:
        self.calls += 1
        if ("workload.spiffe.io", "true") not in [tuple(each) for each in context.invocation_metadata()]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing from request")
        if self.refusal is not None:
            context.abort(self.refusal, "no identity issued")
        stream: queue.Queue[workload_pb2.X509SVIDResponse | None] = queue.Queue()
        context.add_callback(lambda: stream.put(None))
        self._streams.append(stream)
        if self._last is not None:
            yield self._last
        while (said := stream.get()) is not None:
            yield said
        self._streams.remove(stream)


@contextmanager
def workload_api(folder: Path) -> Iterator[WorkloadApi]:
    made = WorkloadApi(f"unix://{folder}/agent.sock")
    server = grpc.server(ThreadPoolExecutor(LISTENERS))
    workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(made, server)
    assert server.add_insecure_port(made.socket)
    server.start()
    try:
        yield made
    finally:
        made.end_streams()
        server.stop(0).wait(10)
