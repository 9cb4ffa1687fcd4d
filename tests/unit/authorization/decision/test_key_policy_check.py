"""A key policy is judged before it is stored: by its own words, and by whether its caller may change it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.reported_events import ReportedEvents
from tests.unit.pipeline.steps import AtOnce, call_of

from meridian.authorization.decision.authorizer import LOCKED_OUT, Authorizer
from meridian.authorization.decision.key_policy_check import KeyPolicyCheck
from meridian.domain.key import Key
from meridian.errors import MalformedPolicyDocumentException
from meridian.ports.security_events import SecurityEvent

NOTHING = '@id("n") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"Encrypt", resource);'
LETS_ALICE = '@id("a") @reason("r") permit (principal == KMS::User::"111122223333/alice", action, resource);'
LETS_BYPASS = (
    '@id("a") @reason("r") permit (principal, action == KMS::Action::"PutKeyPolicy", resource) '
    "when { context.bypassPolicyLockoutSafetyCheck };"
)
LETS_BOB = LETS_ALICE.replace("alice", "bob")
FAILS = '@id("f") @layer("guardrail") @reason("r") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'


@dataclass
class Judge:
    """Asks whether a key may have this policy, under these of the Region."""

    authorizer_of: Callable[[str], Authorizer]
    key: Key
    told: ReportedEvents = field(default_factory=ReportedEvents)
    """Of the last question."""

    def __call__(self, policy: str, *, region: str = NOTHING, bypass: bool = False, **fields: Any) -> tuple[AtOnce, ReportedEvents]:
        heavy, self.told = AtOnce(), ReportedEvents()
        check = KeyPolicyCheck(self.authorizer_of(region), region="us-east-1", region_labels={}, events=self.told, heavy=heavy)
        call, future = call_of("PutKeyPolicy", **fields), replace(self.key, policy=policy, account_delegation=False)
        asyncio.run(check.require_acceptable(call, future, bypass_lockout_check=bypass))
        return heavy, self.told


@pytest.fixture
def judge(authorizer_of: Callable[[str], Authorizer], key: Key) -> Judge:
    return Judge(authorizer_of, key)


def test_a_policy_that_lets_its_caller_change_it_again_is_taken(judge: Judge, key: Key) -> None:
    heavy, events = judge(LETS_ALICE)
    assert (heavy.accounts, events.reported) == ([key.account], [])
    judge(LETS_BYPASS, bypass_policy_lockout_safety_check=True)


def test_a_policy_that_locks_its_caller_out_is_refused_unless_he_says_so(judge: Judge) -> None:
    for policy in (LETS_BOB, LETS_BYPASS):
        with pytest.raises(MalformedPolicyDocumentException) as refused:
            judge(policy)
        assert (refused.value.message, refused.value.reason) == (LOCKED_OUT, "")
        assert judge.told.reported == []
    judge(LETS_BOB, bypass=True)


def test_a_policy_that_cannot_be_read_is_refused_whatever_he_says(judge: Judge) -> None:
    for bypass in (False, True):
        with pytest.raises(MalformedPolicyDocumentException) as refused:
            judge("permit (", bypass=bypass)
        assert refused.value.message != LOCKED_OUT


def test_policies_that_fail_let_nothing_be_stored_and_operators_hear_of_it(judge: Judge, key: Key) -> None:
    with pytest.raises(MalformedPolicyDocumentException) as refused:
        judge(LETS_ALICE, region=FAILS)
    assert refused.value.message == LOCKED_OUT
    assert refused.value.reason.startswith("the policies could not be evaluated: ")
    told = {"action": "PutKeyPolicy", "fault": refused.value.reason}
    assert judge.told.reported == [(SecurityEvent.POLICY_FAULT, key.arn, told)]
