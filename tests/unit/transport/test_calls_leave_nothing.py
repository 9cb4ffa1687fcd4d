"""Of a call that has ended nothing is left, without a collector: neither what its caller sent, nor memory that grows until one comes by."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine
from datetime import datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.traces import Untraced
from meridian.call import Call, Evidence
from meridian.contract.catalog import served_rpcs, walked_rpcs
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.errors import AccessDeniedException
from meridian.kms.v1 import encryption_pb2
from meridian.pipeline.call_spans import CallSpans
from meridian.pipeline.entrance import CallWalks, Entrance, Seen
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle
from meridian.ports.xks import KeyStorePlace
from meridian.transport.aws_json.app import AwsWire
from meridian.transport.batch_answers import Walks
from meridian.transport.call_edge import CallEdge, Walk
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.envoy.departures import Departures
from meridian.transport.envoy.grpc_wire import GrpcWire
from meridian.transport.grpc_interceptor import CallInterceptor
from meridian.transport.under_way import CallsUnderWay
from meridian.transport.xks.app import XksWire

ENCRYPT = served_rpcs()["Encrypt"]
CALLER = Principal("User", "111122223333", "a", "arn:aws:iam::111122223333:user/a")
REQUEST = encryption_pb2.EncryptRequest(key_id="k", plaintext=b"secret").SerializeToString()
JSON = b'{"KeyId": "k", "Plaintext": "c2VjcmV0"}'
HEALTH = b'{"requestMetadata": {"kmsRequestId": "r", "kmsOperation": "KmsHealthCheck"}}'
ANSWER = encryption_pb2.EncryptResponse(ciphertext_blob=b"b")
SECONDS, CALLS = 20.0, 3


class Aborted(Exception):
    """What a context raises that was told to end the call."""


class Context:
    """A gRPC context of grpcio, with a message; it keeps what it raises, as that does."""

    def __init__(self) -> None:
        self.raised: Aborted | None = None

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    def time_remaining(self) -> float:
        return SECONDS

    async def read(self) -> bytes:
        return REQUEST

    def set_trailing_metadata(self, metadata: Any) -> None: ...

    def abort(self, code: Any, details: str, metadata: Any = ()) -> asyncio.Future[None]:
        self.raised, raising = Aborted(), asyncio.get_running_loop().create_future()
        raising.set_exception(self.raised)
        return raising


async def answered(_: Call) -> Any:
    return ANSWER


async def answered_outside(call: Call) -> Any:
    await call.wait_outside(call)
    return ANSWER


async def refused(call: Call) -> Any:
    """As the pipeline refuses, which notes why."""
    call.error = AccessDeniedException("no")
    raise call.error


async def cut(_: Call) -> Any:
    raise asyncio.CancelledError


WALKS = [answered, answered_outside, refused, cut]


def surroundings() -> EdgeSurroundings:
    nobody: Any = None
    return EdgeSurroundings(
        SystemClock(), OsEntropy(), Limits(), unauthenticated=nobody, events=ReportedEvents(), under_way=CallsUnderWay()
    )


def edge_of(around: EdgeSurroundings) -> CallEdge:
    return CallEdge(around, identify=lambda evidence, at: CALLER, note_caller=lambda arn, peer: None)


def entrance(walk: Walk) -> Entrance:
    clock, seen = SystemClock(), ReportedEvents()
    return Entrance(
        steps=(Throttle(clock, {"other": 0.0}, walked_rpcs()),),
        walks=CallWalks(walk, walk),
        rpcs=walked_rpcs(),
        cores=1,
        seen=Seen(Telemetry(clock, CollectorRegistry()), CallSpans(Untraced(), ()), seen),
        clock=clock,
    )


def calls_in_memory() -> list[Call | Context]:
    return [each for each in gc.get_objects() if type(each) in (Call, Context)]


def left_of(story: Callable[[], Coroutine[Any, Any, None]]) -> list[Call | Context]:
    """Its calls and their contexts that are still in memory after it, where no collector has come by."""
    gc.collect()
    others = calls_in_memory()
    gc.disable()
    try:
        asyncio.run(story())
        return [each for each in calls_in_memory() if not any(each is other for other in others)]
    finally:
        gc.enable()


@pytest.mark.parametrize("walk", WALKS)
def test_nothing_is_left_behind_grpcio(walk: Walk) -> None:
    async def story() -> None:
        around = surroundings()
        wire = CallInterceptor({}, edge_of(around), around.clock, around.entropy, around.events)
        serve: Any = wire._edge(ENCRYPT, entrance(walk).walk)
        for _ in range(CALLS):
            with contextlib.suppress(Aborted):
                await serve(None, Context())
                assert walk in (answered, answered_outside)

    assert left_of(story) == []


def test_nothing_is_left_of_a_call_of_no_method() -> None:
    async def story() -> None:
        around = surroundings()
        wire = CallInterceptor({}, edge_of(around), around.clock, around.entropy, around.events)
        for _ in range(CALLS):
            with pytest.raises(Aborted):
                await wire._refuse_unknown(None, Context())

    assert left_of(story) == []


@pytest.mark.parametrize("walk", WALKS)
def test_nothing_is_left_behind_envoy(walk: Walk) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"\0" + len(REQUEST).to_bytes(4) + REQUEST}

    async def send(event: Any) -> None:
        sent.append(event["type"])

    async def story() -> None:
        around = surroundings()
        no_batches: Any = None
        wire = GrpcWire(
            {ENCRYPT.path: ENCRYPT},
            Walks(entrance(walk).walk, no_batches),
            around,
            edge=edge_of(around),
            departures=Departures(),
            services={},
        )
        headers = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
        scope = {"http_version": "2", "method": "POST", "raw_path": ENCRYPT.path.encode(), "headers": headers}
        for _ in range(CALLS):
            await wire.serve({**scope, "client": ("127.0.0.1", 1), "scheme": "https", "extensions": {}}, receive, send)

    assert left_of(story) == []
    assert sent


class Identify:
    """Knows every caller."""

    def claim_of(self, head: RequestHead, now: datetime) -> None:
        return None

    def __call__(self, evidence: Evidence, now: datetime) -> Principal:
        return CALLER


@pytest.mark.parametrize("walk", WALKS)
def test_nothing_is_left_behind_the_aws_wire(walk: Walk) -> None:
    identify: Any = Identify()

    async def written(call: Call) -> Any:
        return call.write_answer(call, await walk(call))

    async def story() -> None:
        wire = AwsWire(served_rpcs(), entrance(written).walk, surroundings(), is_secure=False, identify=identify)
        headers = MappingProxyType({"x-amz-target": "TrentService.Encrypt"})
        head = RequestHead("POST", "/", (), headers, "127.0.0.1", len(JSON))
        for _ in range(CALLS):
            answer = await wire.begin(head).answer(JSON, lambda _: None)
            assert (answer.status == 200) is (walk in (answered, answered_outside))

    assert left_of(story) == []


class Exported:
    """A key store of another KMS, whose signatures are all good."""

    def find_store(self, prefix: str) -> KeyStorePlace:
        return KeyStorePlace(prefix, CALLER.account)

    def claim_of(self, *_: Any) -> Any:
        return SimpleNamespace(access_key_id="k")

    def require(self, *_: Any) -> None:
        return None


@pytest.mark.parametrize("walk", WALKS)
def test_nothing_is_left_of_what_another_kms_asks(walk: Walk) -> None:
    exported: Any = Exported()

    async def written(call: Call) -> Any:
        await walk(call)
        return call.rpc.response_class()

    async def story() -> None:
        wire = XksWire(entrance(written).walk, surroundings(), exports=exported, signatures=exported, partition="aws")
        head = RequestHead("POST", "/store/kms/xks/v1/health", (), {}, "127.0.0.1", len(HEALTH))
        for _ in range(CALLS):
            answer = await wire.begin(head).answer(HEALTH, lambda _: None)
            assert (answer.status == 200) is (walk in (answered, answered_outside))

    assert left_of(story) == []
