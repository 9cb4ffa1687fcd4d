"""A Region whose database is PostgreSQL, related to one on SQLite: callers see no difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.databases import new_database
from tests.deployment import AWAY, HOME, Deployment

from meridian.administration.database import initialise
from meridian.client import errors
from meridian.kms.v1 import types_pb2 as t
from meridian.settings import load_settings


@pytest.fixture
def regions(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("mixed"), [HOME, AWAY]).prepare()
    url = asyncio.run(new_database(postgresql_server))
    settings = deployment.place(AWAY).settings
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(f'database = "{url}"' if line.startswith("database") else line for line in lines))
    before = deployment.place(HOME).settings.read_text()
    fingerprint = asyncio.run(initialise(load_settings(settings)))
    line = next(line for line in before.splitlines() if line.startswith("transport_fingerprint"))
    deployment.place(HOME).settings.write_text(before.replace(line, f'transport_fingerprint = "{fingerprint}"'))
    with deployment.serving():
        yield deployment


def test_a_key_is_replicated_to_it_and_survives_its_restart(regions: Deployment) -> None:
    with regions.client() as alice, regions.client(HOME, "app") as app:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY, description="on PostgreSQL")
        regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        blob = app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
    assert regions.stop(AWAY) == 0
    regions.start(AWAY)
    with regions.client(AWAY) as alice, regions.client(AWAY, "app") as app:
        assert alice.describe_key(key_id=key_id).key_metadata.description == "on PostgreSQL"
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
        single = alice.create_key().key_metadata.key_id
        assert [k.key_id for k in alice.list_keys().keys] == sorted([key_id, single])
        alice.disable_key(key_id=key_id)
        with pytest.raises(errors.DisabledException):
            app.decrypt(ciphertext_blob=blob)
