"""What another Region is asked on a caller's behalf is within the bounds that it has, whatever the caller's client says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.peer_message import USER_AGENT_CHARACTERS_MAX
from meridian.domain.principal import Principal
from meridian.kms.v1.multi_region_pb2 import ReplicateKeyRequest, UpdatePrimaryRegionRequest
from meridian.operations.peer_questions import handover_question, replica_question
from meridian.ports.store.region import RegionIdentity
from meridian.replication.wire.message_bounds import require_bounds
from meridian.replication.wire.prepare_messages import handover_request, prepare_request

NOW = datetime(2026, 1, 2, tzinfo=UTC)
IDENTITY = RegionIdentity("deployment", "aws", "us-east-1", 0, NOW)
KEY = Key(
    "aws", "us-east-1", "111122223333", "mrk-" + "0" * 32, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS,
    KeyState.ENABLED, NOW, multi_region=MultiRegionRole("us-east-1", ("eu-west-1",)), current_material_id="a" * 64,
)  # fmt: skip
CALLER = Principal(
    "User",
    "111122223333",
    "alice",
    "arn:aws:iam::111122223333:user/alice",
    method="client_certificate",
    subject="spiffe://example.org/alice",
)


def call(user_agent: str) -> Call:
    made = Call(rpcs()["ReplicateKey"], ReplicateKeyRequest(), Evidence(source_ip="192.0.2.1", user_agent=user_agent), "request", NOW)
    made.principal = CALLER
    return made


@pytest.mark.parametrize("user_agent", ["", "client/1.0", "c" * 1_500, "é" * 5_000])
def test_a_clients_own_words_are_cut_to_what_the_other_region_takes(user_agent: str) -> None:
    asked = call(user_agent)
    replica = replica_question(ReplicateKeyRequest(replica_region="eu-west-1"), asked, KEY, IDENTITY, "b" * 64)
    handover = handover_question(UpdatePrimaryRegionRequest(primary_region="eu-west-1"), asked, KEY, IDENTITY)
    require_bounds(prepare_request(replica))
    require_bounds(handover_request(handover))
    assert replica.caller.user_agent == handover.caller.user_agent == user_agent[:USER_AGENT_CHARACTERS_MAX]
