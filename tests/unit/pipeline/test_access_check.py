"""The question what another would be answered: the same steps, walked as him."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.domain.made_keys import ACCOUNT
from tests.unit.pipeline.steps import ALICE, BOB, NOW, call_of

from meridian.call import Call
from meridian.contract.catalog import rpcs
from meridian.domain.policy_answer import Explanation
from meridian.domain.policy_decision import PolicyDecision
from meridian.errors import (
    AccessDeniedException,
    UnrecognizedClientException,
    ValidationException,
)
from meridian.pipeline.access_check import AccessCheck


class Known:
    def __init__(self, *principals: Any) -> None:
        self.principals = principals

    def find_by_arn(self, arn: str) -> Any:
        return next((each for each in self.principals if each.arn == arn), None)


CAROL = replace(ALICE, name="carol", arn=ALICE.arn.replace("alice", "carol"))


async def nowhere(call: Call) -> None:
    """No other Region has a word."""


def check(step: Any, judge: Any, principal_arn: str, call: Call | None = None, **fields: Any) -> Any:
    live: Any = SimpleNamespace(describe=lambda account: f"of {account}")
    known: Any = Known(ALICE, BOB, CAROL)
    access = AccessCheck(live=live, principals=known, authorize=judge, steps=step, rpcs=rpcs(), foretell=nowhere)
    told: Any = access.describe(ACCOUNT)
    assert told == f"of {ACCOUNT}"
    request = rpcs()["Encrypt"].request_class(**fields)
    return asyncio.run(access.check(call or call_of("CheckAccess"), principal_arn, "Encrypt", request)).here


def test_a_question_walks_the_steps_as_the_other_principal() -> None:
    seen: list[Call] = []

    def step(call: Call) -> None:
        seen.append(call)

    async def later(call: Call) -> None:
        seen.append(call)

    async def explain(call: Call) -> tuple[Any, ...]:
        told = f"{call.caller.name} {call.rpc.name} {call.request_id} {len(seen)}"
        return (Explanation(PolicyDecision(told, "*", allowed=True)),)

    asked: Any = SimpleNamespace(explain=explain)
    assert [each.decision.action for each in check((step, later), asked, CAROL.arn)] == ["carol Encrypt request 2"]
    assert seen[0].received_at == NOW
    request: Any = seen[0].request
    assert request.plaintext == b"\0", "what no policy reads may be left out"
    check((step,), asked, CAROL.arn, plaintext=b"mine")
    given: Any = seen[-1].request
    assert given.plaintext == b"mine"


@pytest.mark.parametrize(("arn", "caller"), [("nobody", ALICE), (BOB.arn, ALICE), (ALICE.arn, None)])
def test_principals_of_other_accounts_are_nobody(arn: str, caller: Any) -> None:
    with pytest.raises(ValidationException) as refusal:
        check((), None, arn, call_of("CheckAccess", caller))
    assert refusal.value.fields == (("principal", "is nobody"),)


def test_a_caller_whom_no_file_knows_may_ask_about_himself_and_no_other() -> None:
    dave = replace(ALICE, name="dave", arn=ALICE.arn.replace("alice", "dave"))
    seen: list[Call] = []

    async def explain(call: Call) -> tuple[()]:
        seen.append(call)
        return ()

    judge: Any = SimpleNamespace(explain=explain)
    check((), judge, dave.arn, call_of("CheckAccess", dave))
    assert seen[0].principal is dave
    with pytest.raises(ValidationException):
        check((), judge, dave.arn, call_of("CheckAccess", ALICE))


def test_a_key_abroad_that_is_closed_to_him_has_no_answer_and_other_refusals_are_told() -> None:
    def closed(call: Call) -> None:
        raise AccessDeniedException("closed")

    def other(call: Call) -> None:
        raise UnrecognizedClientException

    assert check((closed,), None, CAROL.arn) == ()
    with pytest.raises(UnrecognizedClientException):
        check((other,), None, CAROL.arn)


def test_a_ciphertext_is_never_made_up() -> None:
    seen: list[Any] = []

    async def explain(call: Call) -> tuple[()]:
        seen.append(call.request)
        return ()

    judge: Any = SimpleNamespace(explain=explain)
    known: Any = Known(CAROL)
    live: Any = None
    access = AccessCheck(live=live, principals=known, authorize=judge, steps=(), rpcs=rpcs(), foretell=nowhere)
    asyncio.run(access.check(call_of("CheckAccess"), CAROL.arn, "Decrypt", rpcs()["Decrypt"].request_class()))
    assert not seen[0].HasField("ciphertext_blob")
