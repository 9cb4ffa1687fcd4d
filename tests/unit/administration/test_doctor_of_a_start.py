"""What keeps a Region from its next start: what could not be looked at is not called well."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from meridian.administration.doctor import RUNNING, _audit_directory
from meridian.administration.doctor_start import PEERS, _left, look_at_start
from meridian.administration.finding import AREAS, UNSEEN, verdicts
from meridian.cli.dev_folder import DevFolder, free_port
from meridian.settings import Settings, load_settings

HERE, THERE = "us-east-1", "eu-west-1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a Region that knows another."""
    folder = DevFolder(tmp_path, [HERE, THERE], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({HERE: "0" * 64, THERE: "1" * 64})
    return load_settings(next(place.settings for place in folder.places if place.region == HERE))


@pytest.mark.asyncio
async def test_regions_that_no_certificate_could_be_shown_to_are_not_looked_at(settings: Settings) -> None:
    assert settings.peers
    settings.grpc.tls.private_key.chmod(0o644)
    found, unseen = await look_at_start(settings, serves=True)
    assert [each.what for each in found] == ["identity files"]
    said = {each.what: each.verdict for each in verdicts(found, unseen)}
    assert said[PEERS] == UNSEEN


def test_areas_that_may_be_unseen_are_those_of_the_table() -> None:
    assert {PEERS, RUNNING} <= set(AREAS)


def test_a_file_in_place_of_the_audit_directory_is_told(settings: Settings) -> None:
    assert _audit_directory(settings) == [], "a new Region makes it"
    settings.audit.directory.write_text("no folder")
    (found,) = _audit_directory(settings)
    assert (found.what, found.why) == ("audit directory", "is a file, not a folder")


@pytest.mark.parametrize(
    ("left", "words"),
    [(timedelta(days=3, hours=12), "3.5 days"), (timedelta(hours=2), "120 minutes"), (timedelta(seconds=90), "2 minutes")],
)
def test_what_is_left_of_a_certificate_is_told_in_what_counts(left: timedelta, words: str) -> None:
    assert _left(left) == words
