"""A Region of another partition is no place for a replica: who asks for one there is told, and nothing has changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.deployment import AWAY, DATABASE, HOME, Deployment

from meridian.administration.database import initialise
from meridian.client.errors import ValidationException
from meridian.settings import load_settings


def of_another_partition(regions: Deployment, region: str) -> None:
    """Make this Region anew, as one of China's."""
    place = regions.place(region)
    (place.folder / DATABASE).unlink()
    place.settings.write_text('partition = "aws-cn"\n' + place.settings.read_text())
    asyncio.run(initialise(load_settings(place.settings)))


def test_a_key_is_not_replicated_into_another_partition(tmp_path: Path) -> None:
    regions = Deployment(tmp_path, [HOME, AWAY]).prepare()
    of_another_partition(regions, AWAY)
    try:
        for region in (HOME, AWAY):
            regions.start(region)
        with regions.client() as alice:
            before = alice.create_key(multi_region=True).key_metadata
            with pytest.raises(ValidationException, match="differ in their partition"):
                alice.replicate_key(key_id=before.key_id, replica_region=AWAY)
            assert alice.describe_key(key_id=before.key_id).key_metadata == before
        refused = [each for each in regions.events_of(HOME, before.arn) if each["eventName"] == "ReplicateKey"]
        assert [each["errorCode"] for each in refused] == ["ValidationException"]
    finally:
        regions.stop_all()
