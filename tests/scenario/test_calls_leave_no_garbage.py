"""What a call held is freed when it ends: nothing of it refers to itself and waits for the collector, which would stop the event loop for
what it looks through, and hold requests and records until it comes by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.aws import QUICK, kms
from tests.deployment import HOME, Deployment

from meridian.client import errors

CALLS, AT_ONCE = 1_500, 8
OBJECTS_PER_CALL_MAX = 15
"""Collected. Of ours none is, gRPC's five; a first look at the database and the loop's own work leave some, and so may the kind before: the
collector comes after 10,000. Twenty-eight of each call, and sixty of one that was refused, were once."""


@pytest.fixture(scope="module", params=[pytest.param("grpcio", marks=pytest.mark.deep), "envoy"])
def region(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("garbage"), [HOME], settings_added=f'front.kind = "{request.param}"\n').prepare()
    with deployment.serving():
        yield deployment


def collected(region: Deployment) -> float:
    """How many objects the collector has freed."""
    return sum(value for name, value in region.metrics(HOME).items() if name.startswith("python_gc_objects_collected_total"))


def grown(region: Deployment, call: Callable[[], Any]) -> float:
    """Objects that the collector has freed for each of many calls."""
    call()
    before = collected(region)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: call(), range(CALLS)))
    return (collected(region) - before) / CALLS


def refused(call: Callable[[], Any], *names: type[Exception]) -> Callable[[], None]:
    """The call, which must be refused."""

    def refusal() -> None:
        with pytest.raises(names):
            call()

    return refusal


def test_of_grpc(region: Deployment) -> None:
    with region.client(HOME, "developer") as owner, region.client(HOME, "partner") as stranger:
        key_id = owner.create_key().key_metadata.arn
        kinds = {
            "answered": lambda: owner.encrypt(key_id=key_id, plaintext=b"x" * 32, encryption_context={"a": "b"}),
            "refused as it is": refused(lambda: owner.describe_key(key_id="alias/none"), errors.NotFoundException),
            "malformed": refused(lambda: owner.describe_key(key_id="x" * 3000), errors.ValidationException),
            "denied": refused(lambda: stranger.describe_key(key_id=key_id), errors.AccessDeniedException),
        }
        found = {kind: grown(region, call) for kind, call in kinds.items()}
    assert max(found.values()) <= OBJECTS_PER_CALL_MAX, found


def test_of_the_aws_wire(region: Deployment) -> None:
    client = kms(region, config=QUICK.merge(Config(max_pool_connections=AT_ONCE)))
    key_id = client.create_key()["KeyMetadata"]["KeyId"]
    kinds = {
        "answered": lambda: client.encrypt(KeyId=key_id, Plaintext=b"x" * 32),
        "refused as it is": refused(lambda: client.describe_key(KeyId="alias/none"), ClientError),
    }
    found = {kind: grown(region, call) for kind, call in kinds.items()}
    assert max(found.values()) <= OBJECTS_PER_CALL_MAX, found
