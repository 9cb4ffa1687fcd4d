"""A change that is sent again under its token, over its own wire or the other one, is answered as the first time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.good_requests import Things
from tests.conformance.raw_calls import call
from tests.deployment import Deployment
from tests.scenario.test_repeated_changes import CHANGES, events, fields_of, token

from meridian.contract.catalog import served_rpcs
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.transport.aws_json import codec
from meridian.transport.aws_json.key_policies import default_document

WIRES = ("gRPC", "AWS")


def answered(things: Things, wire: str, request: Any, given: str) -> Any:
    """What this wire answers: a message, or a document."""
    if wire == "gRPC":
        rpc = served_rpcs()[request.DESCRIPTOR.name.removesuffix("Request")]
        return things.client.call(rpc, request, None, given)
    status, _, body = call(things.deployment, request, **{CLIENT_TOKEN: given})
    assert status == 200, body
    return json.loads(body or b"{}")


@pytest.mark.parametrize("first", WIRES)
@pytest.mark.parametrize("name", CHANGES)
def test_a_repeat_over_either_wire_answers_what_the_first_call_did(two_regions: Deployment, tmp_path: Path, name: str, first: str) -> None:
    """ReplicateKey without a policy is one of them: its answer on the AWS wire shows the default document."""
    rpc, given, things = served_rpcs()[name], token(), Things(two_regions, tmp_path)
    fields = fields_of(two_regions, things, name)
    if name == "PutKeyPolicy":
        fields["policy"] = default_document("aws", "111122223333")  # which both wires take
    request = codec.read(codec.write(rpc.request_class(**fields)), rpc.request_class)
    before = len(events(two_regions, name))
    ways = (first, *WIRES, *WIRES)
    answers = [answered(things, wire, request, given) for wire in ways]
    for wire in WIRES:
        alike = [answer for way, answer in zip(ways, answers, strict=True) if way == wire]
        assert alike == alike[:1] * len(alike), wire
    own, on_aws = (answers[ways.index(wire)] for wire in WIRES)
    shown = json.loads(codec.write(own) or b"{}")
    if name == "ReplicateKey":
        assert shown["ReplicaPolicy"] == ""
        shown["ReplicaPolicy"] = default_document("aws", "111122223333")
    assert shown == on_aws
    made, *again = events(two_regions, name)[before:]
    assert [r["additionalEventData"] for r in again] == [{"repeatOf": made["requestID"]}] * 4
