"""What a record says was answered is what the caller was answered, for every operation, also where a repeat finds what is there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.conformance.good_requests import PRINCIPAL, Things
from tests.deployment import AWAY, Deployment
from tests.source_trees import nodes

from meridian.audit.shown_parameters import message_as_record
from meridian.contract.catalog import is_audited, rpcs
from meridian.contract.fields import descriptor_of
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(300)

SETS_THEM = {
    *("call.py", "audit/record_maker.py", "pipeline/repeats.py"),
    *("operations/outcomes.py", "replication/reserve_replica.py", "replication/await_handover.py"),
    "operations/sts.py",
}
"""Operations answer through `Outcomes`, which tells what they answer; the two halves of another Region's call answer the key they name;
what is shown of a session is taken from the answer that has it."""
LAST = ("DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial", "DeleteCustomKeyStore", "UpdatePrimaryRegion")


def called(things: Things, name: str, fields: dict[str, Any]) -> tuple[Any, str]:
    """The answer, None where the call is refused, and the request id."""
    rpc, endpoint = rpcs()[name], things.deployment.endpoint(things.region, "developer")
    with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel:
        way = channel.unary_unary(rpc.path, rpc.request_class.SerializeToString, rpc.response_class.FromString)
        try:
            answer, call = way.with_call(rpc.request_class(**fields), timeout=20)
        except grpc.RpcError as refused:
            return None, request_id_of(refused.trailing_metadata())
        return answer, request_id_of(call.trailing_metadata())


def request_id_of(metadata: Any) -> str:
    return str(dict(metadata)["x-amzn-requestid"])


def requests(things: Things) -> list[tuple[str, dict[str, Any]]]:
    """A good request of every operation, of some one more."""
    key = things.key("symmetric")
    grant = {"key_id": key, "grantee_principal": PRINCIPAL, "operations": [t.GRANT_OPERATION_DESCRIBE_KEY], "name": "the-grant"}
    special = {"UpdatePrimaryRegion": {"key_id": things.related, "primary_region": AWAY}}
    things.deployment.wait_for_state(AWAY, things.related.rpartition("/")[2], t.KEY_STATE_ENABLED)
    known = [(name, special.get(name) or things.good(name)) for name in sorted(rpcs(), key=LAST.__contains__)]
    return [("CreateGrant", grant), ("CreateGrant", grant), *known]


def test_the_record_of_every_operation_tells_the_answer(two_regions: Deployment, tmp_path: Path) -> None:
    things = Things(two_regions, tmp_path)
    made = [(name, *called(things, name, fields)) for name, fields in requests(things)]
    records = {record["requestID"]: record for record in two_regions.audit(things.region) if record.get("eventType") == "AwsApiCall"}
    told = set()
    for name, answer, request_id in made:
        record = records[request_id]
        shown = record["responseElements"]
        if answer is None or shown is None:
            assert shown is None, name
            continue
        told.add(name)
        answered = message_as_record(answer)
        for field, value in shown.items():
            own = [each["ARN"] for each in record["resources"]] if field == "keyId" and field not in answered else [answered.get(field)]
            assert value in own, (name, field)
    assert told >= {name for name, rpc in rpcs().items() if any(map(is_audited, descriptor_of(rpc.response_class).fields))}
    assert [answer.grant_id for name, answer, _ in made[:2]] == [made[0][1].grant_id] * 2, "the second CreateGrant finds the first one's"


def test_nobody_else_says_what_was_answered() -> None:
    """An operation that says so by itself may say it of what it wanted."""
    named = {
        file
        for file, all_of_it in nodes().items()
        for node in all_of_it
        if isinstance(node, ast.Attribute) and node.attr == "response_elements" and isinstance(node.ctx, ast.Store)
    }
    assert named == SETS_THEM
