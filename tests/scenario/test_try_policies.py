"""TryPolicies on a real Region: edited policies beside those in force, for a request and for recorded calls; nothing of other accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import Client, KmsServiceError
from meridian.kms.v1.encryption_pb2 import EncryptRequest
from meridian.kms.v1.keys_pb2 import DescribeKeyRequest, ListKeysRequest

ACCOUNT, OTHER = "111122223333", "444455556666"
APP = f"arn:aws:iam::{ACCOUNT}:service/app"
USERS = f"account.{ACCOUNT}.users"
NO_USE = ('KMS::Action::"Use", ', "")


@dataclass(frozen=True)
class Tried:
    deployment: Deployment
    auditor: Client
    key_id: str
    foreign: str
    """ARN of a key of the other account, which is open to the principal."""
    shut: str
    """ARN of one that is not."""


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One that nobody else calls: how many calls are recorded counts."""
    deployment = Deployment(tmp_path_factory.mktemp("tried"), [HOME]).prepare()
    with deployment.serving():
        yield deployment


@pytest.fixture(scope="module")
def stage(region: Deployment) -> Iterator[Tried]:
    with region.client() as alice, region.client(HOME, "app") as app, region.client(HOME, "developer-abroad") as abroad:
        key_id = str(alice.create_key().key_metadata.key_id)
        opened = f'permit (principal == KMS::Service::"{ACCOUNT}/app", action == KMS::Action::"Encrypt", resource);'
        shut = str(abroad.create_key().key_metadata.arn)
        foreign = str(abroad.create_key(policy=opened, bypass_policy_lockout_safety_check=False).key_metadata.arn)
        for _ in range(3):
            app.encrypt(key_id=key_id, plaintext=b"x", encryption_context={"tenant": "a"})
    with region.client(HOME, "auditor") as auditor:
        yield Tried(region, auditor, key_id, foreign, shut)


def code(call: Any) -> str:
    with pytest.raises(KmsServiceError) as refused:
        call()
    return refused.value.code


def test_the_text_of_the_accounts_own_policies_is_told_and_no_other(stage: Tried) -> None:
    text = stage.auditor.try_policies().live_policies
    assert f'@id("{USERS}")' in text
    assert OTHER not in text
    assert "guardrail" not in text
    again = stage.auditor.try_policies(policies=text, principal=APP, request=EncryptRequest(key_id=stage.key_id))
    assert list(again.faults) == []
    assert again.edited.allowed


def test_an_edited_set_is_told_beside_the_one_in_force(stage: Tried) -> None:
    text = stage.auditor.try_policies().live_policies.replace(*NO_USE)
    told = stage.auditor.try_policies(principal=APP, request=EncryptRequest(key_id=stage.key_id), policies=text)
    assert (told.live.allowed, told.edited.allowed) == (True, False)
    assert [each.policy_id for each in told.live.decisions[0].deciding] == [USERS]
    assert told.edited.decisions[0].closest
    assert not told.HasField("replayed")
    record = next(each for each in reversed(stage.deployment.audit(HOME)) if each["eventName"] == "TryPolicies")
    assert record["additionalEventData"].keys() == {"operation", "policiesSha256"}
    assert "tenants" not in str(record)


def test_recorded_calls_that_would_be_decided_otherwise_are_rows(stage: Tried) -> None:
    text = stage.auditor.try_policies().live_policies.replace(*NO_USE)
    replayed = stage.auditor.try_policies(policies=text, calls=2000).replayed
    mine = [each for each in replayed.changed if stage.key_id in each.resource and each.action == "Encrypt"]
    assert [(each.kind, each.count, each.principal, list(each.recorded_policy_ids)) for each in mine] == [("newly denied", 3, APP, [USERS])]
    assert replayed.calls > 3
    assert replayed.whole_day
    newest = stage.auditor.try_policies(policies=text, calls=2).replayed
    assert (newest.calls, newest.whole_day) == (2, False)
    assert OTHER not in str(replayed)


def test_faults_are_told_and_nothing_is_decided(stage: Tried) -> None:
    wrong = stage.auditor.try_policies().live_policies.replace('"Read"', '"Raed"', 1)
    told = stage.auditor.try_policies(principal=APP, request=EncryptRequest(key_id=stage.key_id), policies=wrong, calls=5)
    (fault,) = told.faults
    assert (fault.field, fault.line > 1, fault.column > 1, "did you mean Read?" in fault.text) == ("policies", True, True, True)
    assert told.HasField("live")
    assert not told.HasField("edited")
    assert not told.HasField("replayed")


