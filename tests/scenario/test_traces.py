"""Spans of real Regions, as a collector is sent them: part of their callers' traces on every wire, between Regions and towards proxies; no
word of whose keys but where the settings say so; and a collector that hangs delays nobody."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.aws import kms
from tests.deployment import AWAY, HOME, Deployment
from tests.receivers import Silent, TraceCollector, silent, trace_collector
from tests.scenario.xks import Outside, new_prefix
from tests.standing_proxy import standing_proxy

from meridian.client import errors
from meridian.contract.catalog import Rpc, batch_rpcs, rpcs

HEADERS = "authorization: Bearer of-a-test\n"


class Caller:
    """A trace that a caller has begun."""

    def __init__(self, *, is_sampled: bool) -> None:
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.traceparent = f"00-{self.trace}-{self.span}-{int(is_sampled):02x}"


@pytest.fixture(scope="module")
def receiver() -> Iterator[TraceCollector]:
    with trace_collector() as made:
        yield made


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, receiver: TraceCollector) -> Iterator[Deployment]:
    """Two Regions. One keeps what its callers keep alone; the other tells all that it may tell."""
    deployment = Deployment(tmp_path_factory.mktemp("traced"), [HOME, AWAY]).prepare()
    headers = deployment.root / "headers"
    headers.write_text(HEADERS)
    headers.chmod(0o600)
    for region, added in ((HOME, "sample_ratio = 0"), (AWAY, 'attributes = ["account", "principal", "key", "alias"]')):
        settings = deployment.place(region).settings
        table = f'\n[tracing]\nendpoint = "{receiver.url}"\nheaders_file = "{headers}"\n{added}\n'
        settings.write_text(settings.read_text() + table)
    with deployment.serving():
        yield deployment


def called(region: Deployment, rpc: Rpc, metadata: tuple[tuple[str, str | bytes], ...], **fields: Any) -> Any:
    endpoint = region.endpoint(HOME, "developer")
    credentials = grpc.ssl_channel_credentials(*(p.read_bytes() for p in (endpoint.ca, endpoint.private_key, endpoint.certificate)))
    with grpc.secure_channel(endpoint.target, credentials) as channel:
        request = rpc.request_class(**fields).SerializeToString()
        method: Any = channel.unary_unary(rpc.path)
        answer = method(request, metadata=metadata, timeout=20)
        return rpc.response_class.FromString(answer)


def spans_of(traced: Deployment, receiver: TraceCollector, caller: Caller, count: int) -> dict[str, Span]:
    """The spans of a caller's trace, by name, once so many have come."""

    def found() -> list[Span]:
        return [span for span in list(receiver.spans) if span.trace_id.hex() == caller.trace]

    traced.wait_until(lambda: len(found()) >= count)
    return {span.name: span for span in found()}


