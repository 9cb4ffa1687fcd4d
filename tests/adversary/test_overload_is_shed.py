"""A flood of slow signatures on a real Region: what there is no room for is refused at once, and nobody else notices.

Nothing here depends on how fast the machine is: the Region has one core, and ten times as many callers come as it has places for.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.deployment import HOME, Deployment

from meridian.client import AsyncClient
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import rpcs
from meridian.domain.gates import RETRY_SECONDS, WORKING_MAX, GateName
from meridian.domain.held_refusals import ADVISED_TIMES, HELD_TIMES_MAX
from meridian.kms.v1 import types_pb2 as t

LATE = "UNAVAILABLE DependencyTimeoutException None"
"""Of an audit disk that is busy with other tests: no refusal for want of room."""
PLACES = 3 * WORKING_MAX[GateName.ASYMMETRIC](1)
"""At work and waiting."""
CALLERS = 10 * PLACES
SECONDS = 4.0
PATIENT_SECONDS = 29.0
SHED = 'meridian_calls_shed_total{class="asymmetric"}'
BUSY = [f'meridian_calls_{what}{{class="{gate}"}}' for what in ("working", "waiting") for gate in GateName]


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("overload"), [HOME]).prepare()
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        deployment.start(HOME)
        os.sched_setaffinity(0, cores)
        yield deployment
    finally:
        os.sched_setaffinity(0, cores)
        deployment.stop_all()


def key_of(deployment: Deployment, caller: str, **fields: Any) -> str:
    with deployment.client(HOME, caller) as client:
        return str(client.create_key(**fields, timeout=PATIENT_SECONDS).key_metadata.key_id)


def ending_of(refusal: grpc.aio.AioRpcError) -> str:
    """What a refusal says: its code, AWS's name, and when to come again."""
    call: Any = refusal
    status = rpc_status.from_call(call)
    assert status is not None, refusal
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    found = [detail.Unpack(each) for each in (info, retry) for detail in status.details if detail.Is(each.DESCRIPTOR)]
    return f"{refusal.code().name} {info.reason} {retry.retry_delay.ToTimedelta().total_seconds() if len(found) == 2 else None}"


async def flood(deployment: Deployment, key_id: str) -> Counter[str]:
    """How often each end came."""
    endpoint, rpc, ends = deployment.endpoint(HOME, "app"), rpcs()["Sign"], Counter[str]()
    algorithm = t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256
    request = rpc.request_class(key_id=key_id, message=b"x", signing_algorithm=algorithm).SerializeToString()
    until = time.monotonic() + SECONDS
    async with grpc.aio.secure_channel(endpoint.target, endpoint.credentials) as channel:
        sign: Any = channel.unary_unary(rpc.path)

        async def caller() -> None:
            while time.monotonic() < until:
                try:
                    await sign(request, timeout=PATIENT_SECONDS)
                    ends["signed"] += 1
                except grpc.aio.AioRpcError as refusal:
                    ends[ending_of(refusal)] += 1

        await asyncio.gather(*[caller() for _ in range(CALLERS)])
    return ends


async def encrypt_until(deployment: Deployment, key_id: str, flooding: asyncio.Task[Counter[str]]) -> Counter[str]:
    """Another account's calls, one after the other, as long as the flood lasts."""
    ends = Counter[str]()
    async with AsyncClient(deployment.endpoint(HOME, "partner")) as partner:
        rpc = rpcs()["Encrypt"]
        while not flooding.done():
            try:
                await partner.call(rpc, rpc.request_class(key_id=key_id, plaintext=b"x"), timeout=PATIENT_SECONDS)
                ends["encrypted"] += 1
            except KmsServiceError as error:
                ends[error.code] += 1
    return ends


async def both(deployment: Deployment, signing: str, encrypting: str) -> tuple[Counter[str], Counter[str]]:
    flooding = asyncio.create_task(flood(deployment, signing))
    beside = await encrypt_until(deployment, encrypting, flooding)
    return await flooding, beside


@pytest.mark.timeout(120)
def test_a_flood_of_signatures_is_refused_with_advice_and_costs_no_other_account_a_call(region: Deployment) -> None:
    signing = key_of(region, "alice", key_spec=t.KEY_SPEC_RSA_4096, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY)
    encrypting = key_of(region, "bob")
    ends, beside = asyncio.run(both(region, signing, encrypting))
    advised = [RETRY_SECONDS, *(ADVISED_TIMES * RETRY_SECONDS * times for times in range(1, HELD_TIMES_MAX + 1))]
    refusals = {end: count for end, count in ends.items() if end not in {"signed", LATE}}
    assert refusals.keys() <= {f"RESOURCE_EXHAUSTED ThrottlingException {seconds}" for seconds in advised}
    refused = sum(refusals.values())
    assert set(beside) == {"encrypted"}
    metrics = region.metrics(HOME)
    assert metrics[SHED] == refused
    assert [metrics[name] for name in BUSY] == [0.0] * len(BUSY), "every place is free again"

    def told() -> int:
        records = [record for record in region.audit(HOME) if record["eventName"] == "CallsShed"]
        details = [record["serviceEventDetails"] for record in records]
        assert {(each["operation"], each["code"], each["subject"].rsplit("/")[-1]) for each in details} <= {
            ("Sign", "ThrottlingException", "app")
        }
        assert len(records) <= refused // 4, "told together, once a second"
        return int(sum(each["count"] for each in details))

    region.wait_until(lambda: told() == refused)
    signed = [record for record in region.audit(HOME) if record["eventName"] == "Sign"]
    assert len(signed) == ends["signed"], "what was done has a record each"
