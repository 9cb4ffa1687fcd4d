"""CheckAccess foretells what the other Region of ReplicateKey or UpdatePrimaryRegion decides by its own policies; nothing is reserved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from tests.deployment import AWAY, HOME, Deployment

from meridian.access.v1 import access_pb2
from meridian.client import errors
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

ALICE = "arn:aws:iam::111122223333:user/alice"
NO_REPLICAS = (
    '@id("guardrail.no-tagged-replicas") @layer("guardrail") @reason("this Region takes no such replica") '
    'forbid (principal, action == KMS::Action::"CreateKey", resource) when { resource.hasTag("stays") };\n'
    '@id("guardrail.no-handover") @layer("guardrail") @reason("this Region becomes primary of no such key") '
    'forbid (principal, action == KMS::Action::"UpdatePrimaryRegion", resource) when { resource.hasTag("stays") };\n'
)


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions, the second of which has policies of its own."""
    deployment = Deployment(tmp_path_factory.mktemp("foretold"), [HOME, AWAY]).prepare()
    own = deployment.root / "policies-away"
    shutil.copytree(deployment.root / "policies", own)
    (own / "own.cedar").write_text(NO_REPLICAS)
    _set_policies(deployment.place(AWAY).settings, deployment.root / "policies", own)
    with deployment.serving():
        yield deployment


def _set_policies(settings: Path, old: Path, new: Path) -> None:
    text = settings.read_text()
    assert text.count(str(old)) == 1 or '"../policies"' in text
    settings.write_text(text.replace(str(old), str(new)).replace('"../policies"', f'"{new}"'))


def foretold(regions: Deployment, operation: str, **fields: Any) -> tuple[bool, str, str]:
    packed = AnyMessage()
    packed.Pack(rpcs()[operation].request_class(**fields))
    with regions.client(HOME, "auditor") as auditor:
        told = auditor.check_access(principal=ALICE, request=packed)
    if not told.HasField("other_region"):
        return told.allowed, "", ""
    assert told.other_region.region == AWAY
    return told.allowed, access_pb2.Foretold.Name(told.other_region.foretold).removeprefix("FORETOLD_"), told.other_region.reason


def questions(regions: Deployment) -> int:
    asked = [r for r in regions.audit(AWAY) if r.get("readOnly", False) and r["eventName"] in ("CreateKey", "UpdatePrimaryRegion")]
    assert all(r["additionalEventData"] == {"askingRegion": HOME, "onlyAsked": True} for r in asked), "whose word it is, and for what"
    return len(asked)


def made(regions: Deployment) -> Any:
    with regions.client() as alice:
        return alice.create_key(multi_region=True).key_metadata


def test_it_says_what_then_happens_and_reserves_nothing(regions: Deployment) -> None:
    key = made(regions)
    tags = [t.Tag(tag_key="stays", tag_value="x")]
    assert foretold(regions, "ReplicateKey", key_id=key.key_id, replica_region=AWAY) == (True, "ALLOWED", "")
    allowed, word, reason = foretold(regions, "ReplicateKey", key_id=key.key_id, replica_region=AWAY, tags=tags)
    assert (allowed, word) == (True, "DENIED")
    with regions.client() as alice, regions.client(AWAY) as away:
        with pytest.raises(errors.NotFoundException):
            away.describe_key(key_id=key.key_id)
        with pytest.raises(errors.AccessDeniedException) as refusal:
            alice.replicate_key(key_id=key.key_id, replica_region=AWAY, tags=tags)
        assert refusal.value.message == reason, "as much as the call itself says, and no more"
        assert "no-tagged-replicas" not in reason
        alice.replicate_key(key_id=key.key_id, replica_region=AWAY)
    regions.wait_for_state(AWAY, key.key_id, t.KEY_STATE_ENABLED)
    asked = [r for r in regions.audit(AWAY) if r["eventName"] == "CreateKey" and r["readOnly"]]
    assert [bool(r.get("errorCode")) for r in asked] == [False, True]
    assert [r["userIdentity"]["arn"] for r in asked] == [ALICE, ALICE]
    (record,) = [r for r in regions.audit(HOME) if r.get("requestID") == asked[1]["requestID"]]
    assert record["additionalEventData"] == {"operation": "ReplicateKey", "allowed": True, "otherRegion": AWAY, "foretold": "denied"}


def test_a_handover_is_foretold_by_the_replica_as_it_is_there(regions: Deployment) -> None:
    key = made(regions)
    with regions.client() as alice, regions.client(AWAY) as away:
        alice.replicate_key(key_id=key.key_id, replica_region=AWAY)
        regions.wait_for_state(AWAY, key.key_id, t.KEY_STATE_ENABLED)
        asked = {"key_id": key.key_id, "primary_region": AWAY}
        assert foretold(regions, "UpdatePrimaryRegion", **asked)[1] == "ALLOWED"
        away.tag_resource(key_id=key.key_id, tags=[t.Tag(tag_key="stays", tag_value="x")])
        allowed, word, reason = foretold(regions, "UpdatePrimaryRegion", **asked)
        assert (allowed, word) == (True, "DENIED")
        with pytest.raises(errors.AccessDeniedException) as refusal:
            alice.update_primary_region(**asked)
        assert refusal.value.message == reason
        assert alice.describe_key(key_id=key.key_id).key_metadata.multi_region_configuration.primary_key.region == HOME


def test_where_this_region_denies_and_of_other_calls_nobody_is_asked(regions: Deployment) -> None:
    key = made(regions)
    before = questions(regions)
    with regions.client() as alice:
        alice.put_key_policy(key_id=key.key_id, policy='@id("no") forbid (principal, action == KMS::Action::"ReplicateKey", resource);')
    assert foretold(regions, "ReplicateKey", key_id=key.key_id, replica_region=AWAY) == (False, "", "")
    assert foretold(regions, "DescribeKey", key_id=key.key_id) == (True, "", "")
    assert questions(regions) == before


def test_a_region_that_does_not_answer_is_unknown(regions: Deployment) -> None:
    key = made(regions)
    regions.stop(AWAY)
    try:
        told = foretold(regions, "ReplicateKey", key_id=key.key_id, replica_region=AWAY)
        assert told == (True, "UNKNOWN", f"Region {AWAY} did not answer.")
    finally:
        regions.start(AWAY)
