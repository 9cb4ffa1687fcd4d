"""ListDecisions and ExplainDecision: what was decided lately and why, told to each account of its own calls and keys alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from tests.audit_logs import records_in
from tests.deployment import HOME, Deployment
from tests.several import Several

from meridian.access.v1 import access_pb2
from meridian.cli.main import main
from meridian.client import Client, errors
from meridian.client.errors import KmsServiceError

APP = "arn:aws:iam::111122223333:service/app"
ALICE = "arn:aws:iam::111122223333:user/alice"
PARTNER = "arn:aws:iam::444455556666:service/partner"
ABSENT = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HUSHED = '@id("hush") @reason("the merger") permit (principal, action, resource) when { principal.hasTag("merger") };'
OPEN = '@id("open") @reason("the merger") permit (principal == KMS::Service::"444455556666/partner", action, resource);'
CALLS = 20
"""So many connections that the kernel gives some to each of two processes."""
ALLOW, DENY = access_pb2.EFFECT_ALLOW, access_pb2.EFFECT_DENY


@pytest.fixture
def auditor(two_regions: Deployment) -> Iterator[Client]:
    with two_regions.client(HOME, "auditor") as client:
        yield client


@pytest.fixture
def abroad(two_regions: Deployment) -> Iterator[Client]:
    """Somebody of the other account who may ask."""
    with two_regions.client(HOME, "developer-abroad") as client:
        yield client


def new_key(two_regions: Deployment, **fields: Any) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key(**fields).key_metadata.arn)


def called(two_regions: Deployment, caller: str, operation: str, **fields: Any) -> str:
    """The error code of a call, empty where it was done."""
    with two_regions.client(HOME, caller) as client:
        try:
            getattr(client, operation)(**fields)
        except KmsServiceError as error:
            return error.code
        return ""


def calls_on(client: Client, key: str, **filters: Any) -> list[Any]:
    return list(client.iterate_decisions(key_id=key, **filters))


def test_an_allow_and_a_denial_are_listed_and_explained(two_regions: Deployment, auditor: Client) -> None:
    key = new_key(two_regions)
    assert called(two_regions, "app", "encrypt", key_id=key, plaintext=b"x") == ""
    assert called(two_regions, "alice", "encrypt", key_id=key, plaintext=b"x") == "AccessDeniedException"
    assert called(two_regions, "tenant-a", "encrypt", key_id=key, plaintext=b"x") == "AccessDeniedException"
    by_default, denied, allowed, created = calls_on(auditor, key)
    assert [each.operation for each in (by_default, denied, allowed, created)] == ["Encrypt", "Encrypt", "Encrypt", "CreateKey"]
    assert (allowed.principal, list(allowed.keys), allowed.effect, allowed.error_code) == (APP, [key], ALLOW, "")
    assert [(each.action, each.resource, list(each.policy_ids)) for each in allowed.decisions] == [
        ("Encrypt", key, ["account.111122223333.users"])
    ]
    assert (denied.principal, denied.effect, denied.error_code) == (ALICE, DENY, "AccessDeniedException")
    told = auditor.explain_decision(handle=denied.handle)
    assert told.call == denied
    (now,) = told.decisions
    assert not now.decision.allowed
    assert [each.policy_id for each in now.decision.deciding] == ["guardrail.administrators-do-not-use-keys"]
    assert "cryptographic operations" in now.decision.deciding[0].reason
    assert now.decision.deciding[0].place.startswith("separation-of-duties.cedar:")
    assert (told.HasField("policies_changed"), told.policies_changed, list(told.keys_changed)) == (True, False, [])
    closest = auditor.explain_decision(handle=by_default.handle).decisions[0].decision.closest
    assert (closest[0].policy.policy_id, "hasTag" in closest[0].condition) == ("account.111122223333.tenants", True)


def test_filters_pages_and_what_is_none(two_regions: Deployment, auditor: Client) -> None:
    key, before = new_key(two_regions), datetime.now(UTC) - timedelta(seconds=2)
    with two_regions.client() as alice:
        alice.create_alias(alias_name="alias/decided", target_key_id=key)
    for caller in ("app", "app", "app", "alice"):
        called(two_regions, caller, "encrypt", key_id=key, plaintext=b"x")
    assert [each.principal for each in calls_on(auditor, "alias/decided", operation="Encrypt", effect="ALLOW")] == [APP] * 3
    assert [each.principal for each in calls_on(auditor, key.rpartition("/")[2], effect="DENY")] == [ALICE]
    assert len(calls_on(auditor, key, principal=APP, since=before)) == 3
    assert calls_on(auditor, key, until=before - timedelta(days=1)) == []
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert len(calls_on(auditor, key, principal=APP, since=earliest, until=latest)) == 3
    assert calls_on(auditor, key, since=latest) == calls_on(auditor, key, until=earliest) == []
    first = auditor.list_decisions(key_id=key, principal=APP, limit=2)
    assert (len(first.calls), first.truncated) == (2, True)
    second = auditor.list_decisions(key_id=key, principal=APP, limit=2, marker=first.next_marker)
    assert {each.event_id for each in second.calls}.isdisjoint({each.event_id for each in first.calls})
    (one,) = auditor.list_decisions(request_id=first.calls[0].request_id, limit=1).calls
    assert one.event_id == first.calls[0].event_id
    with pytest.raises(errors.InvalidMarkerException):
        auditor.list_decisions(key_id=key, limit=2, marker=first.next_marker)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"operation": "Nothing"}, "ValidationException"),
        ({"principal": "alice"}, "ValidationException"),
        ({"since": datetime(2026, 1, 2, tzinfo=UTC), "until": datetime(2026, 1, 1, tzinfo=UTC)}, "ValidationException"),
        ({"key_id": "alias/of-nothing"}, "NotFoundException"),
        ({"key_id": ABSENT.replace("us-east-1", "eu-west-1")}, "ValidationException"),
        ({"key_id": "nothing"}, "NotFoundException"),
        ({"marker": "x"}, "InvalidMarkerException"),
        ({"limit": 51}, "ValidationException"),
    ],
)
def test_what_cannot_be_meant_is_refused(auditor: Client, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(KmsServiceError) as refused:
        auditor.list_decisions(**fields)
    assert refused.value.code == code


def test_each_account_sees_its_own_calls_and_those_on_its_keys(two_regions: Deployment, auditor: Client, abroad: Client) -> None:
    key = new_key(two_regions, policy=OPEN)
    assert called(two_regions, "partner", "encrypt", key_id=key, plaintext=b"x") == ""
    (ours,) = calls_on(auditor, key, operation="Encrypt")
    assert (ours.principal, list(ours.keys), ours.effect) == (PARTNER, [key], ALLOW)
    (decided,) = ours.decisions
    assert (list(decided.policy_ids), decided.others) == ([f"key/{key.rpartition('/')[2]}/open"], True)
    assert "another account" in auditor.explain_decision(handle=ours.handle).decisions[0].unknown
    theirs = abroad.list_decisions(principal=PARTNER, operation="Encrypt", limit=1).calls[0]
    assert theirs.event_id == ours.event_id
    (decided,) = theirs.decisions
    assert (list(decided.policy_ids), decided.others) == (["account.444455556666.users-abroad"], True)
    explained = abroad.explain_decision(handle=theirs.handle)
    assert [each.policy_id for each in explained.decisions[0].decision.deciding] == ["account.444455556666.users-abroad"]
    assert "merger" not in str(explained)
    for seen in abroad.list_decisions(limit=50).calls:
        assert seen.principal.startswith("arn:aws:iam::444455556666:") or any(":444455556666:" in arn for arn in seen.keys)


def test_a_closed_key_and_an_absent_one_look_the_same_to_the_account_that_was_denied(
    two_regions: Deployment, abroad: Client, auditor: Client
) -> None:
    closed = new_key(two_regions, policy=HUSHED)
    for arn in (closed, ABSENT):
        assert called(two_regions, "partner", "encrypt", key_id=arn, plaintext=b"x") == "AccessDeniedException"
    absent, denied = abroad.list_decisions(principal=PARTNER, operation="Encrypt", effect="DENY", limit=2).calls
    for handle in (absent.handle, denied.handle):
        told = abroad.explain_decision(handle=handle)
        assert (list(told.decisions), list(told.keys_changed), told.HasField("policies_changed")) == ([], [], False)
        assert "merger" not in str(told)
    for field in ("handle", "event_id", "request_id", "called_at"):
        absent.ClearField(field)
        denied.ClearField(field)
    assert absent == denied
    assert [each.principal for each in calls_on(auditor, closed, effect="DENY")] == [PARTNER], "whose key it is sees who tried"


def test_handles_and_markers_are_good_for_those_alone_who_got_them(two_regions: Deployment, abroad: Client, auditor: Client) -> None:
    ours = auditor.list_decisions(limit=1)
    with pytest.raises(errors.InvalidMarkerException, match="The handle is none"):
        abroad.explain_decision(handle=ours.calls[0].handle)
    with pytest.raises(errors.InvalidMarkerException, match="The marker is none"):
        abroad.list_decisions(limit=1, marker=ours.next_marker)
    with two_regions.client(HOME, "developer") as colleague:
        assert colleague.explain_decision(handle=ours.calls[0].handle).call.event_id == ours.calls[0].event_id
        with pytest.raises(errors.InvalidMarkerException):
            colleague.list_decisions(limit=1, marker=ours.next_marker)


def test_what_has_changed_since_is_said(two_regions: Deployment, auditor: Client) -> None:
    key = new_key(two_regions, policy=HUSHED)
    assert called(two_regions, "app", "encrypt", key_id=key, plaintext=b"x") == ""
    (seen,) = calls_on(auditor, key, principal=APP)
    assert list(auditor.explain_decision(handle=seen.handle).keys_changed) == []
    with two_regions.client() as alice:
        alice.put_key_policy(
            key_id=key, policy='@id("no") @reason("closed today") forbid (principal, action == KMS::Action::"Encrypt", resource);'
        )
    told = auditor.explain_decision(handle=seen.handle)
    assert (seen.effect, list(told.keys_changed)) == (ALLOW, [key])
    assert not told.decisions[0].decision.allowed
    assert told.decisions[0].decision.deciding[0].reason == "closed today"


def run(two_regions: Deployment, *words: str) -> Any:
    """A command, as the auditor."""
    endpoint = two_regions.endpoint(HOME, "auditor")
    environment = {
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
    }
    return CliRunner().invoke(main, ["policy", *words], env=environment)


def test_the_command_line_lists_and_explains(two_regions: Deployment) -> None:
    key = new_key(two_regions)
    assert called(two_regions, "tenant-a", "encrypt", key_id=key, plaintext=b"x") == "AccessDeniedException"
    listed = run(two_regions, "decisions", "--key-id", key, "--effect", "DENY")
    assert listed.exit_code == 0, listed.output
    line, handle, *_ = listed.stdout.splitlines()
    assert line.endswith(f"service/tenant-a Encrypt on {key}: deny (AccessDeniedException)")
    told = run(two_regions, "explain-decision", handle.strip())
    assert told.exit_code == 4, told.output
    assert f"Encrypt on {key}: deny by no policy" in told.stdout
    assert 'would permit, but not: context.encryptionContext.hasTag("tenant")' in told.stdout
    as_json = json.loads(run(two_regions, "explain-decision", handle.strip(), "-o", "json").stdout)
    assert (as_json["call"]["effect"], as_json["now"][0]["allowed"], as_json["policiesChanged"]) == ("DENY", False, False)


def test_each_option_of_the_command_filters(two_regions: Deployment, auditor: Client) -> None:
    key = new_key(two_regions)
    assert called(two_regions, "app", "encrypt", key_id=key, plaintext=b"x") == ""
    (seen,) = calls_on(auditor, key, principal=APP)
    past, future = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    for option, fits, excludes in (
        ("--key-id", key, ABSENT),
        ("--principal", APP, ALICE),
        ("--operation", "Encrypt", "ListKeys"),
        ("--effect", "ALLOW", "DENY"),
        ("--since", past, future),
        ("--until", future, past),
        ("--request-id", seen.request_id, "0"),
    ):
        for value, is_there in ((fits, True), (excludes, False)):
            told = json.loads(run(two_regions, "decisions", "--key-id", key, option, value, "-o", "json").stdout)
            assert (seen.event_id in {each["eventId"] for each in told["calls"]}) is is_there, (option, value)


def test_the_command_line_goes_on_where_it_ended(two_regions: Deployment) -> None:
    key = new_key(two_regions)
    for _ in range(2):
        assert called(two_regions, "app", "encrypt", key_id=key, plaintext=b"x") == ""
    first = run(two_regions, "decisions", "--key-id", key, "--limit", "1")
    one, _, last = first.stdout.splitlines()
    second = run(two_regions, "decisions", "--key-id", key, "--limit", "1", "--marker", last.removeprefix("go on with --marker "))
    assert one.endswith(f"service/app Encrypt on {key}: allow")
    assert second.stdout.splitlines()[0].endswith(f"service/app Encrypt on {key}: allow")
    assert second.stdout.splitlines()[1] != first.stdout.splitlines()[1]


@pytest.fixture
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    deployment = Deployment(tmp_path_factory.mktemp("decided"), [HOME]).prepare()
    try:
        yield Several(deployment, 2)
    finally:
        deployment.stop_all()


@pytest.mark.deep
def test_each_of_several_processes_tells_the_calls_of_all_also_after_a_start_and_under_other_policies(several: Several) -> None:
    several.start()
    deployment = several.deployment
    key = new_key(deployment)
    made = {called(deployment, "app", "encrypt", key_id=key, plaintext=b"x") for _ in range(CALLS)}
    assert made == {""}
    written = {number for number in (1, 2) for each in records_in(several.directory(number)) if each["eventName"] == "Encrypt"}
    assert written == {1, 2}, "the kernel gave connections to both"
    for _ in range(6):
        with deployment.client(HOME, "auditor") as auditor:
            assert len(calls_on(auditor, key, principal=APP, limit=8)) == CALLS
    with deployment.client(HOME, "auditor") as auditor:
        first = auditor.list_decisions(key_id=key, principal=APP, limit=8)
    deployment.stop(HOME)
    (deployment.root / "policies" / "closed.cedar").write_text(
        '@id("guardrail.closed") @layer("guardrail") @reason("closed today")forbid (principal, action == KMS::Action::"Encrypt", resource);'
    )
    several.start()
    with deployment.client(HOME, "auditor") as auditor:
        rest = auditor.list_decisions(key_id=key, principal=APP, marker=first.next_marker)
        assert len({each.event_id for each in (*first.calls, *rest.calls)}) == CALLS, "markers outlive a start"
        told = auditor.explain_decision(handle=first.calls[0].handle)
    assert (told.policies_changed, told.decisions[0].decision.allowed) == (True, False)
    assert told.decisions[0].decision.deciding[0].reason == "closed today"
