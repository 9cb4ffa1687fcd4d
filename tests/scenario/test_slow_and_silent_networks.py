"""Regions whose network is slow, swallows what is sent, or that stand still for a while: nothing is lost, nobody serves something
old as new, and the set is one again within half a minute."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.network import Relay

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

HEALED_WITHIN = 30.0


@pytest.fixture
def relayed(own_regions: Deployment) -> Iterator[tuple[Deployment, dict[str, Relay]]]:
    """Two Regions that reach each other through relays, by the Region that is reached."""
    relays = {region: Relay(own_regions.place(region).peer_port) for region in own_regions.regions}
    for region, relay in relays.items():
        for other in own_regions.folder.places:
            text = other.settings.read_text()
            if other.region != region:
                own = own_regions.place(region).peer_port
                other.settings.write_text(text.replace(f'address = "127.0.0.1:{own}"', f'address = "127.0.0.1:{relay.port}"'))
    own_regions.start()
    yield own_regions, relays
    own_regions.stop_all()
    for relay in relays.values():
        relay.close()


def replicated(deployment: Deployment) -> str:
    with deployment.client() as alice:
        key_id: str = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED, HEALED_WITHIN)
    return key_id


def current(deployment: Deployment, region: str, key_id: str) -> str:
    with deployment.client(region) as client:
        return str(client.describe_key(key_id=key_id).key_metadata.current_key_material_id)


def opens(deployment: Deployment, blobs: dict[str, bytes]) -> None:
    for region in deployment.regions:
        with deployment.client(region, "app") as app:
            for made_in, blob in blobs.items():
                assert app.decrypt(ciphertext_blob=blob).plaintext == made_in.encode()


def encrypted(deployment: Deployment, key_id: str) -> dict[str, bytes]:
    made = {}
    for region in deployment.regions:
        with deployment.client(region, "app") as app:
            made[region] = app.encrypt(key_id=key_id, plaintext=region.encode()).ciphertext_blob
    return made


def test_a_slow_network_delays_and_loses_nothing(relayed: tuple[Deployment, dict[str, Relay]]) -> None:
    deployment, relays = relayed
    for relay in relays.values():
        relay.delay = 0.4
    key_id = replicated(deployment)
    before = current(deployment, HOME, key_id)
    blobs = encrypted(deployment, key_id)
    with deployment.client() as home:
        home.rotate_key_on_demand(key_id=key_id)
        deployment.wait_until(lambda: current(deployment, HOME, key_id) != before, HEALED_WITHIN)
        home.update_primary_region(key_id=key_id, primary_region=AWAY)
    deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED, HEALED_WITHIN)
    deployment.wait_for_state(HOME, key_id, t.KEY_STATE_ENABLED, HEALED_WITHIN)
    assert current(deployment, AWAY, key_id) == current(deployment, HOME, key_id)
    opens(deployment, blobs | {f"{name}": blob for name, blob in encrypted(deployment, key_id).items()})


def test_a_silent_network_delays_the_switch_until_it_heals(relayed: tuple[Deployment, dict[str, Relay]]) -> None:
    deployment, relays = relayed
    key_id = replicated(deployment)
    before = current(deployment, HOME, key_id)
    for relay in relays.values():
        relay.is_cut = True
    with deployment.client() as home:
        home.rotate_key_on_demand(key_id=key_id)
        with pytest.raises(errors.DependencyTimeoutException):
            home.update_primary_region(key_id=key_id, primary_region=AWAY)
    blobs = encrypted(deployment, key_id)  # both Regions serve all the while
    assert {current(deployment, region, key_id) for region in deployment.regions} == {before}
    for relay in relays.values():
        relay.is_cut = False
    deployment.wait_until(lambda: current(deployment, HOME, key_id) != before, HEALED_WITHIN)
    deployment.wait_until(lambda: current(deployment, AWAY, key_id) == current(deployment, HOME, key_id), HEALED_WITHIN)
    opens(deployment, blobs)


def test_a_region_that_stood_still_catches_up(own_regions: Deployment) -> None:
    own_regions.start()
    key_id = replicated(own_regions)
    before = current(own_regions, HOME, key_id)
    blobs = encrypted(own_regions, key_id)
    process = own_regions.processes[AWAY]
    process.send_signal(signal.SIGSTOP)
    try:
        with own_regions.client() as home:
            home.rotate_key_on_demand(key_id=key_id)
            with pytest.raises(errors.DependencyTimeoutException):
                home.update_primary_region(key_id=key_id, primary_region=AWAY)
            assert current(own_regions, HOME, key_id) == before, "nobody switches before every member has the material"
    finally:
        process.send_signal(signal.SIGCONT)
    own_regions.wait_until(lambda: current(own_regions, HOME, key_id) != before, HEALED_WITHIN)
    own_regions.wait_until(lambda: current(own_regions, AWAY, key_id) == current(own_regions, HOME, key_id), HEALED_WITHIN)
    opens(own_regions, blobs)


def test_a_client_leaves_a_connection_that_lost_its_way_within_the_time_of_a_call(two_regions: Deployment) -> None:
    """It looks alive, and the system would keep it for a quarter of an hour."""
    relay = Relay(two_regions.place(HOME).grpc_port)
    try:
        with Client(replace(two_regions.endpoint(HOME, "developer"), target=f"127.0.0.1:{relay.port}")) as client:
            client.generate_random(number_of_bytes=8)
            relay.strand()
            assert client.generate_random(number_of_bytes=8, timeout=15.0).plaintext
    finally:
        relay.close()
