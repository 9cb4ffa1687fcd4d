"""Decisions and their explanations, of answers that a test makes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.console.console_in_process import NOW, Stage

from meridian.access.v1 import access_pb2
from meridian.errors import AccessDeniedException, NotFoundException

pytestmark = pytest.mark.asyncio

KEY = "arn:aws:kms:us-east-1:111122223333:key/k"
ALLOW, DENY = access_pb2.EFFECT_ALLOW, access_pb2.EFFECT_DENY


def words(html: bytes) -> str:
    """What stands on a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


def call(effect: Any = ALLOW, **more: Any) -> access_pb2.RecordedCall:
    made = access_pb2.RecordedCall(handle="a-h=", operation="Encrypt", principal="arn:p", keys=[KEY], effect=effect, **more)
    made.called_at.FromDatetime(NOW)
    return made


def decided(resource: str = KEY, *policy_ids: str, others: bool = False, allowed: bool = True) -> access_pb2.RecordedDecision:
    return access_pb2.RecordedDecision(action="Encrypt", resource=resource, allowed=allowed, policy_ids=policy_ids, others=others)


def stage(answer: Any, operation: str = "ListDecisions") -> Stage:
    return Stage(answers={operation: lambda request: answer})


async def test_calls_are_listed_with_their_answer_in_a_word_and_who_decided() -> None:
    told = access_pb2.ListDecisionsResponse(
        calls=[call(decisions=[decided(KEY, "account.users", others=True)]), call(DENY, error_code="AccessDeniedException")]
    )
    shown = await stage(told).get("/decisions")
    assert re.search(r"2 calls shown.*Encrypt 2026-11-27 12:00:00 UTC allowed arn:p .*Encrypt: account.users and others", words(shown.body))
    assert "denied AccessDeniedException" in words(shown.body)
    assert b'href="/decisions/a-h%3D"' in shown.body


async def test_the_form_asks_and_the_next_page_asks_the_same() -> None:
    told = access_pb2.ListDecisionsResponse(truncated=True, next_marker="m/1")
    page = stage(told)
    place = (
        "/decisions?principal=arn%3Ap&key_id=alias%2Fa&operation=Encrypt&effect=denied&since=2026-11-27T10%3A00&until=2026-11-27T11%3A00"
    )
    shown = await page.get(place)
    request: Any = page.asked[0].request
    assert (request.principal, request.key_id, request.operation, request.effect) == ("arn:p", "alias/a", "Encrypt", DENY)
    assert (request.since.ToJsonString(), request.until.ToJsonString()) == ("2026-11-27T10:00:00Z", "2026-11-27T11:00:00Z")
    assert "No call in the part of the log that was looked through" in words(shown.body)
    following = re.search(r'href="(/decisions\?[^"]+marker[^"]+)"', shown.body.decode())
    assert following is not None
    await page.get(following[1].replace("&amp;", "&"))
    again: Any = page.asked[1].request
    assert again.marker == "m/1"
    again.ClearField("marker")
    assert again == request


async def test_what_cannot_be_meant_is_said_beside_the_form() -> None:
    page = stage(None)
    shown = await page.get("/decisions?since=yesterday")
    assert "yesterday is no time" in words(shown.body)
    assert page.asked == []

    def absent(request: Any) -> Any:
        raise NotFoundException("Alias alias/x is not found.")

    shown = await Stage(answers={"ListDecisions": absent}).get("/decisions?key_id=alias%2Fx")
    assert "Alias alias/x is not found." in words(shown.body)
    assert b'value="alias/x"' in shown.body


async def test_who_may_not_see_decisions_sees_the_refusal() -> None:
    def refuse(request: Any) -> Any:
        raise AccessDeniedException("not yours")

    shown = await Stage(answers={"ListDecisions": refuse}).get("/decisions")
    assert (shown.status, "not yours" in words(shown.body)) == (403, True)


async def test_a_denial_is_explained_then_and_now() -> None:
    miss = access_pb2.NearMiss(
        policy=access_pb2.Policy(policy_id="account.tenants", place="a.cedar:3", reason="tenants"), condition="x > 1"
    )
    now = access_pb2.DecisionNow(decision=access_pb2.Decision(action="Encrypt", resource=KEY, closest=[miss]))
    told = access_pb2.ExplainDecisionResponse(
        call=call(DENY, decisions=[decided(allowed=False)]), decisions=[now], policies_changed=True, keys_changed=[KEY]
    )
    page = stage(told, "ExplainDecision")
    shown = words((await page.get("/decisions/a-h%3D")).body)
    request: Any = page.asked[0].request
    assert request.handle == "a-h="
    assert "Encrypt: denied" in shown
    assert "The policies of the Region have changed since." in shown
    assert f"The policy of {KEY} is another now, or the key is gone." in shown
    assert re.search(r"denied by no policy: nothing permitted it.*account.tenants a.cedar:3 tenants but not: x &gt; 1", shown)


async def test_what_cannot_be_told_says_why() -> None:
    now = access_pb2.DecisionNow(unknown="the key is not there any more, and with it its policy")
    told = access_pb2.ExplainDecisionResponse(call=call(decisions=[decided(KEY, "key/k/p")]), decisions=[now])
    shown = words((await stage(told, "ExplainDecision").get("/decisions/h")).body)
    assert "Not told: the key is not there any more" in shown
    assert "Whether the policies have changed is not told, or not in the record." in shown


async def test_a_call_without_decisions_says_so() -> None:
    told = access_pb2.ExplainDecisionResponse(call=call(DENY, error_code="AccessDeniedException"))
    shown = words((await stage(told, "ExplainDecision").get("/decisions/h")).body)
    assert "ended before it was decided, or its decisions are not your account's to read" in shown


async def test_an_effect_that_is_none_is_told_and_nothing_is_asked() -> None:
    page = stage(None)
    shown = await page.get("/decisions?effect=DENY")
    assert "effect is one of allowed, denied." in words(shown.body)
    assert page.asked == []
