"""Related keys with generated material: rotation of the set, a primary that moves, members that end."""

from __future__ import annotations

import signal

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

PRIMARY, REPLICA = t.MULTI_REGION_KEY_TYPE_PRIMARY, t.MULTI_REGION_KEY_TYPE_REPLICA


def related(deployment: Deployment) -> str:
    with deployment.client() as alice:
        key_id: str = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    return key_id


def role(client: Client, key_id: str) -> int:
    return int(client.describe_key(key_id=key_id).key_metadata.multi_region_configuration.multi_region_key_type)


def current(client: Client, key_id: str) -> str:
    return str(client.describe_key(key_id=key_id).key_metadata.current_key_material_id)


def test_a_set_rotates_as_one(two_regions: Deployment) -> None:
    key_id = related(two_regions)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        before = current(home, key_id)
        with two_regions.client(AWAY, "app") as app:
            old = app.encrypt(key_id=key_id, plaintext=b"old").ciphertext_blob
        with pytest.raises(errors.UnsupportedOperationException, match="not valid for RotateKeyOnDemand"):
            away.rotate_key_on_demand(key_id=key_id)
        home.rotate_key_on_demand(key_id=key_id)
        after = two_regions.wait_until(lambda: current(away, key_id) != before and current(away, key_id))
        assert current(home, key_id) == after
        listed = [client.list_key_rotations(key_id=key_id).rotations[0] for client in (home, away)]
        assert [(e.key_material_id, e.rotation_date.ToMicroseconds()) for e in listed] == [
            (after, listed[0].rotation_date.ToMicroseconds())
        ] * 2
    with two_regions.client(HOME, "app") as home, two_regions.client(AWAY, "app") as away:
        new = home.encrypt(key_id=key_id, plaintext=b"new").ciphertext_blob
        assert away.decrypt(ciphertext_blob=new).key_material_id == after
        assert home.decrypt(ciphertext_blob=old).key_material_id == before


def test_rotation_settings_are_the_primarys_and_shared(two_regions: Deployment) -> None:
    key_id = related(two_regions)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        for refused in (away.enable_key_rotation, away.disable_key_rotation):
            with pytest.raises(errors.UnsupportedOperationException, match="multi-region replica key"):
                refused(key_id=key_id)
        home.enable_key_rotation(key_id=key_id, rotation_period_in_days=180)
        two_regions.wait_until(lambda: away.get_key_rotation_status(key_id=key_id).key_rotation_enabled)
        at_home, at_away = (each.get_key_rotation_status(key_id=key_id) for each in (home, away))
        assert at_away.rotation_period_in_days == 180
        assert at_home.next_rotation_date == at_away.next_rotation_date
        home.disable_key_rotation(key_id=key_id)
        two_regions.wait_until(lambda: not away.get_key_rotation_status(key_id=key_id).key_rotation_enabled)


@pytest.mark.deep
def test_a_region_cut_off_delays_the_switch_and_everyone_stays(own_regions: Deployment) -> None:
    own_regions.start()
    key_id = related(own_regions)
    own_regions.stop(AWAY)
    with own_regions.client() as home:
        before = current(home, key_id)
        home.rotate_key_on_demand(key_id=key_id)
        listed = own_regions.wait_until(
            lambda: home.list_key_rotations(key_id=key_id, include_key_material=t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL).rotations[1:]
        )
        assert listed[0].key_material_state == t.KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION
        with own_regions.client(caller="app") as app:
            blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
            assert app.decrypt(ciphertext_blob=blob).key_material_id == before == current(home, key_id)
        own_regions.start(AWAY)
        own_regions.wait_until(lambda: current(home, key_id) != before)
        with own_regions.client(AWAY) as away:
            own_regions.wait_until(lambda: current(away, key_id) == current(home, key_id))


def test_the_primary_moves_and_back(two_regions: Deployment) -> None:
    key_id = related(two_regions)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        with pytest.raises(errors.KMSInvalidStateException, match="is not a multi-Region primary key"):
            away.update_primary_region(key_id=key_id, primary_region=HOME)
        home.update_primary_region(key_id=key_id, primary_region=AWAY)
        two_regions.wait_until(lambda: role(home, key_id) == REPLICA)
        two_regions.wait_until(lambda: role(away, key_id) == PRIMARY)
        for region in (HOME, AWAY):
            two_regions.wait_for_state(region, key_id, t.KEY_STATE_ENABLED)
        with pytest.raises(errors.UnsupportedOperationException):
            home.enable_key_rotation(key_id=key_id)
        before = current(home, key_id)
        away.rotate_key_on_demand(key_id=key_id)
        two_regions.wait_until(lambda: current(home, key_id) != before)
        away.update_primary_region(key_id=key_id, primary_region=HOME)
        two_regions.wait_until(lambda: role(home, key_id) == PRIMARY and role(away, key_id) == REPLICA)
        for region in (HOME, AWAY):
            two_regions.wait_for_state(region, key_id, t.KEY_STATE_ENABLED)
    arn = f"arn:aws:kms:{AWAY}:111122223333:key/{key_id}"
    at_home = [r for r in two_regions.events_of(HOME, arn.replace(AWAY, HOME)) if r["eventName"] == "UpdatePrimaryRegion"]
    at_away = [r for r in two_regions.events_of(AWAY, arn) if r["eventName"] == "UpdatePrimaryRegion"]
    assert {r["requestID"] for r in at_home} & {r["requestID"] for r in at_away}


