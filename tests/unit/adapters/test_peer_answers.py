"""Whatever a Region answers that cannot be read counts as no answer, for every call of the contract: over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.peer_channels import PeerChannels
from meridian.adapters.region_peer_grpc import GrpcRegionPeer
from meridian.adapters.traces import Untraced
from meridian.crypto.certificates import new_authority, new_leaf
from meridian.domain.multi_region import Term
from meridian.domain.peer_message import CallerOnBehalf, DeliverGone, DeliverHeld, DeliverSetState, Prepare, PrepareHandover, Spoken
from meridian.domain.peers import PeerRegion, region_server_name
from meridian.errors import DependencyTimeoutException, KmsError
from meridian.peer.v1 import replication_pb2 as wire
from meridian.ports.security_events import SecurityEvent
from meridian.replication.refusals import Refusals

REGION, ACCOUNT, KEY_ID, SERIAL = "eu-west-1", "111122223333", "mrk-" + "0" * 32, "c" * 64
CALLER, SPOKEN, TERM = CallerOnBehalf("bearer_token", "ann", "10.0.0.1", "agent"), Spoken("d", "aws", 1), Term(1, "us-east-1", 0)
Say = Callable[[grpc.ServicerContext], bytes]


@dataclass
class Tls:
    certificate: bytes
    private_key: bytes
    client_ca: bytes


PREPARE = Prepare(
    account=ACCOUNT, key_id=KEY_ID, serial=SERIAL, request_id="r", caller=CALLER, replicate_key_request=b"",
    key_spec="SYMMETRIC_DEFAULT", key_usage="ENCRYPT_DECRYPT", origin="AWS_KMS", primary_region="us-east-1", replica_regions=(),
    current_material_id="", spoken=SPOKEN,
)  # fmt: skip
STATE = DeliverSetState(b"s", SERIAL, (), 1, 0, "r", b"k", (), b"k")
CALLS: dict[str, Callable[[GrpcRegionPeer], Awaitable[Any]]] = {
    "GetTransportOffer": lambda peer: peer.transport_offer(REGION),
    "Prepare": lambda peer: peer.prepare(REGION, PREPARE),
    "PrepareHandover": lambda peer: peer.prepare_handover(REGION, PrepareHandover(ACCOUNT, KEY_ID, "r", CALLER, b"", "us-east-1", SPOKEN)),
    "Foretell": lambda peer: peer.foretell(REGION, PREPARE),
    "DeliverGone": lambda peer: peer.deliver_gone(REGION, DeliverGone(ACCOUNT, KEY_ID, SERIAL, TERM, "r", 0, b"", b"")),
    "DeliverSetState": lambda peer: peer.deliver_set_state(REGION, STATE),
    "DeliverHeld": lambda peer: peer.deliver_held(REGION, DeliverHeld(ACCOUNT, KEY_ID, SERIAL, TERM, (), 0, "r")),
    "Resolve": lambda peer: peer.resolve(REGION, ACCOUNT, KEY_ID, SERIAL),
    "Compare": lambda peer: peer.compare(REGION, 0, []),
    "GetSet": lambda peer: peer.get_set(REGION, ACCOUNT, KEY_ID, 0, is_reconciling=False),
    "GetMaterials": lambda peer: peer.get_materials(REGION, ACCOUNT, KEY_ID, [], 1, 0),
}


def refusing(status: bytes, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, text: str = "x") -> Say:
    def say(context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", status),))
        context.abort(code, text)
        raise AssertionError("abort returned")

    return say


def rich(message: str, *details: any_pb2.Any, code: int = 14) -> bytes:
    return bytes(status_pb2.Status(code=code, message=message, details=details).SerializeToString())


def info(reason: str) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason))
    return packed


BROKEN_INFO = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff\xff")
ODD: dict[str, Say] = {
    "bytes that are no message": lambda context: b"\xff\xff\xff",
    "a text that is no UTF-8": lambda context: b"\x0a\x02\xff\xff\x12\x02\xff\xff",
    "a status that is none": refusing(b"\xff\xff\xff"),
    "a status of another code": refusing(rich("x", code=3)),
    "a status of another text": refusing(rich("y")),
    "a detail that is none": refusing(rich("x", BROKEN_INFO)),
    "a refusal that nobody knows": refusing(rich("x", info("Exit\x1b[31m"))),
    "no status at all": lambda context: context.abort(grpc.StatusCode.DATA_LOSS, "\x00\x1b"),
}


async def asked(say: Say, calls: list[str], events: ReportedEvents) -> dict[str, BaseException | None]:
    """What each of these calls raises at a Region that says this to everything."""
    now = datetime.now(UTC)
    authority = new_authority("peers", now)
    theirs = new_leaf(authority, REGION, now, dns_names=[region_server_name(REGION)])
    own = new_leaf(authority, "us-east-1", now, dns_names=[region_server_name("us-east-1")])

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: say(context))

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Handler(),))
    pair = [(theirs.private_key, theirs.certificate)]
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair, authority.certificate, True))
    server.start()
    known = PeerRegion(REGION, f"127.0.0.1:{port}", f"spiffe://x/region/{REGION}", "0" * 64, frozenset({ACCOUNT}))
    tls = Tls(own.certificate, own.private_key, authority.certificate)
    channels = PeerChannels({REGION: known}, tls, is_denied=lambda name: False)
    engine: Any = None  # no call gets as far as a key
    peer = GrpcRegionPeer(channels, engine, SystemClock(), Refusals(events), traces=Untraced())
    try:
        outcomes = await asyncio.gather(*[CALLS[name](peer) for name in calls], return_exceptions=True)
    finally:
        await peer.close()
        server.stop(0).wait(5)
    return {name: outcome if isinstance(outcome, BaseException) else None for name, outcome in zip(calls, outcomes, strict=True)}


@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_cannot_be_read_is_no_answer_of_any_call(odd: str) -> None:
    calls = ["GetSet"] if odd == "a text that is no UTF-8" else list(CALLS)  # whose first fields are texts
    outcomes = asyncio.run(asked(ODD[odd], calls, ReportedEvents()))
    assert {name: type(outcome) for name, outcome in outcomes.items()} == dict.fromkeys(calls, DependencyTimeoutException)


def test_the_contract_has_no_call_that_is_not_asked_here() -> None:
    assert set(CALLS) == {method.name for method in wire.DESCRIPTOR.services_by_name["ReplicationService"].methods}


def test_an_unreadable_answer_is_told_with_the_region_and_the_set() -> None:
    events = ReportedEvents()
    asyncio.run(asked(ODD["bytes that are no message"], ["GetSet"], events))
    [(event, subject, details)] = events.reported
    assert (event, subject, details["keyId"]) == (SecurityEvent.PEER_MESSAGE_REFUSED, REGION, KEY_ID)


def test_a_refusal_is_passed_on_with_printable_characters_only_and_bounded() -> None:
    text = "no\x1b[31m\r\nway \u202e" + "a" * 600
    say = refusing(rich(text, info("AccessDeniedException"), code=7), grpc.StatusCode.PERMISSION_DENIED, text)
    outcome = asyncio.run(asked(say, ["Resolve"], ReportedEvents()))["Resolve"]
    assert isinstance(outcome, KmsError)
    assert outcome.code == "AccessDeniedException"
    assert outcome.message == ("no[31mway " + "a" * 600)[:512]
