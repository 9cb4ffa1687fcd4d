"""A change that is sent again under its token is made once, and each time answered as the first time."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.good_requests import Things, proxy
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client, errors
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import is_secret, message_of, rpcs, served_rpcs
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.fault_points import VARIABLE, FaultPoint
from meridian.kms.v1 import types_pb2 as t

CHANGES = sorted(name for name, rpc in served_rpcs().items() if not rpc.read_only)


def token() -> str:
    return secrets.token_hex(16)


def events(deployment: Deployment, name: str) -> list[dict[str, Any]]:
    """Records of the caller's own calls of this name that were not refused."""
    return [r for r in deployment.audit(HOME) if r["eventName"] == name and "errorCode" not in r and r["eventType"] == "AwsApiCall"]


def repeats(deployment: Deployment, name: str) -> list[dict[str, Any]]:
    return [r for r in events(deployment, name) if "repeatOf" in (r["additionalEventData"] or {})]


def stored(deployment: Deployment) -> list[tuple[Any, ...]]:
    with sqlite3.connect(deployment.place(HOME).folder / "region.sqlite3", timeout=20) as database:
        rows = database.execute("select token, operation, answer from answers order by number").fetchall()
    database.close()
    return rows


@pytest.fixture(scope="module")
def things(two_regions: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Things:
    return Things(two_regions, tmp_path_factory.mktemp("things"))


def secret_fields(message: Any) -> list[str]:
    own = [field.full_name for field in message.fields if is_secret(field)]
    return own + [name for field in message.fields if field.message_type is not None for name in secret_fields(message_of(field))]


def test_every_operation_that_changes_something_takes_a_token_and_answers_no_key_material() -> None:
    assert [name for name, rpc in sorted(served_rpcs().items()) if rpc.takes_token] == CHANGES
    found = [field for name in CHANGES for field in secret_fields(served_rpcs()[name].response_class.DESCRIPTOR)]
    assert found == ["meridian.kms.v1.CreateGrantResponse.grant_token"], "which serves the grantee alone"
    assert secret_fields(rpcs()["GenerateDataKey"].response_class.DESCRIPTOR)


def fields_of(deployment: Deployment, things: Things, name: str) -> dict[str, Any]:
    """A good request on things of its own, as some changes end what they work on."""
    client, key = things.client, things.key("symmetric")
    if name == "UpdatePrimaryRegion":
        deployment.wait_for_state(AWAY, things.related.rpartition("/")[2], t.KEY_STATE_ENABLED)
        return {"key_id": things.related, "primary_region": AWAY}
    if name == "DeleteImportedKeyMaterial":
        fields = things.import_fields
        if client.describe_key(key_id=fields["key_id"]).key_metadata.key_state != t.KEY_STATE_ENABLED:
            client.import_key_material(**fields)
        return {"key_id": fields["key_id"]}
    if name in ("ScheduleKeyDeletion", "DisableKey"):
        return {"key_id": things.key("symmetric", number=7)}
    if name in ("RetireGrant", "RevokeGrant"):
        return {"key_id": key, "grant_id": grant(deployment, key)}
    if name == "DeleteAlias":
        client.create_alias(alias_name=f"alias/ending/{token()}", target_key_id=key)
        return {"alias_name": client.list_aliases(key_id=key).aliases[0].alias_name}
    if name == "DeleteCustomKeyStore":
        return {"custom_key_store_id": client.create_custom_key_store(**proxy()).custom_key_store_id}
    return things.good(name)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_made_once_however_often_it_is_sent(two_regions: Deployment, things: Things, name: str) -> None:
    rpc, given = served_rpcs()[name], token()
    request = rpc.request_class(**fields_of(two_regions, things, name))
    before = len(events(two_regions, name))
    answers = [things.client.call(rpc, request, None, given) for _ in range(3)]
    assert answers[1:] == answers[:1] * 2
    first, *again = events(two_regions, name)[before:]
    assert "repeatOf" not in (first["additionalEventData"] or {})
    assert [r["additionalEventData"] for r in again] == [{"repeatOf": first["requestID"]}] * 2
    assert all(r["meridian"]["decisions"] == [] and r["responseElements"] is None for r in again)
    assert [row[2] for row in stored(two_regions) if row[:2] == (given, name)] == [answers[0].SerializeToString()]


def test_the_answer_stays_what_it_was_whatever_becomes_of_the_key(two_regions: Deployment) -> None:
    given = token()
    with two_regions.client() as alice:
        made = alice.create_key(client_token=given, description="first")
        alice.update_key_description(key_id=made.key_metadata.key_id, description="second")
        assert alice.create_key(client_token=given, description="first") == made
        assert alice.describe_key(key_id=made.key_metadata.key_id).key_metadata.description == "second"


def test_a_token_of_another_request_is_refused_by_its_name(two_regions: Deployment) -> None:
    given = token()
    with two_regions.client() as alice:
        key_id = alice.create_key(client_token=given).key_metadata.key_id
        requests: list[Callable[[], Any]] = [
            lambda: alice.create_key(client_token=given, description="x"),
            lambda: alice.disable_key(key_id=key_id, client_token=given),
        ]
        for other in requests:
            with pytest.raises(errors.ValidationException) as refused:
                other()
            assert refused.value.fields == ((CLIENT_TOKEN, "was used for another request"),)
        assert alice.describe_key(key_id=key_id).key_metadata.enabled


def test_a_token_is_its_callers_alone(two_regions: Deployment) -> None:
    given = token()
    made = []
    for caller in ("alice", "developer", "bob"):
        with two_regions.client(HOME, caller) as client:
            made.append(client.create_key(client_token=given).key_metadata)
    assert len({each.key_id for each in made}) == 3
    with two_regions.client(AWAY) as there:
        assert there.create_key(client_token=given).key_metadata.key_id not in {each.key_id for each in made}
    with two_regions.client(HOME, "app") as app, pytest.raises(errors.AccessDeniedException):
        app.create_key(client_token=given)


@pytest.mark.parametrize("given", ["x" * 65, "two words"])
def test_a_token_of_the_wrong_form_is_refused_by_its_name(two_regions: Deployment, given: str) -> None:
    with two_regions.client() as alice, pytest.raises(errors.ValidationException) as refused:
        alice.create_key(client_token=given)
    assert [field for field, _ in refused.value.fields] == [CLIENT_TOKEN]


def test_reads_take_no_notice_of_a_token(two_regions: Deployment) -> None:
    rpc = rpcs()["GenerateDataKey"]
    with two_regions.client(HOME, "developer") as developer:
        key_id = developer.create_key().key_metadata.arn
        method = developer._channel.unary_unary(
            rpc.path, request_serializer=rpc.request_class.SerializeToString, response_deserializer=rpc.response_class.FromString
        )
        request, metadata = rpc.request_class(key_id=key_id, number_of_bytes=32), ((CLIENT_TOKEN, "no form at all"),)
        made: list[Any] = [method(request, metadata=metadata, timeout=5) for _ in range(2)]
    assert made[0].plaintext != made[1].plaintext
    assert not [row for row in stored(two_regions) if row[1] == "GenerateDataKey"]


def test_a_refusal_is_not_remembered(two_regions: Deployment) -> None:
    given, alias = token(), f"alias/repeated/{token()}"
    with two_regions.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
        with pytest.raises(errors.DryRunOperationException):
            alice.revoke_grant(key_id=key_id, grant_id=grant(two_regions, key_id), dry_run=True, client_token=given)
        with pytest.raises(errors.NotFoundException):
            alice.delete_alias(alias_name=alias, client_token=given)
        assert not [row for row in stored(two_regions) if row[0] == given]
        for _ in range(2):
            alice.create_alias(alias_name=alias, target_key_id=key_id, client_token=given)


def grant(deployment: Deployment, key_id: str) -> str:
    with deployment.client(HOME, "developer") as developer:
        made = developer.create_grant(
            key_id=key_id, grantee_principal="arn:aws:iam::111122223333:user/app", operations=[t.GRANT_OPERATION_DESCRIBE_KEY]
        )
    return str(made.grant_id)


def at_once(clients: list[Client], name: str, given: str, **fields: Any) -> list[Any]:
    """What each got for the same call, sent by all at one moment: the answer, or the name of the error."""
    rpc, ready = rpcs()[name], threading.Barrier(len(clients))
    got: list[Any] = [None] * len(clients)

    def call(at: int) -> None:
        ready.wait()
        try:
            got[at] = clients[at].call(rpc, rpc.request_class(**fields), None, given)
        except KmsServiceError as error:
            got[at] = error.code

    threads = [threading.Thread(target=call, args=(at,)) for at in range(len(clients))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return got


@pytest.mark.parametrize("name", ["CreateKey", "CreateAlias", "DeleteAlias", "ScheduleKeyDeletion"])
def test_of_calls_at_once_one_makes_the_change_and_all_have_its_answer(two_regions: Deployment, name: str) -> None:
    with two_regions.client() as alice, two_regions.client() as other:
        for _ in range(5):
            key_id, alias = alice.create_key().key_metadata.key_id, f"alias/repeated/{token()}"
            if name == "DeleteAlias":
                alice.create_alias(alias_name=alias, target_key_id=key_id)
            fields: dict[str, dict[str, Any]] = {
                "CreateAlias": {"alias_name": alias, "target_key_id": key_id},
                "DeleteAlias": {"alias_name": alias},
                "ScheduleKeyDeletion": {"key_id": key_id},
            }
            before = len(events(two_regions, name)) - len(repeats(two_regions, name))
            got = at_once([alice, other, alice, other], name, token(), **fields.get(name, {}))
            assert got == got[:1] * 4
            assert not isinstance(got[0], str)
            assert len(events(two_regions, name)) - len(repeats(two_regions, name)) == before + 1


def test_of_two_replications_at_once_one_is_made_and_the_other_may_be_sent_again(two_regions: Deployment) -> None:
    with two_regions.client() as alice, two_regions.client() as other:
        for _ in range(3):
            key_id, given = alice.create_key(multi_region=True).key_metadata.key_id, token()
            got = at_once([alice, other], "ReplicateKey", given, key_id=key_id, replica_region=AWAY)
            answers = [each for each in got if not isinstance(each, str)]
            assert answers
            assert set(map(str, got)) <= {str(answers[0]), "DependencyTimeoutException"}
            assert alice.replicate_key(key_id=key_id, replica_region=AWAY, client_token=given) == answers[0]


def test_a_replication_that_the_other_region_refuses_gives_its_token_back(two_regions: Deployment) -> None:
    given = token()
    with two_regions.client() as alice:
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        fields: dict[str, Any] = {"key_id": key_id, "replica_region": AWAY}
        with pytest.raises(errors.MalformedPolicyDocumentException):
            alice.replicate_key(**fields, policy="this is no policy", client_token=given)
        assert not [row for row in stored(two_regions) if row[0] == given]
        alice.replicate_key(**fields, client_token=given)


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, [HOME], settings_added="limits.client_tokens_per_account = 3\n").prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def test_an_account_keeps_client_tokens_per_account(narrow: Deployment) -> None:
    narrow.start()
    tokens = [token() for _ in range(4)]
    with narrow.client() as alice, narrow.client(HOME, "bob") as bob:
        theirs = bob.create_key(client_token=tokens[0])
        made = [alice.create_key(client_token=each) for each in tokens]
        assert [alice.create_key(client_token=each) for each in tokens[1:]] == made[1:]
        assert alice.create_key(client_token=tokens[0]) != made[0], "the oldest went"
        assert bob.create_key(client_token=tokens[0]) == theirs, "of another account, nothing did"


def test_a_token_is_free_again_after_client_token_seconds(narrow: Deployment) -> None:
    place, given = narrow.place(HOME), token()
    place.settings.write_text("limits.client_token_seconds = 1.0\n" + place.settings.read_text())
    narrow.start()
    with narrow.client() as alice:
        made = alice.create_key(client_token=given)
        narrow.wait_until(lambda: alice.create_key(client_token=given) != made)


def test_a_key_whose_region_died_before_it_answered_is_the_one_that_the_repeat_gets(narrow: Deployment) -> None:
    given = token()
    narrow.start(HOME, environment={VARIABLE: FaultPoint.CREATE_KEY_AFTER_COMMIT})
    with narrow.client() as alice, pytest.raises(errors.EndpointConnectionError):
        alice.create_key(client_token=given, timeout=2)
    narrow.wait_dead(HOME)
    narrow.start(HOME)
    with narrow.client() as alice:
        made = alice.create_key(client_token=given).key_metadata.key_id
        assert [entry.key_id for entry in alice.list_keys().keys] == [made]
    assert len(events(narrow, "CreateKey")) == 2
    assert len(repeats(narrow, "CreateKey")) == 1
    verified = narrow.verify_audit(HOME)
    assert verified.returncode == 0, verified.stdout


def test_an_answer_that_cannot_be_read_is_an_internal_error_and_nothing_is_done(narrow: Deployment) -> None:
    narrow.start()
    given = token()
    with narrow.client() as alice:
        alice.create_key(client_token=given)
        with sqlite3.connect(narrow.place(HOME).folder / "region.sqlite3", timeout=20) as database:
            database.execute("update answers set answer = x'ff'")
        database.close()
        with pytest.raises(errors.KMSInternalException):
            alice.create_key(client_token=given)
        assert len(alice.list_keys().keys) == 1
