"""What is no operation is refused by its name, whoever calls it, and leaves one small record of its address, with nothing of the call."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from tests.conformance.raw_calls import post, signed
from tests.deployment import HOME, Deployment

SECRET = "shown-to-nobody"
CALLS = 20


def told(region: Deployment) -> list[dict[str, Any]]:
    return [record for record in region.audit(HOME) if record["eventName"] == "UnknownOperation"]


def counted(region: Deployment) -> int:
    return sum(record["serviceEventDetails"]["count"] for record in told(region))


@pytest.mark.parametrize("way", ["signed", "unsigned", "gRPC"])
def test_a_call_of_no_operation_is_told_by_its_address_alone(two_regions: Deployment, way: str) -> None:
    before, records = counted(two_regions), len(told(two_regions))
    for number in range(CALLS):
        call(two_regions, way, f"{SECRET}{number}")
    two_regions.wait_until(lambda: counted(two_regions) == before + CALLS)
    made = told(two_regions)[records:]
    assert len(made) < CALLS, "those of a second are one"
    for record in made:
        assert record["serviceEventDetails"]["subject"] == "127.0.0.1"
        assert SECRET not in json.dumps(record)
        assert len(json.dumps(record)) < 2048


def call(region: Deployment, way: str, name: str) -> None:
    body = json.dumps({"KeyId": SECRET}).encode()
    if way == "gRPC":
        endpoint = region.endpoint(HOME, "developer")
        with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel, pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(f"/meridian.kms.v1.KeysService/{name}")(body, timeout=10)
        answer: Any = refused.value
        assert answer.code() is grpc.StatusCode.UNIMPLEMENTED
        return
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{name}"}
    status, _, text = signed(region, name, body) if way == "signed" else post(region, body, headers)
    assert (status, json.loads(text)) == (400, {"__type": "UnknownOperationException"})
