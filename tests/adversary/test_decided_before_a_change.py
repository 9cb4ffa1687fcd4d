"""A change that is made after a revocation is not made by a decision from before it, however long its call has waited in between.

The calls wait because the test holds the database's one writer, as another process of the Region would; with that it takes the permission
away, and lets them go on.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from tests.conformance.good_requests import Things
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client
from meridian.client.errors import AccessDeniedException, KmsServiceError
from meridian.contract.catalog import Rpc, served_rpcs
from meridian.kms.v1 import types_pb2 as t

FORBID = 'forbid (principal == KMS::User::"111122223333/developer", action, resource);'
CHANGES = [rpc for rpc in served_rpcs().values() if rpc.takes_token or rpc.name == "GetParametersForImport"]
OF_NO_KEY = {"CreateKey", *(f"{verb}CustomKeyStore" for verb in ("Create", "Update", "Connect", "Disconnect", "Delete"))}
"""Their permission is on the account, and so in the policy files, or on a key that is not there yet."""
ON_KEYS = [pytest.param(rpc, id=rpc.name) for rpc in CHANGES if rpc.name not in OF_NO_KEY]
WAIT_SECONDS = 0.8
FEED = "insert into changes (account, key_id) select account, key_id from keys"


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    deployment = Deployment(tmp_path_factory.mktemp("decided"), [HOME, AWAY]).prepare()
    try:
        deployment.start()
        yield Things(deployment, tmp_path_factory.mktemp("things"))
    finally:
        deployment.stop_all()


@contextmanager
def writer(things: Things) -> Iterator[sqlite3.Connection]:
    """The one writer of the Region's database. What was written is committed at the end."""
    database = sqlite3.connect(things.deployment.place(HOME).folder / "region.sqlite3", timeout=20, isolation_level=None)
    try:
        database.execute("begin immediate")
        yield database
        database.execute(FEED)
        database.execute("commit")
    finally:
        database.close()


def answer_of(client: Client, rpc: Rpc, request: Any, told: list[str]) -> None:
    try:
        client.call(rpc, request, timeout=20)
        told.append("done")
    except KmsServiceError as error:
        told.append(error.code)


def answered_after(things: Things, client: Client, rpc: Rpc, request: Any, statement: str, *values: str) -> str:
    """What the call is answered whose permission ends by this statement while it waits to write."""
    told: list[str] = []
    call = threading.Thread(target=answer_of, args=(client, rpc, request, told))
    with writer(things) as database:
        call.start()
        time.sleep(WAIT_SECONDS)
        assert told == [], "the call did not wait to write"
        assert database.execute(statement, values).rowcount >= 1
    call.join(30)
    return told[0]


def is_allowed(client: Client, key_id: str) -> bool:
    try:
        client.describe_key(key_id=key_id)
    except AccessDeniedException:
        return False
    return True


@pytest.mark.parametrize("rpc", ON_KEYS)
def test_a_policy_that_forbids_it_counts_for_a_change_that_waits(things: Things, rpc: Rpc) -> None:
    request = rpc.request_class(**things.good(rpc.name, things.related if rpc.name == "UpdatePrimaryRegion" else ""))
    changed = "update keys set policy = ?, version = version + 1"
    try:
        assert answered_after(things, things.client, rpc, request, changed, FORBID) == AccessDeniedException.__name__
    finally:
        with writer(things) as database:
            database.execute(changed, ("",))
            keys = [key_id for (key_id,) in database.execute("select key_id from keys")]
        for key_id in keys:
            things.deployment.wait_until(partial(is_allowed, things.client, key_id))


def test_a_grant_that_has_ended_admits_no_change_that_waits(things: Things) -> None:
    app = "arn:aws:iam::111122223333:service/app"
    key_id = things.client.create_key().key_metadata.key_id
    allowed = [t.GRANT_OPERATION_CREATE_GRANT, t.GRANT_OPERATION_ENCRYPT]
    granted = things.client.create_grant(key_id=key_id, grantee_principal=app, operations=allowed)
    rpc = served_rpcs()["CreateGrant"]
    request = rpc.request_class(key_id=key_id, grantee_principal=app, operations=[t.GRANT_OPERATION_ENCRYPT])
    with things.deployment.client(HOME, "app") as client:
        client.call(rpc, request)
        ended = answered_after(things, client, rpc, request, "delete from grants where grant_id = ?", granted.grant_id)
    assert ended == AccessDeniedException.__name__
    assert len(things.client.list_grants(key_id=key_id).grants) == 1


def test_a_key_that_is_gone_meanwhile_is_answered_as_one_that_never_was(things: Things) -> None:
    key_id = things.client.create_key().key_metadata.key_id
    rpc = served_rpcs()["TagResource"]
    request = rpc.request_class(key_id=key_id, tags=[t.Tag(tag_key="k", tag_value="v")])
    assert answered_after(things, things.client, rpc, request, "delete from keys where key_id = ?", key_id) == "NotFoundException"


def test_a_change_that_alters_no_decision_is_waited_for_and_both_are_made(things: Things) -> None:
    key_id = things.client.create_key().key_metadata.key_id
    rpc = served_rpcs()["TagResource"]
    request = rpc.request_class(key_id=key_id, tags=[t.Tag(tag_key="k", tag_value="v")])
    changed = "update keys set description = 'by another', version = version + 1 where key_id = ?"
    assert answered_after(things, things.client, rpc, request, changed, key_id) == "done"
    assert things.client.describe_key(key_id=key_id).key_metadata.description == "by another"
    assert [tag.tag_value for tag in things.client.list_resource_tags(key_id=key_id).tags] == ["v"]


def test_a_call_whose_key_changes_is_decided_anew_and_made(things: Things) -> None:
    key_id = things.client.create_key().key_metadata.key_id
    rpc = served_rpcs()["UpdateKeyDescription"]
    request = rpc.request_class(key_id=key_id, description="mine")
    changed = "update keys set policy = 'permit (principal, action, resource);', version = version + 1 where key_id = ?"
    assert answered_after(things, things.client, rpc, request, changed, key_id) == "done"
    assert things.client.describe_key(key_id=key_id).key_metadata.description == "mine"