def test_a_key_policy_is_tried_on_the_key_that_the_request_names(stage: Tried) -> None:
    forbid = 'forbid (principal, action == KMS::Action::"Encrypt", resource);'
    request = EncryptRequest(key_id=stage.key_id)
    told = stage.auditor.try_policies(principal=APP, request=request, key_policy=forbid, calls=2000)
    assert [each.policy_id for each in told.edited.decisions[0].deciding] == [f"key/{stage.key_id}/1"]
    assert [each.count for each in told.replayed.changed if stage.key_id in each.resource] == [3]
    (fault,) = stage.auditor.try_policies(principal=APP, request=request, key_policy="forbid (").faults
    assert fault.field == "keyPolicy"
    with stage.deployment.client(HOME, "alice") as alice:
        assert alice.get_key_policy(key_id=stage.key_id).policy != forbid
    no_key = ListKeysRequest()
    assert code(lambda: stage.auditor.try_policies(principal=APP, request=no_key, key_policy=forbid)) == "ValidationException"


def test_what_another_account_has_is_neither_told_nor_tried(stage: Tried) -> None:
    absent = stage.foreign.replace(stage.foreign[-4:], "0000")
    mine = stage.auditor.try_policies().live_policies
    out = (
        f'@id("out")\n@layer("account")\n@account("{ACCOUNT}")\n@foreign("true")\n@reason("r")\n'
        f'permit (principal, action, resource) when {{ principal.account == "{ACCOUNT}" }};\n'
    )
    answers = [
        stage.auditor.try_policies(principal=APP, request=kind(key_id=key), policies=mine + out)
        for kind in (DescribeKeyRequest, EncryptRequest)
        for key in (stage.foreign, absent)
    ]
    assert all(list(each.live.decisions) == [] and not each.HasField("edited") for each in answers)
    forbid = 'forbid (principal, action == KMS::Action::"Encrypt", resource);'
    for key in (stage.foreign, absent):
        request = EncryptRequest(key_id=key)
        asked = partial(stage.auditor.try_policies, principal=APP, request=request, key_policy=forbid)
        assert code(asked) == "ValidationException"
    theirs = f'@id("x")\n@layer("account")\n@reason("r")\nforbid (principal, action, resource in KMS::Account::"{OTHER}");'
    assert "only policies of account" in stage.auditor.try_policies(policies=theirs).faults[0].text
    taken = theirs.replace("x", f"account.{OTHER}.developers", 1).replace(f'Account::"{OTHER}"', f'Account::"{ACCOUNT}"')
    assert list(stage.auditor.try_policies(policies=taken).faults) == []


def test_recorded_calls_say_no_more_of_a_closed_key_than_of_one_that_is_absent(stage: Tried) -> None:
    absent = f"{stage.foreign[:-12]}000000000000"
    with stage.deployment.client(HOME, "auditor") as auditor, stage.deployment.client(HOME, "app") as app:
        source = app.encrypt(key_id=stage.key_id, plaintext=b"x").ciphertext_blob

        def left_by(call: Any) -> tuple[int, int, str]:
            before = auditor.try_policies(calls=2000).replayed
            assert code(call) == "AccessDeniedException"
            after = auditor.try_policies(calls=2000).replayed
            return after.calls - before.calls, after.decisions - before.decisions, str(after.undecided)

        for call in (
            lambda key: app.decrypt(key_id=key, ciphertext_blob=source),
            lambda key: app.re_encrypt(source_key_id=stage.key_id, ciphertext_blob=source, destination_key_id=key),
            lambda key: app.re_encrypt(source_key_id=key, ciphertext_blob=source, destination_key_id=stage.key_id),
        ):
            assert left_by(partial(call, absent)) == left_by(partial(call, stage.shut))


@pytest.mark.parametrize("caller", ["alice", "app", "bob"])
def test_only_those_may_try_whom_a_policy_lets(stage: Tried, caller: str) -> None:
    with stage.deployment.client(HOME, caller) as client:
        assert code(client.try_policies) == "AccessDeniedException"


def test_another_accounts_developer_sees_his_own_policies_and_calls_alone(stage: Tried) -> None:
    with stage.deployment.client(HOME, "developer-abroad") as abroad:
        told = abroad.try_policies(policies="", calls=2000)
        assert ACCOUNT not in told.live_policies
        assert all(f":{OTHER}:" in each.principal for each in told.replayed.changed)
        assert code(lambda: abroad.try_policies(principal=APP, request=ListKeysRequest())) == "ValidationException"


@pytest.mark.parametrize(
    "asked",
    [
        {"principal": APP},
        {"request": ListKeysRequest()},
        {"calls": 2001},
        {"calls": -1},
        {"policies": "x" * 32_769},
        {"principal": f"arn:aws:iam::{ACCOUNT}:user/nobody-at-all", "request": ListKeysRequest()},
    ],
    ids=["no request", "no principal", "too many", "too few", "too long", "nobody"],
)
def test_what_cannot_be_asked_is_refused(stage: Tried, asked: dict[str, Any]) -> None:
    assert code(lambda: stage.auditor.try_policies(**asked)) == "ValidationException"


def test_a_text_that_is_too_long_is_refused_with_its_limit_and_not_shown_whole(stage: Tried) -> None:
    with pytest.raises(KmsServiceError, match=r"Value 'x{640}…' at 'policies' .* length less than or equal to 32768$"):
        stage.auditor.try_policies(policies="x" * 32_769)
