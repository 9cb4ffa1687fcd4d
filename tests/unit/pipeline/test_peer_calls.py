"""What a Region makes of a call that another one passes on: its own decisions, about a caller whom it knows itself."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.domain.made_keys import ACCOUNT, AWAY, HOME, MULTI_KEY_ID, REPLICA, key_of
from tests.unit.pipeline.steps import ALICE, NOW, Directory, done

from meridian.call import Call
from meridian.contract.catalog import rpcs
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.peer_message import CallerOnBehalf, Prepare, PrepareHandover, Spoken
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, ValidationException
from meridian.kms.v1.multi_region_pb2 import ReplicateKeyRequest, UpdatePrimaryRegionRequest
from meridian.kms.v1.types_pb2 import Tag
from meridian.pipeline.peer_calls import ForeseeReplica, OnBehalf, OwnMember, call_of, handover_rpc, replica_rpc

CALLER = CallerOnBehalf("client_certificate", "spiffe://alice", "192.0.2.1", "agent")
REQUEST = ReplicateKeyRequest(
    key_id=MULTI_KEY_ID, replica_region=HOME, description="d", policy="p", account_delegation=False,
    tags=[Tag(tag_key="b", tag_value="2"), Tag(tag_key="a", tag_value="1")],
)  # fmt: skip
PREPARE = Prepare(
    ACCOUNT, MULTI_KEY_ID, "s1", "request", CALLER, REQUEST.SerializeToString(),
    "RSA_2048", "SIGN_VERIFY", "EXTERNAL", AWAY, (HOME, "x"), "m",
    Spoken("deployment", "aws", 1),
)  # fmt: skip
HANDOVER = PrepareHandover(
    ACCOUNT, MULTI_KEY_ID, "request", CALLER, UpdatePrimaryRegionRequest(primary_region=HOME).SerializeToString(), AWAY, PREPARE.spoken
)
CLOCK: Any = SimpleNamespace(now=lambda: NOW, monotonic=lambda: 7.0)
NO_PRINCIPAL = f"The caller has no principal of this account in Region {HOME}."
NOT_GIVEN = f"Region {AWAY} may not act for this account in Region {HOME}."
PEER = PeerRegion(AWAY, "", "", "", frozenset({ACCOUNT}))


def replica_call(**changes: Any) -> Call:
    return call_of(replica_rpc(rpcs()), replace(PREPARE, **changes), CLOCK)


def test_a_replica_is_decided_and_recorded_as_a_key_that_is_made() -> None:
    rpc = replica_rpc(rpcs())
    assert (rpc.name, rpc.aws_name, rpc.key_fields) == ("ReplicateKey", "CreateKey", ())
    assert [(each.action, each.by_peer) for each in rpc.requires] == [("CreateKey", False), ("TagResource", False), ("PutKeyPolicy", False)]


def test_a_handover_is_decided_on_the_key_that_is_to_become_primary() -> None:
    rpc = handover_rpc(rpcs())
    assert [(each.action, each.resource_field, each.by_peer) for each in rpc.requires] == [("UpdatePrimaryRegion", "key_id", False)]


def test_the_call_is_under_the_callers_own_request_with_what_the_other_region_saw() -> None:
    call = replica_call()
    assert (call.request, call.request_id, call.received_at, call.started) == (REQUEST, "request", NOW, 7.0)
    assert (call.evidence.source_ip, call.evidence.user_agent) == ("192.0.2.1", "agent")
    assert (call.malformed, call.prepare, call.rpc.aws_name) == (False, PREPARE, "CreateKey")
    handover = call_of(handover_rpc(rpcs()), HANDOVER, CLOCK)
    assert handover.request == UpdatePrimaryRegionRequest(primary_region=HOME)


def test_bytes_that_are_no_request_make_a_call_that_says_so() -> None:
    call = replica_call(replicate_key_request=b"\xff")
    assert call.malformed
    assert call.request == ReplicateKeyRequest()


# ---- the caller


def on_behalf(principal: Any, peers: dict[str, PeerRegion]) -> OnBehalf:
    known: Any = SimpleNamespace(find_by_subject=lambda *subject: principal if subject == (CALLER.method, CALLER.subject) else None)
    return OnBehalf(known, peers, region=HOME)


def test_the_caller_is_whom_this_region_knows_by_the_subject() -> None:
    call = replica_call()
    on_behalf(ALICE, {AWAY: PEER})(call)
    assert call.principal == ALICE


@pytest.mark.parametrize(
    ("changes", "principal", "peers", "words"),
    [
        ({}, None, {AWAY: PEER}, NO_PRINCIPAL),
        ({"caller": replace(CALLER, subject="other")}, ALICE, {AWAY: PEER}, NO_PRINCIPAL),
        ({}, ALICE, {}, NOT_GIVEN),
        ({}, ALICE, {AWAY: replace(PEER, accounts=frozenset())}, NOT_GIVEN),
        ({"account": "3" * 12}, ALICE, {AWAY: PEER}, NOT_GIVEN),
        ({"account": "3" * 12}, None, {AWAY: PEER}, NOT_GIVEN),  # who is there is not told
        ({}, replace(ALICE, account="3" * 12), {AWAY: PEER}, NO_PRINCIPAL),
    ],
)
def test_a_region_acts_for_callers_and_accounts_it_was_given_alone(changes: Any, principal: Any, peers: Any, words: str) -> None:
    call = replica_call(**changes)
    with pytest.raises(AccessDeniedException) as refused:
        on_behalf(principal, peers)(call)
    assert (refused.value.message, call.principal) == (words, None)


def test_nobody_is_acted_for_without_another_regions_word() -> None:
    call = replica_call()
    call.prepare = None
    with pytest.raises(AccessDeniedException, match="another Region"):
        on_behalf(ALICE, {AWAY: PEER})(call)


# ---- the key


def test_the_replica_is_judged_as_it_would_be_made() -> None:
    call = replica_call()
    ForeseeReplica(partition="aws", region=HOME)(call)
    assert call.prospective == Key(
        "aws", HOME, ACCOUNT, PROSPECTIVE_KEY_ID, KeySpec.RSA_2048, KeyUsage.SIGN_VERIFY, Origin.EXTERNAL, KeyState.CREATING, NOW,
        description="d", multi_region=MultiRegionRole(AWAY, (HOME, "x")), current_material_id="m", policy="p", account_delegation=False,
        tags=(("a", "1"), ("b", "2")),
    )  # fmt: skip
    plain = replica_call(replicate_key_request=ReplicateKeyRequest(replica_region=HOME).SerializeToString())
    ForeseeReplica(partition="aws", region=HOME)(plain)
    assert plain.prospective is not None
    assert plain.prospective.account_delegation


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key_id": "1234abcd-12ab-34cd-56ef-1234567890ab"}, ("replicaRegion", "another Region")),
        ({"replicate_key_request": ReplicateKeyRequest(replica_region=AWAY).SerializeToString()}, ("replicaRegion", "another Region")),
        ({"key_spec": "ROT13"}, ("keySpec", "unknown")),
        ({"key_usage": "x"}, ("keySpec", "unknown")),
        ({"origin": "x"}, ("keySpec", "unknown")),
    ],
)
def test_a_replica_that_cannot_be_here_is_refused_by_its_field(changes: Any, field: tuple[str, str]) -> None:
    with pytest.raises(ValidationException) as refused:
        ForeseeReplica(partition="aws", region=HOME)(replica_call(**changes))
    assert refused.value.fields == (field,)


def test_a_call_that_makes_no_replica_foresees_none() -> None:
    call = call_of(handover_rpc(rpcs()), HANDOVER, CLOCK)
    ForeseeReplica(partition="aws", region=HOME)(call)
    assert call.prospective is None


def test_the_key_that_is_to_become_primary_is_this_regions_replica_of_the_sender() -> None:
    replica = key_of(key_id=MULTI_KEY_ID, multi_region=REPLICA)
    call = call_of(handover_rpc(rpcs()), HANDOVER, CLOCK)
    assert done(OwnMember(Directory(replica)), call)
    assert call.keys == {"key_id": replica}
    for kept in ((), (replace(replica, multi_region=None),), (replace(replica, multi_region=MultiRegionRole("x", (HOME,))),)):
        with pytest.raises(ValidationException) as refused:
            done(OwnMember(Directory(*kept)), call_of(handover_rpc(rpcs()), HANDOVER, CLOCK))
        assert refused.value.fields == (("primaryRegion", "has no replica"),)
    nobody = call_of(handover_rpc(rpcs()), HANDOVER, CLOCK)
    nobody.prepare = None
    done(OwnMember(Directory(replica)), nobody)
    assert nobody.keys == {}
