"""What a call may take, and whether a client repeats it, is known for every operation by one table each, on both sides of the wire."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.call import Call, Evidence
from meridian.client.attempts import NOTHING_KNOWN, Attempts
from meridian.client.connection import Endpoint
from meridian.client.methods import BY_PATH
from meridian.client.retry_budget import RetryBudget
from meridian.client.statuses import CANCELLED, UNREACHABLE, error_class
from meridian.contract.call_times import CRYPTOGRAPHY, CRYPTOGRAPHY_SECONDS, SLOW, TIMES, seconds_of
from meridian.contract.catalog import Rpc, served_rpcs
from meridian.domain.limits import Limits
from meridian.options.v1 import options_pb2
from meridian.transport.call_edge import CallEdge
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.grpc_interceptor import CallInterceptor
from meridian.transport.under_way import CallsUnderWay

KEYS_ARE_SEARCHED_FOR = {
    "CreateKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GetParametersForImport",
    "ImportKeyMaterial",
}


class NoDeadline:
    """A gRPC context of a caller who names none."""

    def time_remaining(self) -> float | None:
        return None


def times_of(rpc: Rpc) -> float:
    return seconds_of(rpc.name, rpc.work, 1.0)


def test_every_kind_of_work_of_the_contract_has_its_time() -> None:
    assert set(TIMES) == {name.removeprefix("WORK_") for name in options_pb2.Work.DESCRIPTOR.values_by_name} - {"UNSPECIFIED"}


def test_what_uses_keys_is_bounded_as_cryptography_unless_it_is_slow() -> None:
    slow = {name for name, rpc in served_rpcs().items() if times_of(rpc) == SLOW}
    assert slow == KEYS_ARE_SEARCHED_FOR | {"TryPolicies"}, "which decides recorded calls anew"
    used = {r.name for r in served_rpcs().values() if r.noun in ("encryption", "data_keys", "signing", "macs", "key_agreement", "batch")}
    quick = {name for name, rpc in served_rpcs().items() if times_of(rpc) == CRYPTOGRAPHY}
    assert used - slow - quick == {"GetPublicKey"}, "which reads what management reads"
    assert quick <= used


def test_grpc_repeats_what_changes_nothing_and_the_client_every_change_under_its_token() -> None:
    nowhere = Path()
    endpoint = Endpoint("nowhere:1", nowhere, nowhere, nowhere)
    (policy,) = json.loads(dict(endpoint.options)["grpc.service_config"])["methodConfig"]
    by_grpc = {f"/{each['service']}/{each['method']}" for each in policy["name"]}
    assert set(policy["retryPolicy"]["retryableStatusCodes"]) == {"UNAVAILABLE", "CANCELLED"}
    assert {UNREACHABLE, CANCELLED} == NOTHING_KNOWN
    cancelled = error_class(CANCELLED)(CANCELLED, "", "", {}, (), None)
    for rpc in served_rpcs().values():
        by_client = Attempts(endpoint, RetryBudget(), BY_PATH[rpc.path], None, None, None).pause_after(cancelled) is not None
        assert (rpc.path in by_grpc) != by_client, rpc.name
        assert by_client == rpc.takes_token


@pytest.mark.parametrize("rpc", served_rpcs().values(), ids=lambda rpc: rpc.name)
def test_a_call_without_a_deadline_has_the_time_that_a_client_would_name(rpc: Rpc) -> None:
    assert Limits().deadline_seconds_default == CRYPTOGRAPHY_SECONDS
    nobody: Any = None

    async def story() -> None:
        around = EdgeSurroundings(
            SystemClock(), OsEntropy(), Limits(), unauthenticated=nobody, events=ReportedEvents(), under_way=CallsUnderWay()
        )
        edge = CallEdge(around, identify=nobody, note_caller=nobody)
        interceptor = CallInterceptor({}, edge, SystemClock(), OsEntropy(), ReportedEvents())
        call = Call(rpc, rpc.request_class(), Evidence(), "", SystemClock().now())
        assert interceptor._time_of(call, NoDeadline())._seconds == seconds_of(rpc.name, rpc.work, CRYPTOGRAPHY_SECONDS)

    asyncio.run(story())