def test_cryptography_goes_on_while_the_primary_moves(two_regions: Deployment) -> None:
    key_id = related(two_regions)
    with two_regions.client() as alice, two_regions.client(caller="app") as home, two_regions.client(AWAY, "app") as away:
        blob = home.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
        for target, client in ((AWAY, alice), (HOME, None)):
            if client is None:
                with two_regions.client(AWAY) as mover:
                    mover.update_primary_region(key_id=key_id, primary_region=target)
            else:
                client.update_primary_region(key_id=key_id, primary_region=target)
            for _ in range(50):
                assert home.decrypt(ciphertext_blob=blob).plaintext == b"x"
                assert away.decrypt(ciphertext_blob=blob).plaintext == b"x"
            for region in (HOME, AWAY):
                two_regions.wait_for_state(region, key_id, t.KEY_STATE_ENABLED)


def test_a_region_without_a_replica_cannot_become_primary(two_regions: Deployment) -> None:
    with two_regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        with pytest.raises(errors.ValidationException, match="does not have a replica key in the specified Region"):
            alice.update_primary_region(key_id=key_id, primary_region=AWAY)
        alice.update_primary_region(key_id=key_id, primary_region=HOME)  # where it is already
        assert alice.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED


def test_a_disabled_replica_cannot_become_primary_and_nothing_changes(two_regions: Deployment) -> None:
    key_id = related(two_regions)
    with two_regions.client() as home, two_regions.client(AWAY) as away:
        away.disable_key(key_id=key_id)
        with pytest.raises(errors.DisabledException, match=AWAY):
            home.update_primary_region(key_id=key_id, primary_region=AWAY)
        assert role(home, key_id) == PRIMARY
        assert home.describe_key(key_id=key_id).key_metadata.key_state == t.KEY_STATE_ENABLED


@pytest.mark.deep
def test_updating_ends_by_itself_and_the_local_switch_works(own_regions: Deployment) -> None:
    for place in own_regions.folder.places:
        place.settings.write_text("limits.updating_seconds = 2.0\n" + place.settings.read_text())
    own_regions.start(HOME)
    own_regions.start(AWAY, environment={"MERIDIAN_TEST_KILL_AT": "handover.take_before_commit"})
    key_id = related(own_regions)
    with own_regions.client() as home:
        home.update_primary_region(key_id=key_id, primary_region=AWAY)
        assert own_regions.wait_dead(AWAY) == -signal.SIGKILL
        with pytest.raises(errors.KMSInvalidStateException, match="is updating"):
            home.disable_key(key_id=key_id)
        own_regions.wait_for_state(HOME, key_id, t.KEY_STATE_ENABLED)
        home.disable_key(key_id=key_id)
        own_regions.start(AWAY)
        with own_regions.client(AWAY) as away:
            own_regions.wait_until(lambda: role(away, key_id) == PRIMARY)
            own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        assert role(home, key_id) == REPLICA


def test_a_primary_waits_for_its_replicas_to_end(short_days: Deployment) -> None:
    key_id = related(short_days)
    with short_days.client() as home, short_days.client(AWAY) as away:
        scheduled = home.schedule_key_deletion(key_id=key_id, pending_window_in_days=30)
        assert scheduled.key_state == t.KEY_STATE_PENDING_REPLICA_DELETION
        assert not scheduled.HasField("deletion_date")
        assert home.describe_key(key_id=key_id).key_metadata.pending_deletion_window_in_days == 30
        with short_days.client(AWAY, "app") as app:
            blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
            assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
        answer = away.schedule_key_deletion(key_id=key_id)
        assert answer.key_state == t.KEY_STATE_PENDING_DELETION
        assert answer.HasField("deletion_date")
        pending = short_days.wait_for_state(HOME, key_id, t.KEY_STATE_PENDING_DELETION)
        assert pending.HasField("deletion_date")
        assert not pending.multi_region_configuration.replica_keys
        with pytest.raises(errors.NotFoundException):
            away.describe_key(key_id=key_id)
        home.cancel_key_deletion(key_id=key_id)
        home.enable_key(key_id=key_id)
        # What was encrypted before opens again after the key is replicated anew.
        home.replicate_key(key_id=key_id, replica_region=AWAY)
        short_days.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        with short_days.client(AWAY, "app") as app:
            assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
    assert short_days.wait_for_event(AWAY, "DeleteKey", answer.key_id)["eventType"] == "AwsServiceEvent"


@pytest.mark.deep
def test_a_replica_that_ends_before_it_has_its_material_is_struck(own_regions: Deployment) -> None:
    own_regions.place(AWAY).settings.write_text("limits.day_seconds = 0.05\n" + own_regions.place(AWAY).settings.read_text())
    own_regions.start(HOME, environment={"MERIDIAN_TEST_KILL_AT": "replicate_key.envelope_sealed"})
    own_regions.start(AWAY)
    with own_regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    assert own_regions.wait_dead(HOME) == -signal.SIGKILL
    with own_regions.client(AWAY) as away:
        away.schedule_key_deletion(key_id=key_id)
        own_regions.wait_for_event(AWAY, "DeleteKey", f"arn:aws:kms:{AWAY}:111122223333:key/{key_id}")
    own_regions.start(HOME)
    with own_regions.client() as alice:

        def replicas() -> list[str]:
            metadata = alice.describe_key(key_id=key_id).key_metadata
            return [replica.region for replica in metadata.multi_region_configuration.replica_keys]

        own_regions.wait_until(lambda: not replicas())
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    metrics = own_regions.metrics(HOME)
    assert metrics["meridian_outbox_deliveries_total"] >= 1
