"""Multi-Region keys in two Regions that are two processes with two databases."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import errors
from meridian.kms.v1 import types_pb2 as t


def create(two_regions: Deployment, **fields: Any) -> str:
    with two_regions.client() as alice:
        key_id: str = alice.create_key(multi_region=True, **fields).key_metadata.key_id
        return key_id


def test_a_primary_key_is_recognisable(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        metadata = alice.create_key(multi_region=True, description="d").key_metadata
    assert metadata.key_id.startswith("mrk-")
    assert metadata.multi_region
    assert metadata.multi_region_configuration.multi_region_key_type == t.MULTI_REGION_KEY_TYPE_PRIMARY
    assert metadata.multi_region_configuration.primary_key.region == HOME
    assert not metadata.multi_region_configuration.replica_keys


def test_a_replica_shares_what_is_shared_and_nothing_else(two_regions: Deployment) -> None:
    key_id = create(two_regions, description="of the primary", tags=[t.Tag(tag_key="team", tag_value="one")])
    with two_regions.client() as alice:
        answer = alice.replicate_key(key_id=key_id, replica_region=AWAY, description="of the replica")
        assert answer.replica_key_metadata.key_state == t.KEY_STATE_CREATING
        assert not answer.replica_key_metadata.enabled
        primary = alice.describe_key(key_id=key_id).key_metadata
    replica = two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    for shared in ("key_id", "key_spec", "key_usage", "origin", "multi_region", "current_key_material_id"):
        assert getattr(primary, shared) == getattr(replica, shared), shared
    assert primary.arn.replace(HOME, AWAY) == replica.arn
    assert (primary.description, replica.description) == ("of the primary", "of the replica")
    assert replica.multi_region_configuration.multi_region_key_type == t.MULTI_REGION_KEY_TYPE_REPLICA
    assert replica.multi_region_configuration.primary_key.arn == primary.arn
    assert [r.region for r in primary.multi_region_configuration.replica_keys] == [AWAY]
    assert [r.region for r in replica.multi_region_configuration.replica_keys] == [AWAY]


def test_states_are_independent(two_regions: Deployment) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice, two_regions.client(AWAY, "app") as app:
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        alice.disable_key(key_id=key_id)
        blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        with two_regions.client(HOME, "app") as at_home, pytest.raises(errors.DisabledException):
            at_home.decrypt(ciphertext_blob=blob)
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"


def test_policies_are_independent(two_regions: Deployment) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice:
        alice.put_key_policy(key_id=key_id, policy='permit (principal, action == KMS::Action::"DescribeKey", resource);')
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    with two_regions.client(AWAY) as alice:
        assert alice.get_key_policy(key_id=key_id).policy == ""


@pytest.mark.parametrize(
    ("region", "error", "text"),
    [
        (HOME, errors.ValidationException, "cannot have a replica because it contains the primary"),
        ("sa-east-1", errors.ValidationException, "is not a valid Region"),
    ],
)
def test_regions_that_cannot_hold_a_replica_are_refused(two_regions: Deployment, region: str, error: type[Exception], text: str) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice, pytest.raises(error, match=text):
        alice.replicate_key(key_id=key_id, replica_region=region)


def test_one_replica_per_region(two_regions: Deployment) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice:
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        with pytest.raises(errors.AlreadyExistsException, match="only one replica"):
            alice.replicate_key(key_id=key_id, replica_region=AWAY)


def test_only_a_primary_is_replicated(two_regions: Deployment) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice:
        single = alice.create_key().key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        with pytest.raises(errors.UnsupportedOperationException, match="is not a multi-region primary key"):
            alice.replicate_key(key_id=single, replica_region=AWAY)
    two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    with two_regions.client(AWAY) as alice, pytest.raises(errors.UnsupportedOperationException, match="is not a multi-region primary"):
        alice.replicate_key(key_id=key_id, replica_region=HOME)


def test_a_guardrail_keeps_a_key_within_its_residency(two_regions: Deployment) -> None:
    key_id = create(two_regions, tags=[t.Tag(tag_key="residency", tag_value="US")])
    with two_regions.client() as alice, pytest.raises(errors.AccessDeniedException) as caught:
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    (record,) = [r for r in two_regions.audit(HOME) if r.get("requestID") == caught.value.request_id]
    assert record["meridian"]["decisions"][0]["policyIds"] == ["guardrail.residency"]
    with two_regions.client(AWAY) as alice, pytest.raises(errors.NotFoundException):
        alice.describe_key(key_id=key_id)


def test_the_destination_decides_with_its_own_policies(two_regions: Deployment) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice, pytest.raises(errors.AccessDeniedException, match="kms:CreateKey") as caught:
        alice.replicate_key(key_id=key_id, replica_region=AWAY, tags=[t.Tag(tag_key="residency", tag_value="US")])
    there = [r for r in two_regions.audit(AWAY) if r.get("requestID") == caught.value.request_id]
    assert [r["eventName"] for r in there] == ["CreateKey"]
    assert there[0]["meridian"]["decisions"][0]["policyIds"] == ["guardrail.residency-of-replicas"]
    with two_regions.client() as alice:
        assert not alice.describe_key(key_id=key_id).key_metadata.multi_region_configuration.replica_keys


def test_both_regions_audit_under_one_request_id(two_regions: Deployment) -> None:
    key_id = create(two_regions)
    with two_regions.client() as alice:
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    two_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    arn = f"arn:aws:kms:{AWAY}:111122223333:key/{key_id}"
    (asked,) = [r for r in two_regions.audit(HOME) if r["eventName"] == "ReplicateKey" and key_id in str(r["resources"])]
    (made,) = [r for r in two_regions.audit(AWAY) if r["eventName"] == "CreateKey" and key_id in str(r["resources"])]
    assert asked["requestID"] == made["requestID"]
    assert asked["responseElements"]["replicaKeyMetadata"]["arn"] == arn
    assert made["userIdentity"]["arn"] == asked["userIdentity"]["arn"] == "arn:aws:iam::111122223333:user/alice"


def test_replication_waits_for_nobody_and_promises_nothing_when_the_destination_is_away(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    key_id = create(own_regions)
    with own_regions.client() as alice:
        with pytest.raises(errors.DependencyTimeoutException):
            alice.replicate_key(key_id=key_id, replica_region=AWAY)
        assert not alice.describe_key(key_id=key_id).key_metadata.multi_region_configuration.replica_keys
    own_regions.start(AWAY)
    with own_regions.client() as alice:
        alice.replicate_key(key_id=key_id, replica_region=AWAY, timeout=15)
    own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)


def test_what_was_promised_is_delivered_when_the_destination_is_back(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    own_regions.start(AWAY, environment={"MERIDIAN_TEST_KILL_AT": "replicate_key.apply_before_commit"})
    key_id = create(own_regions)
    with own_regions.client() as alice:
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    assert own_regions.wait_dead(AWAY) == -signal.SIGKILL
    own_regions.start(AWAY)
    own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    with own_regions.client(HOME, "app") as here, own_regions.client(AWAY, "app") as there:
        assert there.decrypt(ciphertext_blob=here.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob).plaintext == b"x"


def test_a_region_stands_alone(own_regions: Deployment) -> None:
    own_regions.start()
    key_id = create(own_regions)
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
    assert own_regions.stop(HOME) == 0
    with own_regions.client(AWAY, "app") as app:
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
