"""The playground: what its form asks, and what it shows of the answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.console.console_in_process import ANN, NOW, ORIGIN, Stage
from tests.unit.console.test_other_pages import words

from meridian.access.v1.access_pb2 import (
    ChangedCalls,
    Decision,
    NearMiss,
    Policy,
    PolicyTextFault,
    ReplayedCalls,
    TriedAccess,
    TryPoliciesRequest,
    TryPoliciesResponse,
    UndecidedCalls,
)
from meridian.console.forms import LONG_FORM_BYTES_MAX
from meridian.console.pages.playground import SHOWN
from meridian.errors import AccessDeniedException, InvalidArnException, ThrottlingException
from meridian.kms.v1.encryption_pb2 import EncryptRequest

pytestmark = pytest.mark.asyncio

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
FILLED = {
    "principal": ANN.arn,
    "operation": "Encrypt",
    "fields": f'{{"KeyId": "{KEY}"}}',
    "policies": "mine",
    "key_policy": "",
    "calls": "200",
}


def stage(answer: Any = None) -> Stage:
    def told(request: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer or TryPoliciesResponse(live_policies='@id("live")\n<permit>')

    return Stage(answers={"TryPolicies": told})


def asked(made: Stage) -> TryPoliciesRequest:
    (call,) = made.asked
    request = call.request
    assert isinstance(request, TryPoliciesRequest)
    return request


async def test_the_form_begins_with_the_policies_in_force_and_asks_nothing_else() -> None:
    made = stage()
    html = (await made.get(f"/playground?key={KEY}")).body.decode()
    assert asked(made) == TryPoliciesRequest()
    assert "@id(&#34;live&#34;)\n&lt;permit&gt;</textarea>" in html
    assert f"{{&#34;KeyId&#34;: &#34;{KEY}&#34;}}</textarea>" in html
    assert f'value="{ANN.arn}"' in html
    strange = (await stage().get("/playground?key=%22%7D<script>")).body.decode()
    assert "script>&" not in strange
    assert "{&#34;KeyId&#34;: &#34;&#34;}</textarea>" in strange


async def test_what_is_filled_in_is_one_call() -> None:
    made = stage()
    answer = await made.post("/playground", **{**FILLED, "policies": "one\r\ntwo", "key_policy": "forbid\r\n"})
    request = asked(made)
    packed = EncryptRequest()
    assert request.request.Unpack(packed)
    assert packed == EncryptRequest(key_id=KEY)
    assert (request.principal, request.policies, request.key_policy, request.calls) == (ANN.arn, "one\ntwo", "forbid\n", 200)
    assert answer.status == 200
    assert "one\ntwo</textarea>" in answer.body.decode()


async def test_without_a_principal_recorded_calls_alone_are_decided_anew() -> None:
    made = stage()
    await made.post("/playground", **{**FILLED, "principal": " "})
    request = asked(made)
    assert (request.HasField("principal"), request.HasField("request"), request.HasField("key_policy")) == (False, False, False)
    assert (request.policies, request.calls) == ("mine", 200)


async def test_policies_that_are_too_long_to_be_tried_stay_as_they_are() -> None:
    html = (await stage(TryPoliciesResponse()).get("/playground")).body.decode()
    assert 'name="policies"' not in html
    assert "longer than what can be tried" in html
    made = stage()
    await made.post("/playground", **{name: value for name, value in FILLED.items() if name != "policies"})
    assert not asked(made).HasField("policies")


async def test_both_decisions_faults_and_changed_calls_are_shown() -> None:
    by = Policy(policy_id="p.users", reason="they may", place="a.cedar:7")
    missed = NearMiss(policy=Policy(policy_id="p.tenants", place="edited:3"), condition="principal.hasTag(<tenant>)")
    rows = [ChangedCalls(kind="newly denied", principal=ANN.arn, action="Encrypt", resource="k", count=2) for _ in range(SHOWN + 3)]
    told = TryPoliciesResponse(
        live=TriedAccess(allowed=True, decisions=[Decision(action="Encrypt", resource="k", allowed=True, deciding=[by])]),
        edited=TriedAccess(decisions=[Decision(action="Encrypt", resource="k", closest=[missed])]),
        replayed=ReplayedCalls(calls=200, decisions=210, changed=rows, undecided=[UndecidedCalls(reason="cut", count=4)]),
    )
    told.replayed.since.FromDatetime(NOW)
    shown = words((await stage(told).post("/playground", **FILLED)).body)
    assert re.search(r"In force allowed .*Encrypt on k : allowed p\.users \(a\.cedar:7\) : they may", shown)
    assert re.search(
        r"Edited denied .*Encrypt on k : denied p\.tenants \(edited:3\) would permit, but not: principal\.hasTag\(&lt;tenant", shown
    )
    assert (
        "200 recorded calls since 2026-11-27 12:00 UTC , the newest of the day: of 210 decisions made anew, 106 would be others." in shown
    )
    assert shown.count("newly denied 2×") == SHOWN
    assert "And 3 more rows" in shown
    assert "4 not decided anew: cut." in shown
    wrong = TryPoliciesResponse(
        faults=[PolicyTextFault(field="policies", line=3, column=9, text="no action"), PolicyTextFault(field="keyPolicy", text="no")]
    )
    shown = words((await stage(wrong).post("/playground", **FILLED)).body)
    assert "Policies, line 3, column 9: no action Key policy: no" in shown


@pytest.mark.parametrize(
    ("answer", "status"),
    [(InvalidArnException("not an ARN"), 400), (ThrottlingException(retry_after_seconds=1.0), 429)],
    ids=["bad", "busy"],
)
async def test_a_refusal_is_told_above_the_form_which_stays_filled(answer: Exception, status: int) -> None:
    shown = await stage(answer).post("/playground", **FILLED)
    assert shown.status == status
    assert 'role="alert"' in shown.body.decode()
    assert "mine</textarea>" in shown.body.decode()


@pytest.mark.parametrize(
    "changed",
    [{"fields": "{"}, {"fields": '{"KeyId": 3}'}, {"operation": "Fly"}, {"calls": "5"}, {"calls": ""}],
    ids=["no JSON", "another type", "no operation", "not offered", "none"],
)
async def test_what_cannot_be_asked_is_no_call(changed: dict[str, str]) -> None:
    made = stage()
    assert (await made.post("/playground", **{**FILLED, **changed})).status == 400
    assert made.asked == []


async def test_who_may_not_try_policies_sees_no_form() -> None:
    denied = AccessDeniedException("not for you")
    for answer in (await stage(denied).get("/playground"), await stage(denied).post("/playground", **FILLED)):
        assert (answer.status, b"not for you" in answer.body, b"textarea" in answer.body) == (403, True, False)


async def test_a_form_from_elsewhere_or_too_long_asks_nothing() -> None:
    made = stage()
    body = b"form=x&calls=0"
    kind = {"content_type": "application/x-www-form-urlencoded"}
    assert (await made.ask("POST", "/playground", body, {**kind, "origin": ORIGIN}, known=True)).status == 403
    assert (await made.ask("POST", "/playground", body, {**kind, "origin": "https://elsewhere.example"}, known=True)).status == 403
    assert (await made.post("/playground", **{**FILLED, "policies": "x" * LONG_FORM_BYTES_MAX})).status == 400
    assert made.asked == []


async def test_two_whole_policies_fit_into_the_form() -> None:
    made = stage()
    await made.post("/playground", **{**FILLED, "policies": "{" * 32_768, "key_policy": "}" * 32_768})
    assert len(asked(made).policies) == 32_768


async def test_a_misspelt_field_is_named_and_nothing_is_tried() -> None:
    made = stage()
    body = FILLED | {"fields": f'{{"KeyId": "{KEY}", "EncryptionContxt": {{"tenant": "a"}}}}'}
    page = await made.post("/playground", **body)
    assert "Encrypt has no field EncryptionContxt." in words(page.body)
    assert made.asked == []
