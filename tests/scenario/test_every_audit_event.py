"""Every event that the log can hold is listed for auditors with its fields, and what Regions leave is what the list says."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.good_requests import KIND_OF, POLICY, Things
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, random_material
from tests.scenario.test_seed_000_imported_multi_region_keys import in_seconds
from tests.source_trees import nodes

from meridian.contract.catalog import batch_rpcs, is_audited, rpcs, walked_rpcs
from meridian.contract.fields import descriptor_of
from meridian.contract.names import lower_camel
from meridian.domain.encryption_context import CONTEXT_FIELDS
from meridian.kms.v1 import types_pb2 as t

ROOT = Path(__file__).resolve().parents[2]
SHORT_DAYS = "limits.day_seconds = 0.05\n"
NOT_SEEN = {"TakeBackMultiRegionReplica", "DetachMultiRegionReplica"}
"""Events of operators' words about Regions that are gone: tests/scenario/test_lost_and_restored_regions.py provokes them."""


def rows(heading: str) -> dict[str, list[set[str]]]:
    """A table of the guide: the event, by the names that each further column lists."""
    text = (ROOT / "docs" / "spec" / "audit.md").read_text().split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if line.startswith("| ") and not line.startswith("| event"):
            found[cells[0]] = [set(re.findall(r"\w+", cell)) - {"none", "of", "a", "replica"} for cell in cells[1:]]
    return found


CALLS, BY_SERVICE, BY_OPERATORS = rows("Calls"), rows("What the service does by itself"), rows("What operators do")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What two Regions recorded while every operation was called, keys rotated, expired and were deleted."""
    deployment = Deployment(tmp_path_factory.mktemp("events"), [HOME, AWAY], settings_added=SHORT_DAYS).prepare()
    try:
        deployment.start()
        things = Things(deployment, tmp_path_factory.mktemp("things"))
        call_everything(things)
        let_time_pass(things)
        yield [r for r in (*deployment.audit(HOME), *deployment.audit(AWAY)) if "eventType" in r]
    finally:
        deployment.stop_all()


def call_everything(things: Things) -> None:
    for number, name in enumerate(rpcs()):
        kind = KIND_OF.get(name, "symmetric")
        key = things.key(kind) if kind == "imported" else things.key(kind, number=100 + number)
        fields = things.good(name, key)
        if name in ("RetireGrant", "RevokeGrant"):
            fields["grant_id"] = things.client.create_grant(**things.good("CreateGrant", key)).grant_id
        elif name == "UpdatePrimaryRegion":
            fields["key_id"] = things.related
            things.deployment.wait_for_state(AWAY, things.related.rpartition("/")[2], t.KEY_STATE_ENABLED)
        elif CONTEXT_FIELDS.keys() & set(rpcs()[name].request_class.DESCRIPTOR.fields_by_name) and name not in ("Decrypt", "ReEncrypt"):
            fields["encryption_context"] = {"a": "b"}
        getattr(things.client, rpcs()[name].method_name)(**fields)


def let_time_pass(things: Things) -> None:
    deployment, client = things.deployment, things.client
    related = client.create_key(multi_region=True).key_metadata.arn
    client.replicate_key(key_id=related, replica_region=AWAY, policy=POLICY, account_delegation=True)
    deployment.wait_for_state(AWAY, related.rpartition("/")[2], t.KEY_STATE_ENABLED)
    client.rotate_key_on_demand(key_id=related)
    imported = client.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.arn
    bring(client, things.folder, imported, random_material(), valid_to=in_seconds(2))
    ending = client.create_key().key_metadata.arn
    client.schedule_key_deletion(key_id=ending, pending_window_in_days=7)
    for region, name, arn in (
        (HOME, "RotateKey", related),
        (AWAY, "RotateKey", related.replace(HOME, AWAY)),
        (HOME, "DeleteExpiredKeyMaterial", imported),
        (HOME, "DeleteKey", ending),
    ):
        deployment.wait_for_event(region, name, arn)


def seen(records: list[dict[str, Any]], part: str, names: set[str]) -> dict[str, set[str]]:
    """The members of this part, by event."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record["eventName"] in names:
            found[record["eventName"]] |= set(record.get(part) or ())
    return found


