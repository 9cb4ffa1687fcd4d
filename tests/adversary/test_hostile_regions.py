"""A configured Region turns hostile, as a stranger to a set and as a member: nothing it says is adopted, no other Region ends or turns
stale, no row grows, it gets no material, and the operators of the others hear of it."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from tests.adversary.hostile_region import ACCOUNT, SERIAL, HostileRegion
from tests.deployment import AWAY, HOME, Deployment

from meridian.client.statuses import error_of
from meridian.domain.multi_region import Member, MemberStatus, Term
from meridian.kms.v1 import multi_region_pb2
from meridian.kms.v1 import types_pb2 as t
from meridian.peer.v1 import replication_pb2 as wire
from meridian.replication.reserve_replica import PLACES_SHARE

EVIL_REGION = "ca-central-1"
ALICE = f"spiffe://dev.meridian.internal/{ACCOUNT}/alice"
FLOOD = 100
QUOTA = 60
pytestmark = pytest.mark.timeout(600)


@dataclass
class World:
    """Two honest Regions with a set of their own, and one set that the hostile Region is a member of."""

    deployment: Deployment
    hostile: HostileRegion
    strange: str
    """Key id of the set that does not list the hostile Region."""
    shared: str
    """Key id of the set that does."""

    def set_row(self, region: str, key_id: str) -> dict[str, Any]:
        """What a Region's database says of a set; a look that changes nothing."""
        with sqlite3.connect(f"file:{self.deployment.place(region).folder}/region.sqlite3?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            return dict(database.execute("select * from key_sets where key_id = ?", (key_id,)).fetchone())

    def refusals(self, region: str, key_id: str = "") -> set[str]:
        """The rules by which this Region refused the hostile one, about this set, as its audit log tells them."""
        told = [r for r in self.deployment.audit(region) if r["eventName"] == "PeerMessageRefused"]
        details = [r["serviceEventDetails"] for r in told]
        return {d["rule"] for d in details if d["subject"] == EVIL_REGION and d.get("keyId", "") in (key_id, key_id or d.get("keyId", ""))}

    def wait_for_refusal(self, region: str, key_id: str, rule: str) -> None:
        self.deployment.wait_until(lambda: rule in self.refusals(region, key_id), seconds=60)

    def refused(self, to: str, method: str, request: Any) -> str:
        """The code that the hostile Region's call is refused with."""
        with pytest.raises(grpc.RpcError) as caught:
            self.hostile.ask(to, method, request)
        return error_of(caught.value).code

    def material(self, region: str, key_id: str) -> str:
        with self.deployment.client(region) as client:
            return str(client.describe_key(key_id=key_id).key_metadata.current_key_material_id)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    added = f"limits.compare_seconds = 0.5\nlimits.keys_per_account = {QUOTA}\n"
    deployment = Deployment(tmp_path_factory.mktemp("hostile"), [HOME, AWAY, EVIL_REGION], settings_added=added).prepare()
    try:
        deployment.start()
        keys = []
        for region in (AWAY, EVIL_REGION):
            with deployment.client() as alice:
                keys.append(alice.create_key(multi_region=True).key_metadata.key_id)
                alice.replicate_key(key_id=keys[-1], replica_region=region)
            deployment.wait_for_state(region, keys[-1], t.KEY_STATE_ENABLED, seconds=60)
        deployment.stop(EVIL_REGION)  # from now on the attacker's own software speaks for it
        yield World(deployment, HostileRegion(deployment, EVIL_REGION), *keys)
    finally:
        deployment.stop_all()


def named(key_id: str) -> wire.KeySetName:
    return wire.KeySetName(account=ACCOUNT, key_id=key_id)


def test_questions_of_a_stranger_are_answered_as_if_there_were_no_set(world: World) -> None:
    nowhere = "mrk-" + "0" * 32
    for method, request in (
        ("GetSet", lambda name: wire.GetSetRequest(set=name)),
        ("Compare", lambda name: wire.CompareRequest(digests=[wire.SetDigest(set=name, serial=SERIAL, receiver_serial=SERIAL)])),
    ):
        assert world.hostile.ask(HOME, method, request(named(world.strange))) == world.hostile.ask(HOME, method, request(named(nowhere)))
    said = []
    for key_id in (world.strange, nowhere):
        with pytest.raises(grpc.RpcError) as caught:
            world.hostile.ask(HOME, "GetMaterials", wire.GetMaterialsRequest(set=named(key_id), material_ids=["0" * 64]))
        said.append((error_of(caught.value).code, str(error_of(caught.value))))
    assert said[0] == said[1]
    world.wait_for_refusal(HOME, world.strange, "A7")


def test_a_flood_of_questions_about_places_that_were_never_prepared_writes_nothing(world: World) -> None:
    before = world.set_row(HOME, world.strange)
    for number in range(FLOOD):
        request = wire.ResolveRequest(set=named(world.strange), serial=f"{number:064x}")
        assert world.refused(HOME, "Resolve", request) == "AccessDeniedException"
    assert world.refused(HOME, "Resolve", wire.ResolveRequest(set=named(world.strange), serial="A" * 60_000)) == "ValidationException"
    assert world.set_row(HOME, world.strange) == before
    world.wait_for_refusal(HOME, world.strange, "A8")
    world.wait_for_refusal(HOME, "", "A9")


def test_a_stranger_takes_no_live_set(world: World) -> None:
    before = world.set_row(AWAY, world.strange)
    place = Member(AWAY, before["serial"], MemberStatus.ON)
    terms = {"A4": Term(7, EVIL_REGION, 0), "A3": Term(0, HOME, 1)}
    for rule, term in terms.items():
        forged = world.hostile.delivery(world.strange, AWAY, before["serial"], term, [place, world.hostile.member()])
        assert world.refused(AWAY, "DeliverSetState", forged) == "AccessDeniedException"
        world.wait_for_refusal(AWAY, world.strange, rule)
    held = wire.DeliverHeldRequest(set=named(world.strange), serial=SERIAL, term_origin=HOME, material_ids=["0" * 64])
    assert world.refused(HOME, "DeliverHeld", held) == "AccessDeniedException"
    gone = wire.DeliverGoneRequest(set=named(world.strange), serial=before["serial"], term_generation=9, term_origin=EVIL_REGION)
    world.hostile.ask(HOME, "DeliverGone", gone)  # answered as where there is no set, and told
    world.wait_for_refusal(HOME, world.strange, "A7")
    assert world.set_row(AWAY, world.strange) == before
    with world.deployment.client() as alice:
        found = alice.describe_key(key_id=world.strange).key_metadata.multi_region_configuration
    assert [replica.region for replica in found.replica_keys] == [AWAY]


def test_states_of_sets_that_never_were_leave_no_row(world: World) -> None:
    absent = "mrk-" + "9" * 32
    forged = world.hostile.delivery(
        absent, HOME, SERIAL, Term(0, EVIL_REGION, 0), [Member(HOME, SERIAL, MemberStatus.ON), world.hostile.member()]
    )
    assert world.refused(HOME, "DeliverSetState", forged) == "AccessDeniedException"
    with pytest.raises(TypeError):  # no row
        world.set_row(HOME, absent)


def test_a_stranger_takes_no_reserved_place(world: World) -> None:
    with world.deployment.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
    honest, serial = HostileRegion(world.deployment, HOME), "b" * 64  # HOME's own software, which prepares and says no more
    request = wire.PrepareRequest(
        set=named(key_id), serial=serial, request_id="r", key_spec="SYMMETRIC_DEFAULT", key_usage="ENCRYPT_DECRYPT", origin="AWS_KMS",
        caller=wire.CallerOnBehalf(method="client_certificate", subject=ALICE, source_ip="127.0.0.1"),
        replicate_key_request=replicate_request(key_id), primary_region=HOME, replica_regions=[HOME], current_material_id="0" * 64,
        deployment=honest.identity.deployment, partition=honest.identity.partition, protocol_version=1,
    )  # fmt: skip
    honest.ask(AWAY, "Prepare", request)
    place = Member(AWAY, serial, MemberStatus.NEW)
    forged = world.hostile.delivery(key_id, AWAY, serial, Term(0, EVIL_REGION, 0), [place, world.hostile.member()])
    assert world.refused(AWAY, "DeliverSetState", forged) == "AccessDeniedException"
    world.wait_for_refusal(AWAY, key_id, "A2")
    assert world.set_row(AWAY, key_id)["status"] == "reserved"


def prepare_of(world: World, key_id: str, subject: str, request_id: str) -> wire.PrepareRequest:
    """The hostile Region prepares a place in AWAY, and says that this caller asked for it."""
    own = world.hostile.identity
    return wire.PrepareRequest(
        set=named(key_id), serial="b" * 64, request_id=request_id, key_spec="SYMMETRIC_DEFAULT", key_usage="ENCRYPT_DECRYPT",
        origin="AWS_KMS", caller=wire.CallerOnBehalf(method="client_certificate", subject=subject, source_ip="203.0.113.9", user_agent="x"),
        replicate_key_request=replicate_request(key_id), primary_region=EVIL_REGION, replica_regions=[EVIL_REGION],
        current_material_id="0" * 64, deployment=own.deployment, partition=own.partition, protocol_version=1,
    )  # fmt: skip


def test_what_a_region_says_a_caller_did_is_recorded_as_its_word(world: World) -> None:
    places = {"allowed": ("mrk-" + "7" * 32, ALICE), "unknown": ("mrk-" + "6" * 32, "spiffe://x/nobody")}
    ids = {name: f"00000000-0000-4000-8000-{number:012}" for number, name in enumerate([*places, "handover"])}
    key_id, subject = places["allowed"]
    world.hostile.ask(AWAY, "Prepare", prepare_of(world, key_id, subject, ids["allowed"]))
    key_id, subject = places["unknown"]
    assert world.refused(AWAY, "Prepare", prepare_of(world, key_id, subject, ids["unknown"])) == "AccessDeniedException"
    own = world.hostile.identity
    update = multi_region_pb2.UpdatePrimaryRegionRequest(key_id=world.strange, primary_region=AWAY).SerializeToString()
    handover = wire.PrepareHandoverRequest(
        set=named(world.strange), request_id=ids["handover"], primary_region=EVIL_REGION, update_primary_region_request=update,
        caller=wire.CallerOnBehalf(method="client_certificate", subject=ALICE, source_ip="203.0.113.9"),
        deployment=own.deployment, partition=own.partition, protocol_version=1,
    )  # fmt: skip
    assert world.refused(AWAY, "PrepareHandover", handover) == "ValidationException"
    records = {r["requestID"]: r for r in world.deployment.audit(AWAY) if r.get("requestID") in ids.values()}
    assert set(records) == set(ids.values())
    assert {r["meridian"].get("onBehalfOf") for r in records.values()} == {EVIL_REGION}
    assert records[ids["allowed"]]["userIdentity"]["arn"].endswith("/alice"), "as it says"
    own_calls = [r for r in world.deployment.audit(AWAY) if r.get("eventType") == "AwsApiCall" and r["requestID"] not in ids.values()]
    assert {r["meridian"].get("onBehalfOf") for r in own_calls if r["eventName"] != "CreateKey"} <= {None}


def test_a_question_what_would_be_decided_tells_no_more_than_the_call_and_keeps_nothing(world: World) -> None:
    """The same refusals by the same steps; what is allowed reserves no place, and every question has its record."""
    key_id, own = "mrk-" + "4" * 32, world.hostile.identity
    ids = {name: f"00000000-0000-4000-8002-{number:012}" for number, name in enumerate(("allowed", "nobody", "foreign", "handover"))}
    asked = prepare_of(world, key_id, ALICE, ids["allowed"])
    world.hostile.ask(AWAY, "Foretell", wire.ForetellRequest(prepare=asked))
    with pytest.raises(TypeError, match="NoneType"):
        world.set_row(AWAY, key_id)
    nobody = prepare_of(world, key_id, "spiffe://x/nobody", ids["nobody"])
    foreign = prepare_of(world, key_id, ALICE, ids["foreign"])
    foreign.set.account = "444455556666"
    update = multi_region_pb2.UpdatePrimaryRegionRequest(key_id=world.strange, primary_region=AWAY).SerializeToString()
    handover = wire.PrepareHandoverRequest(
        set=named(world.strange), request_id=ids["handover"], primary_region=EVIL_REGION, update_primary_region_request=update,
        caller=asked.caller, deployment=own.deployment, partition=own.partition, protocol_version=1,
    )  # fmt: skip
    for method, message in (("Prepare", nobody), ("Prepare", foreign), ("PrepareHandover", handover)):
        as_question = {"Prepare": "prepare", "PrepareHandover": "prepare_handover"}[method]
        question: Any = wire.ForetellRequest(**{as_question: message})  # type: ignore[arg-type]  # one of two
        assert world.refused(AWAY, "Foretell", question) == world.refused(AWAY, method, message) != ""
    others = prepare_of(world, key_id, ALICE, ids["allowed"])
    others.primary_region = HOME
    assert world.refused(AWAY, "Foretell", wire.ForetellRequest(prepare=others)) == "AccessDeniedException", "it speaks for itself alone"
    assert world.refused(AWAY, "Foretell", wire.ForetellRequest()) == "ValidationException"
    records = [r for r in world.deployment.audit(AWAY) if r.get("requestID") in ids.values()]
    assert sorted(r["readOnly"] for r in records) == [False] * 3 + [True] * 4


def test_places_that_a_region_never_completes_take_a_part_of_the_quota(world: World) -> None:
    """The Region prepares as many as it can; the account's own callers go on making keys."""
    for number in range(QUOTA):
        prepare = prepare_of(world, f"mrk-{number + 4096:032x}", ALICE, f"00000000-0000-4000-8001-{number:012}")
        with contextlib.suppress(grpc.RpcError):
            world.hostile.ask(AWAY, "Prepare", prepare)
    assert world.refused(AWAY, "Prepare", prepare) == "LimitExceededException"
    with sqlite3.connect(f"file:{world.deployment.place(AWAY).folder}/region.sqlite3?mode=ro", uri=True) as database:
        query = "select count(*) from key_sets where status = 'reserved' and prepared_by = ?"
        assert database.execute(query, (EVIL_REGION,)).fetchone() == (QUOTA // PLACES_SHARE,)
    with world.deployment.client(AWAY) as alice:
        alice.create_key()
    with world.deployment.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    world.deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)


def replicate_request(key_id: str) -> bytes:
    return multi_region_pb2.ReplicateKeyRequest(key_id=key_id, replica_region=AWAY).SerializeToString()


def test_a_region_of_another_partition_or_protocol_prepares_nothing(world: World) -> None:
    own = world.hostile.identity
    for deployment, partition, version in (("other", own.partition, 1), (own.deployment, "other", 1), (own.deployment, own.partition, 9)):
        spoken: dict[str, Any] = {"deployment": deployment, "partition": partition, "protocol_version": version}
        prepare = wire.PrepareRequest(set=named("mrk-" + "8" * 32), primary_region=EVIL_REGION, **spoken)
        assert world.refused(AWAY, "Prepare", prepare) == "ValidationException"
        handover = wire.PrepareHandoverRequest(set=named(world.strange), primary_region=EVIL_REGION, **spoken)
        assert world.refused(AWAY, "PrepareHandover", handover) == "ValidationException"
    foreign = wire.PrepareRequest(set=named("mrk-" + "8" * 32), primary_region=HOME)
    assert world.refused(AWAY, "Prepare", foreign) == "AccessDeniedException"


def test_a_hostile_member_becomes_no_primary_and_plants_nothing(world: World) -> None:
    before, material = world.set_row(HOME, world.shared), world.material(HOME, world.shared)
    place = Member(HOME, before["serial"], MemberStatus.ON)
    for rule, term in {"A3": Term(0, HOME, 1), "A4": Term(3, EVIL_REGION, 0)}.items():
        forged = world.hostile.delivery(world.shared, HOME, before["serial"], term, [place, world.hostile.member()])
        assert world.refused(HOME, "DeliverSetState", forged) == "AccessDeniedException"
        world.wait_for_refusal(HOME, world.shared, rule)
    assert world.material(HOME, world.shared) == material
    assert world.set_row(HOME, world.shared)["view"] == before["view"]
    asked = wire.GetMaterialsRequest(set=named(world.strange), material_ids=[world.material(HOME, world.strange)])
    assert world.refused(HOME, "GetMaterials", asked) == "AccessDeniedException"


def test_stamps_that_are_only_quoted_end_no_region(world: World) -> None:
    with world.hostile.lying() as liar:
        world.deployment.wait_until(lambda: {"Compare", "GetSet"} <= set(liar.asked), seconds=60)
        world.wait_for_refusal(HOME, world.shared, "A6")
        world.deployment.wait_until(lambda: liar.asked.count("Compare") >= 4, seconds=60)
    assert world.deployment.processes[HOME].poll() is None
    for key_id in (world.shared, world.strange):
        assert not world.set_row(HOME, key_id)["stale"]
        with world.deployment.client() as alice:
            alice.enable_key_rotation(key_id=key_id)  # it acts as primary
    assert world.deployment.metrics(HOME)['meridian_security_events_total{event="PeerMessageRefused"}'] > 0


def test_a_stranger_succeeds_nobody_while_a_region_is_lost(world: World) -> None:
    """The last of this file: afterwards one Region is gone."""
    world.deployment.stop(HOME)
    config = str(world.deployment.place(AWAY).settings)
    command = [sys.executable, "-m", "meridian", "region", "lost", HOME, "--successor", AWAY, "--config", config]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    row = world.set_row(AWAY, world.strange)
    assert row["successor"] == AWAY
    place = Member(AWAY, row["serial"], MemberStatus.ON)
    forged = world.hostile.delivery(world.strange, AWAY, row["serial"], Term(1, EVIL_REGION, 0), [place, world.hostile.member()])
    assert world.refused(AWAY, "DeliverSetState", forged) == "AccessDeniedException"
    assert world.set_row(AWAY, world.strange) == row
    takeover = [sys.executable, "-m", "meridian", "region", "takeover", HOME, "--wait", "40", "--config", config]
    with world.hostile.lying():  # it answers, and it decides nothing
        done = subprocess.run(takeover, timeout=200, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with world.deployment.client(AWAY) as alice:
        found = alice.describe_key(key_id=world.strange).key_metadata.multi_region_configuration
    assert found.primary_key.region == AWAY
    assert EVIL_REGION not in [replica.region for replica in found.replica_keys]
