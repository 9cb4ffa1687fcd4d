"""A Region that was a member of a key prepares that key's id again, after the key was deleted: nothing of it lives again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import grpc
import pytest
from tests.adversary.hostile_region import ACCOUNT, HostileRegion
from tests.deployment import HOME, Deployment

from meridian.client import errors
from meridian.client.statuses import error_of
from meridian.domain.multi_region import Member, MemberStatus, Term
from meridian.kms.v1 import multi_region_pb2
from meridian.kms.v1 import types_pb2 as t
from meridian.peer.v1 import replication_pb2 as wire

EVIL_REGION = "ca-central-1"
ALICE = f"spiffe://dev.meridian.internal/{ACCOUNT}/alice"
SERIAL = "b" * 64
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def deployment(tmp_path: Any) -> Iterator[Deployment]:
    made = Deployment(tmp_path, [HOME, EVIL_REGION], settings_added="limits.compare_seconds = 0.5\nlimits.day_seconds = 0.2\n").prepare()
    try:
        made.start()
        yield made
    finally:
        made.stop_all()


def set_row(deployment: Deployment, region: str, key_id: str) -> dict[str, Any]:
    with closing(sqlite3.connect(f"file:{deployment.place(region).folder}/region.sqlite3?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return dict(database.execute("select * from key_sets where key_id = ?", (key_id,)).fetchone())


def refusals(deployment: Deployment) -> set[tuple[str, str]]:
    """The rules by which what a Region said of a set was refused."""
    told = [each["serviceEventDetails"] for each in deployment.audit(HOME) if each["eventName"] == "PeerMessageRefused"]
    return {(each["rule"], each.get("keyId", "")) for each in told}


@pytest.mark.deep
def test_a_former_member_makes_no_deleted_key_live_again(deployment: Deployment) -> None:
    with deployment.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=EVIL_REGION)
    deployment.wait_for_state(EVIL_REGION, key_id, t.KEY_STATE_ENABLED, seconds=60)
    with deployment.client(EVIL_REGION) as there:
        there.schedule_key_deletion(key_id=key_id)
    deployment.wait_until(lambda: EVIL_REGION not in set_row(deployment, HOME, key_id)["view"], seconds=60)
    deployment.stop(EVIL_REGION)
    hostile = HostileRegion(deployment, EVIL_REGION)
    with deployment.client() as alice:
        alice.schedule_key_deletion(key_id=key_id)
    deployment.wait_until(lambda: set_row(deployment, HOME, key_id)["status"] == "gone", seconds=60)
    ended = set_row(deployment, HOME, key_id)

    prepare = wire.PrepareRequest(
        set=wire.KeySetName(account=ACCOUNT, key_id=key_id), serial=SERIAL, request_id="r", key_spec="SYMMETRIC_DEFAULT",
        key_usage="ENCRYPT_DECRYPT", origin="AWS_KMS", caller=wire.CallerOnBehalf(method="client_certificate", subject=ALICE),
        replicate_key_request=multi_region_pb2.ReplicateKeyRequest(key_id=key_id, replica_region=HOME).SerializeToString(),
        primary_region=EVIL_REGION, replica_regions=[HOME], current_material_id="0" * 64, deployment=hostile.identity.deployment,
        partition=hostile.identity.partition, protocol_version=1,
    )  # fmt: skip
    place = Member(HOME, SERIAL, MemberStatus.ON)
    delivery = hostile.delivery(key_id, HOME, SERIAL, Term(0, EVIL_REGION, 0), [place, hostile.member()])
    for method, request, code in (
        ("Prepare", prepare, "AccessDeniedException"),
        ("DeliverSetState", delivery, "AccessDeniedException"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            hostile.ask(HOME, method, request)
        assert error_of(caught.value).code == code
    assert set_row(deployment, HOME, key_id) == ended
    with deployment.client(HOME, "app") as app, pytest.raises(errors.NotFoundException):
        app.encrypt(key_id=key_id, plaintext=b"x")
    deployment.wait_until(lambda: ("A2", key_id) in refusals(deployment), seconds=60)
