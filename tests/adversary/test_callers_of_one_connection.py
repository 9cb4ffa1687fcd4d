"""Calls of several callers in each other's midst on one connection: each is answered as the caller's own."""

from __future__ import annotations

from itertools import cycle, islice

import grpc
import pytest
from tests.deployment import HOME, Deployment
from tests.raw_calls import raw_call

from meridian.caller.v1.caller_pb2 import WhoAmIResponse
from meridian.contract.catalog import served_rpcs

pytestmark = pytest.mark.timeout(120)

WHO = served_rpcs()["WhoAmI"]
CALLERS = ("alice", "app", "developer", "")
"""Empty for one who shows nothing."""
CALLS = 80


def metadata_of(deployment: Deployment, caller: str) -> tuple[tuple[str, str], ...]:
    if not caller:
        return ()
    token = (deployment.root / "clients" / f"{caller}.token").read_text().strip()
    return (("authorization", f"Bearer {token}"),)


def test_each_call_is_that_of_its_own_credential(regions_of_a_front: Deployment) -> None:
    root = regions_of_a_front.root / "clients"
    endpoint = regions_of_a_front.endpoint(HOME, "alice")
    nobody = grpc.ssl_channel_credentials(
        endpoint.ca.read_bytes(), (root / "transport.key").read_bytes(), (root / "transport.crt").read_bytes()
    )
    metadata = {caller: metadata_of(regions_of_a_front, caller) for caller in CALLERS}
    with grpc.secure_channel(endpoint.target, nobody) as channel:
        asking = raw_call(channel, WHO.path)
        begun = [(caller, asking.future(b"", timeout=60, metadata=metadata[caller])) for caller in islice(cycle(CALLERS), CALLS)]
        for caller, call in begun:
            if caller:
                assert WhoAmIResponse.FromString(call.result()).arn.endswith(f"/{caller}")
            else:
                assert call.code() is grpc.StatusCode.UNAUTHENTICATED
