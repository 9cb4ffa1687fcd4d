"""Each permission that the contract declares is asked, on the right resource, and what is refused is told to whom it may be told."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from tests.reported_events import ReportedEvents
from tests.unit.domain.made_keys import ACCOUNT, ARN, HOME, KEY_ID, MULTI_KEY_ID, OTHER_ACCOUNT, key_of
from tests.unit.pipeline.steps import ALICE, NOW, authorize, call_of, with_keys

from meridian.authorization.language.entities import AliasResource, KeyStoreResource, ScopeResource
from meridian.call import Call
from meridian.domain.grant import Grant
from meridian.domain.key_store import KeyStoreType
from meridian.domain.policy_decision import PolicyDecision
from meridian.errors import AccessDeniedException, KmsError, KMSInternalException, ThrottlingException
from meridian.pipeline.denial import denial, foreign_denial
from meridian.pipeline.resolve import UNUSABLE_CIPHERTEXT
from meridian.ports.security_events import SecurityEvent

OWN, FOREIGN = key_of(), key_of(account=OTHER_ACCOUNT)
ALIAS = "alias/a"


class Judge:
    """Stands for the authorizer: answers as it was told, and notes each question."""

    digest = "d"
    policies = ()

    def __init__(self, *, denied: set[str] | None = None, errors: int = 0, unready: BaseException | None = None) -> None:
        self.denied, self.errors, self.unready = denied or set(), errors, unready
        self.asked: list[tuple[str, str, Any]] = []

    def deciding(self, principal: Any, action: str, resource: Any, facts: Any) -> Generator[Any, Any, PolicyDecision]:
        self.asked.append((principal.arn, action, resource))
        if self.unready is not None:
            raise self.unready
        return PolicyDecision(action, resource.arn, action not in self.denied, ("key/1",), self.errors)
        yield

    def account_counts(self, resource: Any, action: str) -> bool:
        return False


def asked_of(call: Call, judge: Judge) -> list[tuple[str, Any]]:
    assert authorize(judge)(call) is None
    return [(action, resource) for _, action, resource in judge.asked]


def refused(call: Call, judge: Judge, events: ReportedEvents | None = None) -> KmsError:
    with pytest.raises(KmsError) as caught:
        authorize(judge, events)(call)
    return caught.value


# ---- what is asked


def test_every_permission_is_asked_on_its_resource() -> None:
    other = key_of(key_id=MULTI_KEY_ID)
    call = with_keys("ReEncrypt", {"source_key_id": OWN, "destination_key_id": other}, ciphertext_blob=b"x")
    assert asked_of(call, Judge()) == [("ReEncryptFrom", OWN), ("ReEncryptTo", other)]
    assert [decision.action for decision in call.decisions] == ["ReEncryptFrom", "ReEncryptTo"]
    moved = with_keys("UpdateAlias", {"alias_name": OWN, "target_key_id": other}, alias_name=ALIAS, target_key_id=MULTI_KEY_ID)
    alias = AliasResource(ACCOUNT, HOME, ALIAS)
    assert asked_of(moved, Judge()) == [("UpdateAlias", alias), ("UpdateAlias", OWN), ("UpdateAlias", other)]
    store = call_of("DeleteCustomKeyStore", custom_key_store_id="cks-1")
    store.key_store_type = KeyStoreType.AWS_CLOUDHSM
    asked = KeyStoreResource(ACCOUNT, HOME, "cks-1", KeyStoreType.AWS_CLOUDHSM)
    assert asked_of(store, Judge()) == [("DeleteCustomKeyStore", asked)]
    assert asked_of(call_of("ListKeys"), Judge()) == [("ListKeys", ScopeResource(ACCOUNT, HOME))]
    retired = with_keys("RetireGrant", {"grant_id": OWN})
    assert asked_of(retired, Judge()) == [("RetireGrant", OWN)]


def test_a_key_that_is_made_is_judged_without_the_policy_that_it_will_have() -> None:
    cases: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({}, ["CreateKey"]),
        ({"tags": [{}]}, ["CreateKey", "TagResource"]),
        ({"policy": ""}, ["CreateKey", "PutKeyPolicy"]),
    )
    for fields, actions in cases:
        call = call_of("CreateKey", **fields)
        call.prospective = key_of(policy="forbid", policy_document="{}", account_delegation=False)
        assert asked_of(call, Judge()) == [(action, key_of()) for action in actions]


def test_what_another_region_decides_is_not_asked_here() -> None:
    call = with_keys("ReplicateKey", {"key_id": OWN}, tags=[{}])
    assert asked_of(call, Judge()) == [("ReplicateKey", OWN)]


def test_nothing_is_allowed_where_there_is_nothing_to_ask_about() -> None:
    for call in (call_of("DescribeKey"), call_of("CreateKey"), call_of("DeleteCustomKeyStore", custom_key_store_id="cks-1")):
        fault = refused(call, Judge())
        assert (type(fault), fault.reason) == (KMSInternalException, f"nothing to decide {call.rpc.name} on")
    nobody = with_keys("DescribeKey", {"key_id": OWN})
    nobody.principal = None
    assert isinstance(refused(nobody, Judge()), KMSInternalException)


def test_the_grants_that_fit_are_noted_for_the_record() -> None:
    call = with_keys("Encrypt", {"key_id": OWN}, key_id=KEY_ID)
    grant = Grant("g" * 64, ACCOUNT, KEY_ID, ALICE.arn, ACCOUNT, frozenset({"Encrypt"}), NOW)
    call.grants = {"key_id": (grant,)}
    authorize(Judge())(call)
    assert call.grant_ids == {"Encrypt": ["g" * 64]}
    without = with_keys("Encrypt", {"key_id": OWN}, key_id=KEY_ID)
    authorize(Judge())(without)
    assert without.grant_ids == {}


# ---- refusals


def test_an_own_key_is_refused_by_its_name_and_all_permissions_are_decided() -> None:
    call = with_keys("ReEncrypt", {"source_key_id": OWN, "destination_key_id": OWN}, ciphertext_blob=b"x", source_key_id=KEY_ID)
    fault = refused(call, Judge(denied={"ReEncryptFrom", "ReEncryptTo"}))
    assert fault.message == denial(ALICE, PolicyDecision("ReEncryptFrom", ARN, False, ("key/1",)), account_counts=True).message
    assert [decision.allowed for decision in call.decisions] == [False, False]
    second = refused(call, Judge(denied={"ReEncryptTo"}))
    assert "ReEncryptTo" in second.message


def test_who_knows_an_alias_is_not_told_the_key_behind_it() -> None:
    call = with_keys("DescribeKey", {"key_id": OWN}, key_id=ALIAS)
    call.aliases = {"key_id": ALIAS}
    assert f"on resource: {ALIAS} " in refused(call, Judge(denied={"DescribeKey"})).message
    assert call.decisions[0].resource == ARN
    target = with_keys("DeleteAlias", {"alias_name": OWN}, alias_name=ALIAS)
    assert f"on resource: {ALIAS} " in refused(target, Judge(denied={"DeleteAlias"})).message


def test_a_ciphertext_alone_tells_nothing_of_its_key() -> None:
    for fields, words in (({}, UNUSABLE_CIPHERTEXT), ({"key_id": KEY_ID}, None)):
        call = with_keys("Decrypt", {"key_id": OWN}, **fields)
        fault = refused(call, Judge(denied={"Decrypt"}))
        assert (fault.message == UNUSABLE_CIPHERTEXT) is (words is not None)
    call = with_keys("ReEncrypt", {"source_key_id": OWN, "destination_key_id": OWN})
    assert refused(call, Judge(denied={"ReEncryptTo"})).message != UNUSABLE_CIPHERTEXT
    assert refused(call, Judge(denied={"ReEncryptFrom"})).message == UNUSABLE_CIPHERTEXT


def test_a_key_of_another_account_is_refused_as_one_that_is_absent() -> None:
    words = foreign_denial(ALICE, "DescribeKey").message
    assert refused(with_keys("DescribeKey", {"key_id": FOREIGN}), Judge(denied={"DescribeKey"})).message == words
    absent = call_of("DescribeKey")
    absent.absent = {"key_id": foreign_denial(ALICE, "DescribeKey")}
    assert refused(absent, Judge()).message == words
    judge = Judge()
    closed = with_keys("DisableKey", {"key_id": FOREIGN})
    assert refused(closed, judge).message == foreign_denial(ALICE, "DisableKey").message
    assert judge.asked == [], "no policy opens what works in one account alone"
    authorize(Judge())(with_keys("DescribeKey", {"key_id": FOREIGN}))


def test_a_key_abroad_that_no_permission_is_asked_on_is_refused_too() -> None:
    call = with_keys("RetireGrant", {"grant_id": OWN, "key_id": FOREIGN})
    assert refused(call, Judge()).message == foreign_denial(ALICE, "RetireGrant").message
    absent = with_keys("RetireGrant", {"grant_id": OWN})
    absent.absent = {"key_id": foreign_denial(ALICE, "x")}
    assert refused(absent, Judge()).message == foreign_denial(ALICE, "RetireGrant").message


@pytest.mark.parametrize("key", [OWN, FOREIGN], ids=["own", "foreign"])
def test_what_could_not_be_decided_is_never_a_permission_and_operators_hear_of_it(key: Any) -> None:
    events, call = ReportedEvents(), with_keys("DescribeKey", {"key_id": key})
    fault = refused(call, Judge(denied={"DescribeKey"}, errors=1), events)
    told = {"action": "DescribeKey", "fault": "an error of evaluation"}
    assert events.reported == [(SecurityEvent.POLICY_FAULT, key.arn, told)]
    assert fault.reason == "DescribeKey could not be decided"
    assert type(fault) is (KMSInternalException if key is OWN else AccessDeniedException)
    if key is FOREIGN:
        assert fault.message == foreign_denial(ALICE, "DescribeKey").message


def test_a_decision_that_is_not_ready_is_told_in_the_own_account_alone() -> None:
    unready = ThrottlingException(1.0)
    assert isinstance(refused(with_keys("DescribeKey", {"key_id": OWN}), Judge(unready=unready)), ThrottlingException)
    fault = refused(with_keys("DescribeKey", {"key_id": FOREIGN}), Judge(unready=unready))
    assert (fault.message, fault.reason) == (foreign_denial(ALICE, "DescribeKey").message, "ThrottlingException")
    ended = refused(with_keys("Decrypt", {"key_id": FOREIGN}), Judge(unready=asyncio.CancelledError()))
    assert (ended.message, ended.reason) == (UNUSABLE_CIPHERTEXT, "CancelledError")


def test_decisions_are_counted_by_effect_and_layer() -> None:
    judge, call = Judge(denied={"Encrypt"}), with_keys("DescribeKey", {"key_id": OWN})
    step = authorize(judge)
    for _ in range(2):
        step(call)
    with pytest.raises(AccessDeniedException):
        step(with_keys("Encrypt", {"key_id": OWN}, key_id="k", plaintext=b"x"))
    judge.errors, judge.denied = 1, {"DescribeKey"}
    with pytest.raises(KMSInternalException):
        step(call)
    (family,) = step.collect()
    counted = {(sample.labels["effect"], sample.labels["layer"]): sample.value for sample in family.samples}
    assert counted == {("allow", "key"): 2, ("deny", "key"): 1, ("deny", "fault"): 1}
