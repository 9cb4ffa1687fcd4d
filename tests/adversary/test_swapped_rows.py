"""Whoever can write the database and moves wrapped rows opens nothing, and the operators hear of each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from tests.deployment import HOME, Deployment

from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(120)

ACCOUNT = "111122223333"


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("swapped"), [HOME]).prepare()
    with deployment.serving():
        yield deployment


def changed(region: Deployment, keys: list[str], *statements: tuple[str, tuple[Any, ...]]) -> None:
    """Change the database behind the Region's back, and tell it that the keys have changed."""
    with sqlite3.connect(region.place(HOME).folder / "region.sqlite3", timeout=20) as database:
        for statement, values in statements:
            assert database.execute(statement, values).rowcount == 1
        for key in keys:
            database.execute("insert into changes(account, key_id) values (?, ?)", (ACCOUNT, key))


def material_of(region: Deployment, key: str) -> tuple[str, bytes]:
    with sqlite3.connect(region.place(HOME).folder / "region.sqlite3", timeout=20) as database:
        found: tuple[str, bytes] = database.execute("select material_id, sealed_bytes from materials where key_id = ?", (key,)).fetchone()
    return found


def told(region: Deployment, subject: str) -> dict[str, Any]:
    """The event about this row, once it is in the audit log."""

    def found() -> dict[str, Any] | None:
        events = [r["serviceEventDetails"] for r in region.audit(HOME) if r["eventName"] == "WrappedRowUnreadable"]
        return next((details for details in events if details["subject"] == subject), None)

    event: dict[str, Any] = region.wait_until(found)
    return event


def is_refused(call: Callable[[], Any]) -> bool:
    """Whether the call fails inside; a cached key still works until the change is read."""
    try:
        call()
    except KmsServiceError as error:
        return bool(error.code == "KMSInternalException")
    return False


def test_swapped_materials_open_nowhere_and_are_told(region: Deployment) -> None:
    with region.client() as alice:
        one, other, third = (alice.create_key().key_metadata.key_id for _ in range(3))
    ids = {key: material_of(region, key) for key in (one, other, third)}
    put = "update materials set sealed_bytes = ? where key_id = ?"
    rename = "update materials set material_id = ?, sealed_bytes = ? where key_id = ?"
    changed(
        region,
        [one, other],
        (put, (ids[other][1], one)),
        (rename, (*ids[one], other)),
        ("update keys set current_material_id = ? where key_id = ?", (ids[one][0], other)),
    )
    with region.client(caller="app") as app:
        for key in (one, other):
            region.wait_until(partial(is_refused, partial(app.encrypt, key_id=key, plaintext=b"x")))
            details = told(region, f"{ACCOUNT}/{key}")
            assert details["kind"] == "key-material"
            assert details["row"] == ids[one][0]
        app.encrypt(key_id=third, plaintext=b"x")
    log = (region.place(HOME).folder / "log").read_text()
    assert "WrappedRowUnreadable" in log
    metrics = region.metrics(HOME)
    assert metrics['meridian_security_events_total{event="WrappedRowUnreadable"}'] >= 2
    assert not any(one in name or other in name for name in metrics)


def test_a_swapped_wrapping_key_of_an_import_is_told(region: Deployment) -> None:
    with region.client() as alice:
        key = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        given = alice.get_parameters_for_import(
            key_id=key,
            wrapping_algorithm=t.ALGORITHM_SPEC_RSAES_OAEP_SHA_256,
            wrapping_key_spec=t.WRAPPING_KEY_SPEC_RSA_2048,
        )
        changed(region, [key], ("update import_keys set sealed_bytes = ? where key_id = ?", (b"MW\x01\x01" + bytes(200), key)))
        with pytest.raises(KmsServiceError) as caught:
            alice.import_key_material(
                key_id=key,
                import_token=given.import_token,
                encrypted_key_material=bytes(256),
                expiration_model=t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
            )
    assert caught.value.code == "KMSInternalException"
    assert told(region, f"{ACCOUNT}/{key}")["kind"] == "import-key"
