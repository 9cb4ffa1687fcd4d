"""The same decisions with their reasons, as far as the caller may know them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.reported_events import ReportedEvents
from tests.unit.domain.made_keys import ACCOUNT, ARN, KEY_ID, OTHER_ACCOUNT, key_of
from tests.unit.pipeline.steps import ALICE, AtOnce, authorize, call_of, with_keys

from meridian.authorization.decision.authorizer import Authorizer
from meridian.call import Call
from meridian.domain.policy_answer import Explanation
from meridian.domain.policy_decision import PolicyDecision
from meridian.errors import AccessDeniedException, KMSInternalException, ThrottlingException
from meridian.pipeline.denial import foreign_denial
from meridian.ports.security_events import SecurityEvent

OWN, FOREIGN = key_of(), key_of(account=OTHER_ACCOUNT)
ALIAS = "alias/a"
POLICIES = (
    f'@id("yes") @layer("account") @reason("because") permit (principal, action == KMS::Action::"DescribeKey", resource in '
    f'KMS::Account::"{ACCOUNT}");\n'
    '@id("no") @layer("guardrail") @reason("never") forbid (principal, action == KMS::Action::"Decrypt", resource);\n'
    f'@id("abroad") @layer("account") @account("{ACCOUNT}") @foreign("true") @reason("there") '
    "permit (principal, action, resource is KMS::Key);\n"
)
OPEN = '@id("theirs") @reason("a secret") permit (principal, action, resource);'


def explained(authorizer: Any, call: Call, heavy: Any = None, events: ReportedEvents | None = None) -> tuple[Explanation, ...]:
    return asyncio.run(authorize(authorizer, events, heavy).explain(call))


def test_an_explanation_names_the_policies_of_the_callers_side(authorizer_of: Callable[[str], Authorizer]) -> None:
    heavy, call = AtOnce(), with_keys("DescribeKey", {"key_id": OWN}, key_id=ALIAS)
    call.aliases = {"key_id": ALIAS}
    (found,) = explained(authorizer_of(POLICIES), call, heavy)
    assert (found.decision.allowed, found.decision.resource, [told.reason for told in found.deciding]) == (True, ALIAS, ["because"])
    assert heavy.accounts == [ACCOUNT]
    assert call.decisions == []
    (denied,) = explained(authorizer_of(POLICIES), with_keys("Decrypt", {"key_id": OWN}, key_id=KEY_ID))
    assert (denied.decision.allowed, [told.reason for told in denied.deciding]) == (False, ["never"])


def test_what_another_account_wrote_is_not_told(authorizer_of: Callable[[str], Authorizer]) -> None:
    call = with_keys("DescribeKey", {"key_id": replace(FOREIGN, policy=OPEN)}, key_id="x")
    (found,) = explained(authorizer_of(POLICIES), call)
    assert found.decision.allowed
    assert [told.reason for told in found.deciding] == ["there"]
    closed = with_keys("DescribeKey", {"key_id": FOREIGN}, key_id="x")
    with pytest.raises(AccessDeniedException) as refusal:
        explained(authorizer_of(POLICIES), closed)
    assert refusal.value.message == foreign_denial(ALICE, "DescribeKey").message


def test_an_explanation_refuses_what_the_call_would_be_refused_for(authorizer_of: Callable[[str], Authorizer]) -> None:
    absent = call_of("DescribeKey")
    absent.absent = {"key_id": foreign_denial(ALICE, "DescribeKey")}
    cases = (
        absent,
        with_keys("DisableKey", {"key_id": FOREIGN}),
        with_keys("RetireGrant", {"grant_id": replace(OWN, policy=OPEN), "key_id": FOREIGN}),
    )
    for call in cases:
        with pytest.raises(AccessDeniedException) as refusal:
            explained(authorizer_of(POLICIES), call)
        assert refusal.value.message == foreign_denial(ALICE, call.rpc.name).message
    with pytest.raises(KMSInternalException):
        explained(authorizer_of(POLICIES), call_of("DescribeKey"))


def test_an_explanation_that_is_not_ready_is_told_in_the_own_account_alone(authorizer_of: Callable[[str], Authorizer]) -> None:
    class Full:
        async def run(self, account: str, work: Any) -> Any:
            raise ThrottlingException(1.0)

    with pytest.raises(ThrottlingException):
        explained(authorizer_of(POLICIES), with_keys("DescribeKey", {"key_id": OWN}), Full())
    with pytest.raises(AccessDeniedException) as refusal:
        explained(authorizer_of(POLICIES), with_keys("DescribeKey", {"key_id": FOREIGN}), Full())
    assert (refusal.value.message, refusal.value.reason) == (foreign_denial(ALICE, "DescribeKey").message, "ThrottlingException")


def test_an_explanation_is_of_one_set_of_policies() -> None:
    class Changing:
        digest = "first"

    class Twice:
        runs = 0

        async def run(self, account: str, work: Any) -> Any:
            self.runs += 1
            judge.digest = "second"
            return Explanation(PolicyDecision("DescribeKey", ARN, True), fault="x" if self.runs == 2 else "")

    judge, heavy, events = Changing(), Twice(), ReportedEvents()
    (found,) = explained(judge, with_keys("DescribeKey", {"key_id": OWN}), heavy, events)
    assert (heavy.runs, found.fault) == (2, "x")
    assert events.reported == [(SecurityEvent.POLICY_FAULT, ARN, {"action": "DescribeKey", "fault": "x"})]
