"""Recorded decisions, asked again of the policies in force: what is answered, and what cannot be, with why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.reported_events import ReportedEvents

from meridian.audit.recorded_facts import caller_facts, key_facts
from meridian.audit.told_calls import told_call
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.policy_answer import CallAgain
from meridian.domain.principal import Principal
from meridian.policy_kit.policy_set import open_policy_set
from meridian.policy_kit.recorded_decisions import ABROAD, GONE, OF_OTHERS, RecordedDecisions

pytestmark = pytest.mark.asyncio
OWN, OTHER = "111122223333", "444455556666"
SURROUNDINGS = Surroundings(org_units={}, region_labels={})
AUTHORIZER = open_policy_set(policy_folder() / "policies", schema_text()).within(SURROUNDINGS)
HUSHED = '@id("hush") @reason("the merger") permit (principal, action == KMS::Action::"Encrypt", resource) when { false };'
CLOSING = '@id("no") @reason("closed") forbid (principal, action == KMS::Action::"Encrypt", resource);'
OPENING = '@id("open") @reason("the merger") permit (principal, action == KMS::Action::"Encrypt", resource);'


def key(account: str = OWN, policy: str = HUSHED) -> Key:
    return Key(
        partition="aws",
        region="us-east-1",
        account=account,
        key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=1,
        policy=policy,
    )


def principal(account: str, name: str, *groups: str) -> Principal:
    return Principal("Service", account, name, f"arn:aws:iam::{account}:service/{name}", groups=groups)


APP, PARTNER = principal(OWN, "app", "key-users"), principal(OTHER, "partner", "key-users")


def record(caller: Principal, used: Key, *, allowed: bool = True, **inner: Any) -> dict[str, Any]:
    return {
        "eventType": "AwsApiCall",
        "eventID": "e",
        "requestID": "r",
        "eventTime": "2026-01-02T03:04:05Z",
        "eventName": "Encrypt",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1",
        "userIdentity": {"accountId": caller.account, "principalId": caller.entity_id, "arn": caller.arn},
        "requestParameters": {"keyId": used.key_id},
        "resources": [{"ARN": used.arn, "accountId": used.account}],
        **({} if allowed else {"errorCode": "AccessDeniedException"}),
        "meridian": {
            "decisions": [{"action": "Encrypt", "resource": used.arn, "effect": "Allow" if allowed else "Deny", "policyIds": []}],
            "facts": {"keys": {"key_id": key_facts(used)}, "caller": caller_facts(caller)},
            **inner,
        },
    }


class Directory:
    """Keys as they are now."""

    def __init__(self, now: Key | None) -> None:
        self._now = now

    async def find(self, account: str, key_id: str) -> Key | None:
        return self._now

    async def find_abroad(self, caller: str, account: str, name: str) -> Key | None:
        return self._now


class Heavy:
    def __init__(self) -> None:
        self.runs = 0

    async def run(self, account: str, work: Callable[[], Any]) -> Any:
        self.runs += 1
        return work()


async def again(found: dict[str, Any], now: Key | None, *, viewer: str = OWN, heavy: Heavy | None = None) -> CallAgain:
    directory: Any = Directory(now)
    told = told_call(found, viewer, lambda name: True)
    assert told is not None
    by = RecordedDecisions(AUTHORIZER, directory, SURROUNDINGS, heavy or Heavy(), ReportedEvents())
    return await by.explain(viewer, found, told)


async def test_the_same_answer_comes_with_its_reasons() -> None:
    found = await again(record(APP, key()), key())
    (made,) = found.decisions
    assert made.now is not None
    assert made.now.decision.allowed
    assert [each.policy_id for each in made.now.deciding] == ["account.111122223333.users"]
    assert found.keys_changed == ()


async def test_a_key_is_asked_with_the_policy_that_it_has_now() -> None:
    found = await again(record(APP, key()), key(policy=CLOSING))
    (made,) = found.decisions
    assert made.now is not None
    assert not made.now.decision.allowed
    assert made.now.deciding[0].reason == "closed"
    assert found.keys_changed == (key().arn,)


async def test_a_policy_that_takes_the_accounts_word_away_counts_with_its_delegation() -> None:
    found = await again(record(APP, key()), replace(key(policy=OPENING), account_delegation=False))
    (made,) = found.decisions
    assert made.now is not None
    assert [each.reason for each in made.now.deciding] == ["the merger"]


async def test_a_key_that_is_gone_is_said_to_be() -> None:
    found = await again(record(APP, key()), None)
    assert [(each.now, each.unknown) for each in found.decisions] == [(None, GONE)]
    assert found.keys_changed == (key().arn,)


@pytest.mark.parametrize(("then", "changed"), [(AUTHORIZER.digest[:16], False), ("0" * 16, True), ("", None), (7, None)])
async def test_whether_the_files_have_changed_is_said_where_the_record_says_which_they_were(then: Any, changed: bool | None) -> None:
    assert (await again(record(APP, key(), policySet=then), key())).policies_changed is changed


async def test_of_a_call_whose_decisions_are_not_told_neither_is_whether_the_files_have_changed() -> None:
    closed = record(PARTNER, key(), allowed=False, policySet=AUTHORIZER.digest[:16])
    assert (await again(closed, None, viewer=OTHER)).policies_changed is None
    assert (await again(closed, key())).policies_changed is False, "whose key it is is told"


async def test_what_was_not_recorded_is_said() -> None:
    without = record(APP, key())
    del without["meridian"]["facts"]
    assert "before decisions could be made again" in (await again(without, key())).decisions[0].unknown
    short = record(APP, key())
    del short["meridian"]["facts"]["caller"]["tags"]
    assert "too many for a record" in (await again(short, key())).decisions[0].unknown


async def test_a_caller_of_another_account_is_not_decided_again() -> None:
    found = await again(record(PARTNER, key(policy=OPENING)), key(policy=CLOSING))
    assert [(each.now, each.unknown) for each in found.decisions] == [(None, OF_OTHERS)]
    assert found.keys_changed == (key().arn,)


async def test_of_a_key_of_another_account_no_policy_is_named_and_closed_and_gone_look_the_same() -> None:
    used = record(PARTNER, key(policy=OPENING))
    found = await again(used, key(policy=OPENING), viewer=OTHER)
    (made,) = found.decisions
    assert made.now is not None
    assert [each.policy_id for each in made.now.deciding] == ["account.444455556666.users-abroad"]
    closed, gone = await again(used, key(policy=CLOSING), viewer=OTHER), await again(used, None, viewer=OTHER)
    assert closed == gone
    assert [(each.now, each.unknown) for each in closed.decisions] == [(None, ABROAD)]
    assert closed.keys_changed == ()


async def test_closed_and_gone_keys_of_another_account_are_the_same_work() -> None:
    used, closed, gone = record(PARTNER, key(policy=OPENING)), Heavy(), Heavy()
    await again(used, key(policy=CLOSING), viewer=OTHER, heavy=closed)
    await again(used, None, viewer=OTHER, heavy=gone)
    assert closed.runs == gone.runs == 1
