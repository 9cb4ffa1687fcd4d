"""One Region as two processes on one PostgreSQL: what one of them changes acts on the other within a second, and work that comes by
time is done once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import HOME
from tests.openssl import bring, random_material
from tests.scenario.test_repeated_changes import at_once, token
from tests.twins import Twins, two_processes

from meridian.client import Client, errors
from meridian.kms.v1 import types_pb2 as t

A_SECOND = 1.0
KEYS = 6


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str) -> Iterator[Twins]:
    added = "limits.day_seconds = 0.05\nlimits.rotation_conflict_seconds = 0.0\n"
    with two_processes(tmp_path_factory.mktemp("twins"), postgresql_server, added, {}) as made:
        yield made


def refused(client: Client, error: type[Exception] | tuple[type[Exception], ...], **fields: Any) -> bool:
    try:
        client.encrypt(plaintext=b"x", **fields)
    except error:
        return True
    return False


def test_a_grant_token_works_at_every_process_at_once(twins: Twins) -> None:
    with twins.deployment.client(HOME, "developer") as developer, twins.second("auditor") as auditor:
        key_id = developer.create_key().key_metadata.arn
        for _ in range(5):
            assert refused(auditor, errors.AccessDeniedException, key_id=key_id)
            granted = developer.create_grant(
                key_id=key_id, grantee_principal="arn:aws:iam::111122223333:user/auditor", operations=[t.GRANT_OPERATION_ENCRYPT]
            )
            auditor.encrypt(key_id=key_id, plaintext=b"x", grant_tokens=[granted.grant_token])
            developer.revoke_grant(key_id=key_id, grant_id=granted.grant_id)
            twins.deployment.wait_until(lambda: refused(auditor, errors.AccessDeniedException, key_id=key_id), A_SECOND)


def test_a_disabled_key_is_disabled_everywhere_within_a_second(twins: Twins) -> None:
    with twins.deployment.client() as alice, twins.second("app") as app:
        key_id = alice.create_key().key_metadata.key_id
        app.encrypt(key_id=key_id, plaintext=b"x")
        alice.disable_key(key_id=key_id)
        twins.deployment.wait_until(lambda: refused(app, errors.DisabledException, key_id=key_id), A_SECOND)


def test_a_policy_acts_everywhere_within_a_second(twins: Twins) -> None:
    with twins.deployment.client() as alice, twins.second("app") as app:
        key_id = alice.create_key().key_metadata.key_id
        app.encrypt(key_id=key_id, plaintext=b"x")
        alice.put_key_policy(key_id=key_id, policy='forbid (principal, action == KMS::Action::"Encrypt", resource);')
        twins.deployment.wait_until(lambda: refused(app, errors.AccessDeniedException, key_id=key_id), A_SECOND)


def test_a_key_to_be_deleted_stops_everywhere_within_a_second(twins: Twins) -> None:
    with twins.deployment.client() as alice, twins.second("app") as app:
        key_id = alice.create_key().key_metadata.key_id
        app.encrypt(key_id=key_id, plaintext=b"x")
        alice.schedule_key_deletion(key_id=key_id)
        gone = (errors.KMSInvalidStateException, errors.NotFoundException)
        twins.deployment.wait_until(lambda: refused(app, gone, key_id=key_id), A_SECOND)


def test_an_import_token_works_at_every_process(twins: Twins, tmp_path: Path) -> None:
    with twins.deployment.client() as alice, twins.second("alice") as second, twins.second("app") as app:
        key_id = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata.key_id
        material = random_material()
        bring(alice, tmp_path, key_id, material)
        second.delete_imported_key_material(key_id=key_id)
        bring(second, tmp_path, key_id, material)
        app.encrypt(key_id=key_id, plaintext=b"x")


def rotations_of(alice: Client, arn: str) -> Any:
    return alice.list_key_rotations(key_id=arn).rotations


def test_work_that_comes_by_time_is_done_once(twins: Twins) -> None:
    with twins.deployment.client() as alice:
        arns = [alice.create_key().key_metadata.arn for _ in range(KEYS)]
        for arn in arns:
            alice.rotate_key_on_demand(key_id=arn)
        for arn in arns:
            twins.deployment.wait_until(partial(rotations_of, alice, arn))
            alice.schedule_key_deletion(key_id=arn)
        twins.deployment.wait_until(lambda: {r["resources"][0]["ARN"] for r in twins.events("DeleteKey")} >= set(arns))
    for name in ("RotateKey", "DeleteKey"):
        told = [(r["eventID"], r["resources"][0]["ARN"]) for r in twins.events(name) if r["resources"][0]["ARN"] in arns]
        by_event = dict(told)
        assert sorted(by_event.values()) == sorted(arns), f"{name}: once for each key"


@pytest.mark.parametrize("name", ["CreateKey", "DeleteAlias"])
def test_a_change_sent_to_both_processes_at_once_is_made_once(twins: Twins, name: str) -> None:
    with twins.deployment.client() as alice, twins.second("alice") as second:
        for _ in range(5):
            key_id, alias = alice.create_key().key_metadata.key_id, f"alias/twins/{token()}"
            alice.create_alias(alias_name=alias, target_key_id=key_id)
            fields = {"alias_name": alias} if name == "DeleteAlias" else {}
            got = at_once([alice, second, alice, second], name, token(), **fields)
            assert got == got[:1] * 4
            assert not isinstance(got[0], str)


def test_a_change_is_repeated_at_the_other_process(twins: Twins) -> None:
    given = token()
    with twins.deployment.client() as alice, twins.second("alice") as second:
        assert second.create_key(client_token=given) == alice.create_key(client_token=given)
        with pytest.raises(errors.ValidationException):
            second.create_key(client_token=given, description="other")
