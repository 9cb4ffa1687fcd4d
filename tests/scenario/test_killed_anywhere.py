"""A Region is killed at every commit point of CreateKey and ReplicateKey, and started again: nothing acknowledged is lost, and no
key is usable without its material."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.fault_points import VARIABLE, FaultPoint
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

CREATE = [p for p in FaultPoint if p.startswith("create_key.")]
AT_THE_DESTINATION = {
    FaultPoint.REPLICATE_KEY_PREPARE_BEFORE_COMMIT,
    FaultPoint.REPLICATE_KEY_PREPARE_AFTER_COMMIT,
    FaultPoint.REPLICATE_KEY_APPLY_BEFORE_COMMIT,
    FaultPoint.REPLICATE_KEY_APPLY_AFTER_COMMIT,
}
REPLICATE = [p for p in FaultPoint if p.startswith("replicate_key.")]
CHANGES = ("import", "delete_material", "rotate", "schedule", "delete_key", "handover", "rotate_kek", "rotate_root", "rewrap")
WHILE_KEYS_CHANGE = {p for p in FaultPoint if p.split(".")[0] in CHANGES}
"""Walked by `test_killed_while_keys_change.py` and `test_key_hierarchy_turns.py`."""
WHILE_THE_LOG_IS_SHIPPED = {FaultPoint.AUDIT_SHIPPED}
"""Walked by `test_audit_sinks.py`."""
QUICK = "limits.reservation_seconds = 1.0"


@pytest.fixture
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("killed"), [HOME, AWAY], QUICK).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def key_ids(client: Client) -> list[str]:
    return [entry.key_id for entry in client.list_keys().keys]


def require_usable(regions: Deployment, region: str, key_id: str) -> None:
    with regions.client(region, "app") as app:
        blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"


def require_clean_audit(regions: Deployment, region: str) -> None:
    done = regions.verify_audit(region)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_point_is_walked() -> None:
    assert {*CREATE, *REPLICATE, FaultPoint.AUDIT_DURABLE, *WHILE_KEYS_CHANGE, *WHILE_THE_LOG_IS_SHIPPED} == set(FaultPoint)


@pytest.mark.parametrize("point", [*CREATE, FaultPoint.AUDIT_DURABLE])
def test_create_key_is_all_or_nothing(regions: Deployment, point: FaultPoint) -> None:
    regions.start(HOME, environment={VARIABLE: point})
    with regions.client() as alice, pytest.raises(KmsServiceError):
        alice.create_key(multi_region=True, timeout=10)
    assert regions.wait_dead(HOME) == -signal.SIGKILL
    regions.start(HOME)
    with regions.client() as alice:
        found = key_ids(alice)
    assert len(found) == (1 if point in (FaultPoint.CREATE_KEY_AFTER_COMMIT, FaultPoint.AUDIT_DURABLE) else 0)
    for key_id in found:
        require_usable(regions, HOME, key_id)
    events = [r for r in regions.audit(HOME) if r["eventName"] == "CreateKey" and "errorCode" not in r]
    assert len(events) == len(found), "an event exactly for a change"
    assert len({e["eventID"] for e in events}) == len(events)
    require_clean_audit(regions, HOME)


@pytest.mark.parametrize("point", REPLICATE)
def test_replicate_key_ends_well_from_every_point(regions: Deployment, point: FaultPoint) -> None:
    struck = AWAY if point in AT_THE_DESTINATION else HOME
    for region in (HOME, AWAY):
        regions.start(region, environment={VARIABLE: point} if region == struck else None)
    with regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        acknowledged = True
        try:
            alice.replicate_key(key_id=key_id, replica_region=AWAY, timeout=12)
        except KmsServiceError:
            acknowledged = False
    assert regions.wait_dead(struck) == -signal.SIGKILL
    regions.start(struck)
    promised = replica_regions(regions, key_id)
    assert promised == [AWAY] or not acknowledged, "an acknowledged replica does not vanish"
    if promised:
        regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    else:
        wait_absent(regions, key_id)
        with regions.client() as alice:
            alice.replicate_key(key_id=key_id, replica_region=AWAY, timeout=15)
        regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    with regions.client(HOME, "app") as here, regions.client(AWAY, "app") as there:
        assert there.decrypt(ciphertext_blob=here.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob).plaintext == b"x"
        assert here.decrypt(ciphertext_blob=there.encrypt(key_id=key_id, plaintext=b"y").ciphertext_blob).plaintext == b"y"
    for region in (HOME, AWAY):
        require_clean_audit(regions, region)
    wait_settled(regions)


def replica_regions(regions: Deployment, key_id: str) -> list[str]:
    with regions.client() as alice:
        configuration = alice.describe_key(key_id=key_id).key_metadata.multi_region_configuration
    return [replica.region for replica in configuration.replica_keys]


def wait_absent(regions: Deployment, key_id: str, seconds: float = 20) -> None:
    """Until a place that was never committed is released."""
    until = time.monotonic() + seconds
    while True:
        with regions.client(AWAY) as alice:
            if key_id not in key_ids(alice):
                return
        assert time.monotonic() < until, "the reserved place was not released"
        time.sleep(0.1)


def wait_settled(regions: Deployment, seconds: float = 20) -> None:
    """Until no Region has anything left to tell another."""
    import asyncio

    from meridian.administration.outbox import read_outbox
    from meridian.settings import load_settings

    until = time.monotonic() + seconds
    while True:
        left = [e for r in (HOME, AWAY) for e in asyncio.run(read_outbox(load_settings(regions.place(r).settings)))]
        if not left:
            return
        assert time.monotonic() < until, left
        time.sleep(0.2)