def test_every_call_is_listed_with_the_parameters_that_its_record_may_show() -> None:
    shown = {}
    for name, rpc in (walked_rpcs() | batch_rpcs()).items():
        declared = descriptor_of(rpc.request_class)
        request = declared.fields_by_name if name in rpcs() else {}
        shown[name] = {lower_camel(field.name) for field in declared.fields if is_audited(field)} | {
            CONTEXT_FIELDS[field] for field in CONTEXT_FIELDS if field in request
        }
    assert {name: columns[0] for name, columns in CALLS.items()} == shown


def test_calls_leave_what_is_listed(records: list[dict[str, Any]]) -> None:
    names = set(CALLS)
    for column, part in ((1, "responseElements"), (2, "additionalEventData")):
        found = seen([r for r in records if "errorCode" not in r and r["eventType"] == "AwsApiCall"], part, names)
        listed = {name: columns[column] for name, columns in CALLS.items() if name in rpcs()}
        assert {name: found[name] for name in listed} == listed, part
    assert {r["eventName"] for r in records if r["eventName"] in names} >= set(rpcs())


def test_the_service_leaves_what_is_listed(records: list[dict[str, Any]]) -> None:
    own = [r for r in records if r["userIdentity"].get("invokedBy") == "kms.amazonaws.com" and r["userIdentity"].get("type") != "Operator"]
    own = [r for r in own if r["resources"]]
    found = seen(own, "serviceEventDetails", {r["eventName"] for r in own})
    assert found == {name: columns[0] for name, columns in BY_SERVICE.items() if name not in NOT_SEEN}
    assert {r["responseElements"] is None for r in own if r["eventType"] == "AwsServiceEvent"} == {True}
    assert all(r["requestParameters"] is None and r["readOnly"] is False for r in own)


def test_a_primary_tells_what_it_passes_on_and_every_region_that_its_key_rotated(records: list[dict[str, Any]]) -> None:
    told = [r for r in records if r["eventName"] == "SynchronizeMultiRegionKey"]
    at_primary = [r for r in told if r["eventType"] == "AwsApiCall"]
    at_replicas = [r for r in told if r["eventType"] == "AwsServiceEvent"]
    assert at_primary
    assert at_replicas
    for record in at_primary:
        assert record["responseElements"] == {"keyId": record["resources"][0]["ARN"]}
        assert record["resources"][0]["ARN"].split(":")[3] == record["awsRegion"]
    properties = [set(r["serviceEventDetails"]["properties"]) for r in at_primary]
    assert {"multiRegionConfiguration"} in properties
    assert any({"keyMaterials", "pendingKeyMaterialId", "onDemandRotation"} <= moved for moved in properties)
    rotated = [r for r in records if r["eventName"] == "RotateKey" and "/mrk-" in json.dumps(r)]
    assert {r["awsRegion"] for r in rotated} == {HOME, AWAY}
    assert len({json.dumps(r["serviceEventDetails"]) for r in rotated}) == 1


def test_the_key_of_a_replica_names_the_call_that_it_came_from(records: list[dict[str, Any]]) -> None:
    made = [r for r in records if r["eventName"] == "CreateKey" and r["awsRegion"] == AWAY]
    assert made
    for record in made:
        origin = record["additionalEventData"]["replicateKey"]
        (call,) = [r for r in records if r["eventName"] == "ReplicateKey" and r["requestID"] == origin["requestID"]]
        assert call["resources"][0]["ARN"] == origin["keyId"]


def test_every_event_of_operators_is_listed() -> None:
    named: set[str] = {"PolicySetChange", "DeleteDevelopmentState"}
    for file in nodes().values():
        for node in file:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record_operator_event":
                named |= {str(node.args[2].value)} if isinstance(node.args[2], ast.Constant) else set()
    from meridian.administration.other_regions import EVENTS

    assert set(BY_OPERATORS) == named | set(EVENTS.values())
