"""The client's helpers on real Regions: a replica is waited for, another Region opens what the nearest cannot, a rotation and a dry run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.ports import free_port

from meridian.client import AsyncClient, Client, Endpoint, OneOfSeveral, dry_run, errors
from meridian.client.async_envelope import AsyncEnvelope
from meridian.client.envelope import Envelope
from meridian.client.region_clients import AsyncRegions, Regions

CONTEXT = {"tenant": "a"}
SECONDS = 60.0


@pytest.fixture
def developer(two_regions: Deployment) -> Iterator[Client]:
    with two_regions.client(HOME, "developer") as client:
        yield client


def one_of_several(endpoint: Endpoint, target: str) -> OneOfSeveral:
    """The same caller, at this address."""
    given = {each.name: getattr(endpoint, each.name) for each in fields(Endpoint) if each.init}
    return OneOfSeveral(**{**given, "target": target})


def test_a_related_key_opens_what_the_nearest_region_cannot(two_regions: Deployment, developer: Client, tmp_path: Path) -> None:
    key_id = developer.create_key(multi_region=True).key_metadata.key_id
    developer.replicate_key(key_id=key_id, replica_region=AWAY)
    endpoint = two_regions.endpoint(AWAY, "developer")
    with two_regions.client(AWAY, "developer") as away:
        away.wait_until_enabled(key_id=key_id, seconds=SECONDS)
    sealed = Envelope(developer, key_id).encrypt(b"secret", encryption_context=CONTEXT)
    nobody = f"127.0.0.1:{free_port()}"
    told: list[tuple[str, str]] = []
    with Client(one_of_several(endpoint, nobody)) as near, Client(one_of_several(endpoint, endpoint.target)) as far:
        regions = Regions({HOME: near, AWAY: far}, told=lambda *who: told.append(who))
        assert Envelope(regions, key_id).decrypt(sealed, encryption_context=CONTEXT) == b"secret"
        with pytest.raises(errors.EndpointConnectionError):
            Envelope(regions, key_id).encrypt(b"x", encryption_context=CONTEXT)
        elsewhere = Regions({HOME: near, AWAY: far}, told=lambda *who: told.append(who), seals_elsewhere=True)
        arn = f"arn:aws:kms:{HOME}:111122223333:key/{key_id}"
        source, target = tmp_path / "source", tmp_path / "sealed"
        source.write_bytes(bytes(3_000_000))
        Envelope(elsewhere, arn).encrypt_file(source, target, encryption_context=CONTEXT)
    assert told == [("Decrypt", AWAY), ("GenerateDataKey", AWAY)]
    assert Envelope(developer, key_id).decrypt(target.read_bytes(), encryption_context=CONTEXT) == source.read_bytes()

    async def asynchronously() -> bytes:
        async with AsyncClient(one_of_several(endpoint, nobody)) as near, AsyncClient(one_of_several(endpoint, endpoint.target)) as far:
            return await AsyncEnvelope(AsyncRegions({HOME: near, AWAY: far}), key_id).decrypt(sealed, encryption_context=CONTEXT)

    assert asyncio.run(asynchronously()) == b"secret"


def test_a_refusal_of_the_nearest_region_is_the_answer(two_regions: Deployment, developer: Client) -> None:
    key_id = developer.create_key(multi_region=True).key_metadata.key_id
    sealed = Envelope(developer, key_id).encrypt(b"secret", encryption_context=CONTEXT)
    told: list[tuple[str, str]] = []
    with two_regions.client(HOME, "auditor") as auditor:
        regions = Regions({HOME: auditor, AWAY: developer}, told=lambda *who: told.append(who))
        with pytest.raises(errors.AccessDeniedException):
            Envelope(regions, key_id).decrypt(sealed, encryption_context=CONTEXT)
    assert told == []


def test_a_rotation_is_waited_for_and_a_dry_run_tells_what_it_would_meet(two_regions: Deployment, developer: Client) -> None:
    before = developer.create_key().key_metadata
    assert dry_run(developer.encrypt, key_id=before.key_id, plaintext=b"x") is None
    developer.rotate_key_on_demand(key_id=before.key_id)
    after = developer.wait_until_rotated(key_id=before.key_id, material_before=before.current_key_material_id, seconds=SECONDS)
    assert after.current_key_material_id not in ("", before.current_key_material_id)
    with two_regions.client(HOME, "auditor") as auditor:
        assert isinstance(dry_run(auditor.encrypt, key_id=before.arn, plaintext=b"x"), errors.AccessDeniedException)
    developer.disable_key(key_id=before.key_id)
    assert isinstance(dry_run(developer.encrypt, key_id=before.key_id, plaintext=b"x"), errors.DisabledException)