def told(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def test_a_call_is_part_of_its_callers_trace_on_both_wires(traced: Deployment, receiver: TraceCollector) -> None:
    grpc_caller, aws_caller = Caller(is_sampled=True), Caller(is_sampled=True)
    with traced.client(HOME, "developer") as developer:
        key_id = developer.create_key().key_metadata.key_id
    called(traced, rpcs()["Encrypt"], (("traceparent", grpc_caller.traceparent),), key_id=key_id, plaintext=b"x")
    client = kms(traced)
    client.meta.events.register(
        "before-sign.kms.Encrypt", lambda request, **_: request.headers.add_header("traceparent", aws_caller.traceparent)
    )
    answer = client.encrypt(KeyId=key_id, Plaintext=b"x")
    for caller, wire in ((grpc_caller, "grpc"), (aws_caller, "aws")):
        span = spans_of(traced, receiver, caller, 1)["Encrypt"]
        assert (span.parent_span_id.hex(), span.kind) == (caller.span, Span.SPAN_KIND_SERVER)
        assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 60 * 10**9
        assert span.status.code == Status.STATUS_CODE_UNSET
        assert {**told(span), "meridian.request_id": ""} == {
            "rpc.method": "meridian.kms.v1.EncryptionService/Encrypt",
            "meridian.outcome": "ok",
            "meridian.wire": wire,
            "meridian.request_id": "",
            "meridian.key_spec": "SYMMETRIC_DEFAULT",
        }
    assert told(span)["meridian.request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert receiver.headers[0]["authorization"] == "Bearer of-a-test"
    names = receiver.resources[0]
    assert (names["service.name"], names["cloud.region"], names["service.instance.id"]) == ("meridian", HOME, "replica-1")
    assert receiver.named("CreateKey") == [], "that trace began here, and of those none is kept"


def test_a_refused_call_says_why_and_is_no_fault(traced: Deployment, receiver: TraceCollector) -> None:
    caller = Caller(is_sampled=True)
    with pytest.raises(grpc.RpcError):
        called(traced, rpcs()["DescribeKey"], (("traceparent", caller.traceparent),), key_id="alias/nothing")
    span = spans_of(traced, receiver, caller, 1)["DescribeKey"]
    assert told(span)["meridian.outcome"] == "NotFoundException"
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_what_its_caller_does_not_keep_or_says_in_another_form_is_not_kept(traced: Deployment, receiver: TraceCollector) -> None:
    unkept, wrong, kept = (Caller(is_sampled=value) for value in (False, True, True))
    for traceparent in (unkept.traceparent, f"{wrong.traceparent}-more", kept.traceparent):
        called(traced, rpcs()["ListKeys"], (("traceparent", traceparent),))
    spans_of(traced, receiver, kept, 1)
    assert {span.trace_id.hex() for span in receiver.spans}.isdisjoint({unkept.trace, wrong.trace})


def test_what_another_region_does_is_part_of_the_trace(traced: Deployment, receiver: TraceCollector) -> None:
    caller = Caller(is_sampled=True)
    with traced.client(HOME, "developer") as developer:
        key_id = developer.create_key(multi_region=True).key_metadata.key_id
    called(traced, rpcs()["ReplicateKey"], (("traceparent", caller.traceparent),), key_id=key_id, replica_region=AWAY)
    spans_of(traced, receiver, caller, 4)
    mine = [span for span in receiver.spans if span.trace_id.hex() == caller.trace]
    by_kind = {(span.name, span.kind, told(span).get("meridian.wire", "")): span for span in mine}
    whole = by_kind["ReplicateKey", Span.SPAN_KIND_SERVER, "grpc"]
    asking = by_kind["peer Prepare", Span.SPAN_KIND_CLIENT, ""]
    answering = by_kind["peer Prepare", Span.SPAN_KIND_SERVER, ""]
    reserved = by_kind["ReplicateKey", Span.SPAN_KIND_SERVER, "peer"]
    assert asking.parent_span_id == whole.span_id
    assert answering.parent_span_id == asking.span_id
    assert reserved.parent_span_id == answering.span_id
    assert (told(asking)["meridian.peer_region"], told(answering)["meridian.peer_region"]) == (AWAY, HOME)


def test_items_of_a_batch_are_part_of_it(traced: Deployment, receiver: TraceCollector) -> None:
    caller = Caller(is_sampled=True)
    with traced.client(HOME, "developer") as developer:
        key_id = developer.create_key().key_metadata.key_id
    items = [rpcs()["Encrypt"].request_class(key_id=key_id, plaintext=b"x")] * 3
    called(traced, batch_rpcs()["EncryptBatch"], (("traceparent", caller.traceparent),), items=items)
    spans_of(traced, receiver, caller, 4)
    (batch,) = receiver.named("EncryptBatch")
    parts = [span for span in receiver.named("Encrypt") if span.parent_span_id == batch.span_id]
    assert sorted(told(span)["meridian.batch_item"] for span in parts) == ["0", "1", "2"]


def test_a_request_to_a_proxy_is_part_of_the_trace(traced: Deployment, receiver: TraceCollector) -> None:
    outside, prefix, caller = Outside(traced, standing_proxy()), new_prefix(), Caller(is_sampled=True)
    with traced.client(HOME, "developer") as developer:
        store = outside.connected(developer, prefix)
        key_id = outside.key(developer, store, "key-0001").key_id
    called(traced, rpcs()["Encrypt"], (("traceparent", caller.traceparent),), key_id=key_id, plaintext=b"x")
    spans = spans_of(traced, receiver, caller, 2)
    asking = spans["key store proxy encrypt"]
    assert asking.parent_span_id == spans["Encrypt"].span_id
    seen = [each["traceparent"] for each in outside.proxy.tell(prefix)["seen"] if each["verb"] == "encrypt"]
    assert seen == [f"00-{caller.trace}-{asking.span_id.hex()}-01"]
    outside.proxy.tell(prefix, mode={"error": "KeyNotFoundException", "verbs": ["encrypt"]})
    caller = Caller(is_sampled=True)
    with pytest.raises(grpc.RpcError):
        called(traced, rpcs()["Encrypt"], (("traceparent", caller.traceparent),), key_id=key_id, plaintext=b"x")
    asking = spans_of(traced, receiver, caller, 2)["key store proxy encrypt"]
    assert told(asking)["meridian.outcome"] == "KeyNotFoundException"
    assert asking.status.code == Status.STATUS_CODE_ERROR


def test_spans_name_nobody_but_where_the_settings_say_so(traced: Deployment, receiver: TraceCollector) -> None:
    secret = b"canary-" + secrets.token_hex(12).encode()
    context, alias = {"canary-key": "canary-" + secrets.token_hex(12)}, f"alias/{secrets.token_hex(8)}"
    arns = {}
    for region in (HOME, AWAY):
        with traced.client(region, "developer") as developer:
            made = developer.create_key().key_metadata
            arns[region] = made.arn
            developer.create_alias(alias_name=alias, target_key_id=made.key_id)
    caller = Caller(is_sampled=True)
    called(traced, rpcs()["Encrypt"], (("traceparent", caller.traceparent),), key_id=alias, plaintext=secret, encryption_context=context)
    span = spans_of(traced, receiver, caller, 1)["Encrypt"]
    for named in (arns[HOME].rpartition("/")[2], alias, "arn:", "111122223333", "developer"):
        assert named not in str(span), named
    with traced.client(AWAY, "developer") as developer:
        developer.encrypt(key_id=alias, plaintext=secret, encryption_context=context)

    def found() -> list[dict[str, str]]:
        return [each for each in map(told, receiver.named("Encrypt")) if each.get("meridian.key") == arns[AWAY]]

    (shown,) = traced.wait_until(found)
    assert shown["meridian.alias"] == alias
    assert shown["meridian.account"] == "111122223333"
    assert shown["meridian.principal"].endswith("/developer")
    everything = b"".join(message.SerializeToString() for message in receiver.messages)
    assert b"Encrypt" in everything
    for canary in (secret, context["canary-key"].encode(), b"canary-key"):
        assert canary not in everything


@pytest.fixture
def listener() -> Iterator[Silent]:
    with silent() as made:
        yield made


@pytest.mark.deep
def test_a_collector_that_hangs_delays_nobody_and_what_is_too_much_is_counted(tmp_path: Path, listener: Silent) -> None:
    alone = Deployment(tmp_path / "hangs", [HOME]).prepare()
    settings = alone.place(HOME).settings
    settings.write_text(f'{settings.read_text()}\n[tracing]\nendpoint = "{listener.url}"\ntimeout_seconds = 0.5\nwaiting_max = 64\n')
    try:
        alone.start()
        with alone.client(HOME, "developer") as developer:
            key_id = developer.create_key().key_metadata.key_id
            alone.wait_until(lambda: listener.accepted)
            for _ in range(1000):
                developer.encrypt(key_id=key_id, plaintext=b"x", timeout=15)
            alone.wait_until(lambda: alone.metrics(HOME).get('meridian_trace_spans_total{outcome="refused"}', 0) > 0)
            told = alone.metrics(HOME)
            assert told['meridian_trace_spans_total{outcome="dropped"}'] > 0
            assert told["meridian_trace_spans_waiting"] <= 64
            assert told['meridian_trace_spans_total{outcome="sent"}'] == 0
            with pytest.raises(errors.NotFoundException):
                developer.describe_key(key_id="alias/nothing")
        assert alone.stop(HOME) == 0
    finally:
        alone.stop_all()
