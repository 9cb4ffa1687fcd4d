"""What a Region writes, searched for what it must not contain."""

from __future__ import annotations

import base64
import sqlite3

import pytest
from tests.cache_memory import cache_memory
from tests.deployment import AWAY, HOME, Deployment
from tests.reported_events import ReportedEvents

from meridian.client import errors
from meridian.kms.v1 import types_pb2 as t

CANARY = b"canary-7f3a9c51-do-not-write-me"


def test_plaintexts_data_keys_and_tokens_are_in_no_file(own_regions: Deployment) -> None:
    own_regions.start()
    token = (own_regions.root / "clients" / "alice.token").read_text().strip()
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        own_regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
        blob = app.encrypt(key_id=key_id, plaintext=CANARY).ciphertext_blob
        app.decrypt(ciphertext_blob=blob)
        data_key = app.generate_data_key(key_id=key_id, number_of_bytes=32).plaintext
        random = app.generate_random(number_of_bytes=32).plaintext
        with pytest.raises(errors.ValidationException):
            app.encrypt(key_id=key_id, plaintext=CANARY * 200)
        with pytest.raises(errors.InvalidCiphertextException):
            app.decrypt(ciphertext_blob=CANARY)
    from meridian.client import Client

    with Client(own_regions.endpoint(HOME, "transport", token)) as alice:
        alice.list_keys()
    for region in (HOME, AWAY):
        assert own_regions.stop(region) == 0
    searched = 0
    for path in own_regions.root.rglob("*"):
        if not path.is_file() or path.parent.name == "clients":
            continue
        data = path.read_bytes()
        searched += 1
        for secret in (CANARY, data_key, random, token.encode()):
            for form in (secret, base64.b64encode(secret), secret.hex().encode()):
                assert form not in data, path
    assert searched > 10


def test_the_database_alone_holds_no_readable_material(own_regions: Deployment) -> None:
    """The seal opens a row; nothing that is stored equals what it opens to."""
    from meridian.adapters.clock_system import SystemClock
    from meridian.adapters.entropy_os import OsEntropy
    from meridian.adapters.store_sql.store import SqlStore
    from meridian.bootstrap.database import seals_of
    from meridian.engine.engine import EngineSurroundings, open_engine
    from meridian.settings import load_settings

    own_regions.start(HOME)
    with own_regions.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
    own_regions.stop(HOME)
    settings = load_settings(own_regions.place(HOME).settings)

    async def material() -> bytes:
        store = SqlStore.connect(settings.database)
        async with store.reading() as uow:
            identity = await uow.region.identity()
            key = await uow.keys.find("111122223333", key_id)
        assert identity is not None
        assert key is not None
        engine = await open_engine(
            store, identity, seals_of(settings), EngineSurroundings(SystemClock(), OsEntropy(), ReportedEvents(), cache_memory())
        )
        await store.close()
        return engine.symmetric_keys.material_bytes(key, key.materials[0])

    import asyncio

    secret = asyncio.run(material())
    connection = sqlite3.connect(settings.database.removeprefix("sqlite:///"))
    dump = "\n".join(connection.iterdump()).lower()
    connection.close()
    seal = (own_regions.place(HOME).folder / "seal").read_bytes()
    assert len(secret) == 32
    for at in range(0, 32, 8):
        assert secret[at : at + 8].hex() not in dump
        assert seal[at : at + 8].hex() not in dump
