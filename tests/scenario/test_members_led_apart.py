"""A Region that was handed the role turns hostile and leads the other members apart; their operators give it up as documented, and the set
is one again."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.adversary.hostile_region import ACCOUNT, HostileRegion
from tests.deployment import AWAY, HOME, Deployment
from tests.silent_region import SilentRegion

from meridian.cli.region_place import HOST
from meridian.client.statuses import error_of
from meridian.domain.multi_region import SetState
from meridian.kms.v1 import types_pb2 as t
from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc
from meridian.replication.wire.set_state import decode_set_state

LIAR = "ca-central-1"
pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]


class Takes(SilentRegion):
    """Agrees to be primary, and keeps what it is sent."""

    def __init__(self, hostile: HostileRegion) -> None:
        self._hostile = hostile
        self.received: list[wire.DeliverSetStateRequest] = []

    def PrepareHandover(self, request: wire.PrepareHandoverRequest, context: Any) -> wire.PrepareHandoverResponse:
        return wire.PrepareHandoverResponse()

    def DeliverSetState(self, request: wire.DeliverSetStateRequest, context: Any) -> wire.DeliverSetStateResponse:
        self.received.append(request)
        return wire.DeliverSetStateResponse(acknowledged=True)

    def Compare(self, request: wire.CompareRequest, context: Any) -> wire.CompareResponse:
        return wire.CompareResponse(
            comparisons=[
                wire.SetComparison(
                    term_generation=each.term_generation, term_origin=each.term_origin, term_number=each.term_number, version=each.version
                )
                for each in request.digests
            ]
        )

    def DeliverHeld(self, request: wire.DeliverHeldRequest, context: Any) -> wire.DeliverHeldResponse:
        return wire.DeliverHeldResponse()

    def GetTransportOffer(self, request: wire.GetTransportOfferRequest, context: Any) -> wire.GetTransportOfferResponse:
        offer = self._hostile.engine.envelopes.transport_offer()
        key = self._hostile.engine.envelopes.transport_public_key()
        return wire.GetTransportOfferResponse(signed_offer=offer.signed_bytes, transport_public_key=key)


@contextmanager
def answering(hostile: HostileRegion) -> Iterator[Takes]:
    place, root = hostile.deployment.place(hostile.region), hostile.deployment.root
    takes, server = Takes(hostile), grpc.server(futures.ThreadPoolExecutor(4))
    replication_pb2_grpc.add_ReplicationServiceServicer_to_server(takes, server)
    pair = ((place.folder / "peer.key").read_bytes(), (place.folder / "peer.crt").read_bytes())
    server.add_secure_port(f"{HOST}:{place.peer_port}", grpc.ssl_server_credentials([pair], (root / "peer-ca.crt").read_bytes(), True))
    server.start()
    try:
        yield takes
    finally:
        server.stop(0).wait(5)


class World:
    """Two honest Regions and the liar, which all have one key."""

    def __init__(self, folder: Path) -> None:
        self.deployment = Deployment(folder, [HOME, AWAY, LIAR], settings_added="limits.compare_seconds = 0.5\n").prepare()
        self.key_id = ""

    def begin(self) -> None:
        self.deployment.start()
        with self.deployment.client() as alice:
            self.key_id = alice.create_key(multi_region=True).key_metadata.key_id
            for region in (AWAY, LIAR):
                alice.replicate_key(key_id=self.key_id, replica_region=region)
        for region in (AWAY, LIAR):
            self.deployment.wait_for_state(region, self.key_id, t.KEY_STATE_ENABLED, seconds=60)
        self.deployment.wait_until(lambda: all(m[2] == "on" for m in self.view(HOME)["members"]), seconds=60)
        self.serials = {region: self.row(region)["serial"] for region in (HOME, AWAY, LIAR)}
        self.deployment.stop(LIAR)
        self.hostile = HostileRegion(self.deployment, LIAR)

    def row(self, region: str) -> dict[str, Any]:
        with closing(sqlite3.connect(f"file:{self.deployment.place(region).folder}/region.sqlite3?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return dict(database.execute("select * from key_sets where key_id = ?", (self.key_id,)).fetchone())

    def view(self, region: str) -> dict[str, Any]:
        return dict(json.loads(self.row(region)["view"]))

    def tell(self, to: str, state: SetState) -> None:
        public = self.hostile.engine.envelopes.transport_public_key()
        request = wire.DeliverSetStateRequest(
            signed_state=self.hostile.signed(self.key_id, state), serial=self.serials[to], sequence=time.time_ns() >> 20,
            incarnation=self.hostile.identity.incarnation, request_id="r", transport_public_key=public, issuer_public_key=public,
        )  # fmt: skip
        assert self.hostile.ask(to, "DeliverSetState", request).acknowledged

    def told_twice(self, region: str) -> set[str]:
        """The sets of which this Region's audit log says that the liar has signed two states as one."""
        records = [r for r in self.deployment.audit(region) if r["eventName"] == "SetSignedTwice"]
        return {r["serviceEventDetails"]["keyId"] for r in records if r["serviceEventDetails"]["subject"] == LIAR}

    @contextmanager
    def held_up(self, region: str) -> Iterator[None]:
        """Meanwhile this Region neither hears nor says anything."""
        process = self.deployment.processes[region]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def operate(self, region: str, *words: str) -> str:
        command = [sys.executable, "-m", "meridian", "region", *words, "--config", str(self.deployment.place(region).settings)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def handed_over(self, takes: Takes) -> SetState:
        with self.deployment.client() as alice:
            alice.update_primary_region(key_id=self.key_id, primary_region=LIAR)
        self.deployment.wait_until(lambda: any(state.primary == LIAR for state in self.states(takes)), seconds=60)
        self.deployment.wait_until(lambda: self.view(AWAY)["primary"] == LIAR, seconds=60)
        return next(state for state in self.states(takes) if state.primary == LIAR)

    def states(self, takes: Takes) -> list[SetState]:
        verify = self.hostile.engine.envelopes.verify_set_state
        return [decode_set_state(verify(each.signed_state, each.issuer_public_key)).state for each in takes.received]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    try:
        made.begin()
        yield made
    finally:
        made.deployment.stop_all()


def test_the_operators_words_bring_members_together_that_a_hostile_primary_led_apart(world: World) -> None:
    deployment = world.deployment
    with answering(world.hostile) as takes:
        handed = world.handed_over(takes)
        world.tell(AWAY, replace(handed, version=1))
        gone = wire.DeliverGoneRequest(
            set=wire.KeySetName(account=ACCOUNT, key_id=world.key_id), serial=world.serials[LIAR], term_origin=HOME, request_id="r",
            incarnation=world.hostile.identity.incarnation,
        )  # fmt: skip
        if world.view(HOME)["version"] == 0:  # it has not heard yet what the other was told
            with pytest.raises(grpc.RpcError) as caught:
                world.hostile.ask(HOME, "DeliverGone", gone)
            assert error_of(caught.value).code == "AccessDeniedException"
        deployment.wait_until(lambda: world.view(HOME) == world.view(AWAY), seconds=60)
        assert (world.view(HOME)["primary"], world.view(HOME)["version"]) == (LIAR, 1)

        back = replace(handed, term=handed.term._replace(number=handed.term.number + 1), version=0, primary=HOME, issuer=LIAR)
        far = replace(back, version=0, primary=LIAR)
        with contextlib.ExitStack() as held:
            with world.held_up(HOME):
                world.tell(AWAY, far)
                world.tell(AWAY, replace(far, version=1_000))
                held.enter_context(world.held_up(AWAY))  # before the other one hears again: it must not hear of this first
            world.tell(HOME, back)
        assert (world.view(HOME)["primary"], world.view(HOME)["version"]) == (HOME, 1)
        time.sleep(3)  # they compare, many times
        assert world.view(AWAY)["version"] == 1_000, "no chain leads from one to the other"

    for region in (HOME, AWAY):
        assert "1 sets know it" in world.operate(region, "lost", LIAR, "--successor", HOME)
    world.operate(HOME, "takeover", LIAR)
    deployment.wait_until(lambda: world.view(AWAY) == world.view(HOME), seconds=60)
    deployment.wait_until(lambda: {m[0]: m[2] for m in world.view(HOME)["members"]} == {HOME: "on", AWAY: "on", LIAR: "off"}, seconds=60)
    before = world.view(HOME)["current"]
    with deployment.client() as alice:
        alice.rotate_key_on_demand(key_id=world.key_id)
    deployment.wait_until(lambda: world.view(AWAY)["current"] != before, seconds=60)
    with deployment.client(HOME, "app") as app:
        blob = app.encrypt(key_id=world.key_id, plaintext=b"one set").ciphertext_blob
    with deployment.client(AWAY, "app") as app:
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"one set"


def test_two_states_under_one_stamp_are_told_everywhere_and_move_nobody(world: World) -> None:
    """One Region is shown both, then each of the two another one; every word of the operators' is the documented one."""
    deployment = world.deployment
    with answering(world.hostile) as takes:
        handed = world.handed_over(takes)
        taken = replace(handed, version=1)
        with world.held_up(HOME):
            world.tell(AWAY, taken)
            world.tell(AWAY, replace(taken, rotation_period_in_days=100))
        assert world.view(AWAY)["rotation_period_in_days"] == handed.rotation_period_in_days, "the first one stays"
        assert deployment.wait_until(lambda: world.told_twice(AWAY), seconds=60) == {world.key_id}
        deployment.wait_until(lambda: world.view(HOME) == world.view(AWAY), seconds=60)
        term = handed.term._replace(number=handed.term.number + 1)
        with contextlib.ExitStack() as held:
            with world.held_up(HOME):
                world.tell(AWAY, replace(taken, term=term, version=0, primary=AWAY, issuer=LIAR))
                held.enter_context(world.held_up(AWAY))
            world.tell(HOME, replace(taken, term=term, version=0, primary=HOME, issuer=LIAR))
        assert {region: world.view(region)["primary"] for region in (HOME, AWAY)} == {HOME: HOME, AWAY: AWAY}
        assert deployment.wait_until(lambda: world.told_twice(HOME), seconds=60) == {world.key_id}, "the other one has shown it"
        time.sleep(3)  # they compare, many times
        assert {region: world.view(region)["primary"] for region in (HOME, AWAY)} == {HOME: HOME, AWAY: AWAY}

    for region in (HOME, AWAY):
        world.operate(region, "lost", LIAR, "--successor", HOME)
    world.operate(HOME, "takeover", LIAR)
    for region in (HOME, AWAY):
        world.operate(region, "found", LIAR)
    deployment.wait_until(lambda: world.row(AWAY)["told_lost"] != "[]", seconds=60)
    world.operate(AWAY, "rejoin", HOME)
    world.operate(HOME, "take-back", AWAY)
    deployment.wait_until(lambda: world.view(AWAY) == world.view(HOME), seconds=60)
    assert world.view(AWAY)["primary"] == HOME
    with deployment.client(HOME, "app") as app:
        blob = app.encrypt(key_id=world.key_id, plaintext=b"one set").ciphertext_blob
    with deployment.client(AWAY, "app") as app:
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"one set"
