"""The AWS wire itself, without a network: when a caller counts as known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.known_entropy import KnownEntropy

from meridian.call import Call
from meridian.contract.catalog import rpcs
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.errors import InvalidSignatureException, KmsError, KMSInternalException
from meridian.transport.admin_app import AdminApp
from meridian.transport.aws_json.app import AwsWire
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.http1.application import Answer, Application
from meridian.transport.metrics_text import MetricsText
from meridian.transport.under_way import CallsUnderWay

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Stub:
    """Clock, events, and who decides about callers."""

    def __init__(self, refusal: KmsError | None = None) -> None:
        self.refusal = refusal
        self.faults: list[str] = []

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.faults.append(during)

    def claim_of(self, head: RequestHead, now: datetime) -> None:
        return None

    def __call__(self, evidence: Any, now: datetime) -> Principal:
        if self.refusal is not None:
            raise self.refusal
        return Principal("User", "111122223333", "a", "arn:aws:iam::111122223333:user/a")

    async def refuse(self, error: KmsError, **told: Any) -> None:
        return None


def wire(stub: Stub, walk: Any, under_way: CallsUnderWay) -> AwsWire:
    made: Any = stub
    around = EdgeSurroundings(made, KnownEntropy(b""), Limits(), unauthenticated=made, events=made, under_way=under_way)
    return AwsWire(rpcs(), walk, around, is_secure=False, identify=made)


def head(body: bytes) -> RequestHead:
    headers = MappingProxyType({"x-amz-target": "TrentService.ListKeys"})
    return RequestHead("POST", "/", (), headers, "127.0.0.1", len(body))


METHODS = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "SOURCE", "QUERY", "M-SEARCH"]


@pytest.mark.parametrize("method", METHODS)
def test_what_no_listener_serves_is_refused_with_what_it_serves(method: str) -> None:
    async def walk(call: Call) -> Any:
        raise AssertionError(call)

    admin = AdminApp(MetricsText(CollectorRegistry(), Stub()), list, list)
    served = wire(Stub(), walk, CallsUnderWay())

    async def answered(application: Application, path: str) -> Answer:
        return await application.begin(RequestHead(method, path, (), {}, "127.0.0.1", 0)).answer(b"", lambda _: None)

    for application, path, allowed in ((served, "/", "POST"), (admin, "/livez", "GET, HEAD"), (admin, "/else", "GET, HEAD")):
        answer = asyncio.run(answered(application, path))
        if method in allowed:
            assert answer.status == (200 if path == "/livez" else 404)
        else:
            assert (answer.status, dict(answer.headers)["Allow"]) == (405, allowed)


def status_and_said(stub: Stub, outcome: Exception | None) -> tuple[int, list[str]]:
    """The status of an answer, and what happened on the way to it, in order."""
    said: list[str] = []

    async def walk(call: Call) -> Any:
        said.append("walk")
        if outcome is not None:
            raise outcome
        return call.rpc.response_class()

    exchange = wire(stub, walk, CallsUnderWay()).begin(head(b"{}"))

    async def answer() -> Answer:
        return await exchange.answer(b"{}", lambda _: said.append("known"))

    return asyncio.run(answer()).status, said


@pytest.mark.parametrize(("outcome", "status"), [(None, 200), (KMSInternalException(reason=""), 500), (ZeroDivisionError(), 500)])
def test_a_caller_is_known_before_his_call_is_walked(outcome: Exception | None, status: int) -> None:
    assert status_and_said(Stub(), outcome) == (status, ["known", "walk"])


def test_who_cannot_prove_who_he_is_is_never_known() -> None:
    assert status_and_said(Stub(InvalidSignatureException("no", reason="signature")), None) == (400, [])


def test_what_takes_longer_than_the_drain_is_refused_as_repeatable() -> None:
    under_way = CallsUnderWay()

    async def hang(call: Call) -> Any:
        await asyncio.Event().wait()

    async def story() -> None:
        asyncio.get_running_loop().call_later(0.02, under_way.cut_all)
        answer = await wire(Stub(), hang, under_way).begin(head(b"{}")).answer(b"{}", lambda _: None)
        assert (answer.status, b"DependencyTimeoutException" in answer.body) == (500, True)
        assert not under_way.open

    asyncio.run(asyncio.wait_for(story(), 20))


def test_the_end_waits_for_the_records_of_callers_who_have_gone() -> None:
    under_way, recorded = CallsUnderWay(), asyncio.Event()
    walking: list[Call] = []

    async def walk(call: Call) -> Any:
        walking.append(call)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
            recorded.set()
            raise

    async def story() -> None:
        answering = wire(Stub(), walk, under_way).begin(head(b"{}")).answer(b"{}", lambda _: None)
        task = asyncio.ensure_future(answering)
        while not walking:
            await asyncio.sleep(0)
        task.cancel()
        await under_way.none_left(20)
        assert recorded.is_set()

    asyncio.run(asyncio.wait_for(story(), 20))
