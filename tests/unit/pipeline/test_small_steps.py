"""Steps that fill in one thing or tell one thing: idle days, the key that is to be, refusals' words, failed authentications, metrics."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock
from tests.unit.domain.made_keys import ACCOUNT, ARN, HOME, KEY_ID, key_of
from tests.unit.pipeline.steps import ALICE, NOW, call_of, done

from meridian.call import Evidence, Wire
from meridian.contract.catalog import rpcs
from meridian.contract.operation import Operation
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.policy_decision import PolicyDecision
from meridian.errors import DisabledException, KMSInternalException, UnrecognizedClientException
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.binding import BindingError, bind
from meridian.pipeline.denial import denial, foreign_denial
from meridian.pipeline.describe_new_key import Foresee
from meridian.pipeline.find_idle_days import FindIdleDays
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.unauthenticated import ADDRESSES_PER_SECOND_MAX, Unauthenticated
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.key_usage import KeyUse

DAY = 86_400.0

# ---- idle days


@pytest.mark.parametrize(
    ("operation", "used", "days"),
    [
        ("DisableKey", timedelta(days=3, hours=23), 3),
        ("ScheduleKeyDeletion", timedelta(days=10), 10),
        ("DisableKey", timedelta(days=-1), 0),
        ("DisableKey", None, 40),
    ],
)
def test_a_key_lies_idle_since_its_last_use_or_since_it_was_made(operation: str, used: timedelta | None, days: int) -> None:
    async def find(account: str, key_id: str) -> KeyUse | None:
        assert (account, key_id) == (ACCOUNT, KEY_ID)
        return None if used is None else KeyUse(account, key_id, "Encrypt", NOW - used, "event", "request")

    usage: Any = SimpleNamespace(find=find)
    call = call_of(operation)
    call.keys = {"key_id": key_of(created_at=NOW - timedelta(days=40))}
    assert done(FindIdleDays(usage, DAY), call)
    assert call.trailing_days_without_key_usage == days


def test_idle_days_are_looked_for_where_a_policy_may_ask_alone() -> None:
    nobody: Any = None
    call = call_of("Encrypt")
    call.keys = {"key_id": key_of()}
    assert not done(FindIdleDays(nobody, DAY), call)
    assert not done(FindIdleDays(nobody, DAY), call_of("DisableKey"))


# ---- the key that is to be


def test_a_new_key_is_judged_as_it_was_asked_for() -> None:
    call = call_of(
        "CreateKey", key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY, origin=t.ORIGIN_TYPE_EXTERNAL, description="d",
        multi_region=True, policy="p", account_delegation=False,
        tags=[{"tag_key": "b", "tag_value": "2"}, {"tag_key": "a", "tag_value": "1"}],
    )  # fmt: skip
    Foresee(partition="aws", region=HOME)(call)
    assert call.prospective == Key(
        "aws", HOME, ACCOUNT, PROSPECTIVE_KEY_ID, KeySpec.RSA_2048, KeyUsage.SIGN_VERIFY, Origin.EXTERNAL, KeyState.ENABLED, NOW,
        description="d", multi_region=MultiRegionRole(HOME), policy="p", account_delegation=False, tags=(("a", "1"), ("b", "2")),
    )  # fmt: skip


def test_a_new_key_has_the_defaults_and_no_other_call_makes_one() -> None:
    call = call_of("CreateKey", custom_key_store_id="cks-1", xks_key_id="x")
    Foresee(partition="aws", region=HOME)(call)
    assert call.prospective is not None
    assert (call.prospective.multi_region, call.prospective.account_delegation) == (None, True)
    assert (call.prospective.custom_key_store_id, call.prospective.xks_key_id) == ("cks-1", "x")
    other = call_of("DescribeKey", key_id=KEY_ID)
    Foresee(partition="aws", region=HOME)(other)
    assert other.prospective is None


# ---- the words of refusals

HEAD = f"User: {ALICE.arn} is not authorized to perform: kms:Encrypt on resource: {ARN}"


@pytest.mark.parametrize(
    ("policies", "account_counts", "tail"),
    [
        (("key/1", "account"), True, " with an explicit deny in a resource-based policy"),
        (("account",), True, " with an explicit deny in an identity-based policy"),
        ((), True, " because no identity-based policy allows the kms:Encrypt action"),
        ((), False, " because no resource-based policy allows the kms:Encrypt action"),
    ],
)
def test_the_keys_own_account_is_told_which_side_refused(policies: tuple[str, ...], account_counts: bool, tail: str) -> None:
    decision = PolicyDecision("Encrypt", ARN, False, policies)
    assert denial(ALICE, decision, account_counts=account_counts).message == HEAD + tail


def test_another_account_is_told_the_same_whatever_there_is() -> None:
    assert foreign_denial(ALICE, "Encrypt").message == (
        f"User: {ALICE.arn} is not authorized to perform: kms:Encrypt on this resource "
        "because no identity-based policy allows the kms:Encrypt action"
    )


# ---- failed authentications


class Late:
    def __init__(self) -> None:
        self.held: list[tuple[str, float]] = []

    async def hold_back(self, address: str, now: float) -> None:
        self.held.append((address, now))


def test_an_address_has_one_full_record_a_second_and_the_others_are_counted() -> None:
    events, late, clock, registry = ReportedEvents(), Late(), SteppedClock(100.25), CollectorRegistry()
    made: dict[str, Any] = {"events": events, "attempts": late, "telemetry": Telemetry(clock, registry), "clock": clock}
    edge, error = Unauthenticated(**made), UnrecognizedClientException(reason="why")

    def fail(address: str) -> None:
        evidence = Evidence(source_ip=address, wire=Wire.AWS)
        asyncio.run(edge.refuse(error, operation="Encrypt", evidence=evidence, request_id="r", started=100.0))

    fail("2001:db8::1")
    fail("2001:db8::2")
    full = {"address": "2001:db8::1", "operation": "Encrypt", "code": "UnrecognizedClientException", "reason": "why", "requestId": "r"}
    assert events.reported == [
        (SecurityEvent.AUTHENTICATION_FAILED, "2001:db8::/64", full),
        (SecurityEvent.AUTHENTICATION_FAILED, "2001:db8::/64", {"reason": "further failures"}),
    ]
    assert late.held == [("2001:db8::1", 100.25), ("2001:db8::2", 100.25)]
    counted = {"operation": "Encrypt", "outcome": "UnrecognizedClientException"}
    assert registry.get_sample_value("meridian_calls_total", counted) == 2
    assert registry.get_sample_value("meridian_call_seconds_sum", {"operation": "Encrypt", "wire": "aws", "result": "refused"}) == 0.5
    clock.seconds += 1.0
    fail("2001:db8::1")
    assert events.reported[-1][2] == full
    clock.seconds += 1.0
    events.reported.clear()
    for number in range(ADDRESSES_PER_SECOND_MAX + 2):
        fail(f"10.0.0.{number}")
    assert [subject for _, subject, _ in events.reported[-3:]] == [f"10.0.0.{ADDRESSES_PER_SECOND_MAX - 1}", "others", "others"]


# ---- metrics


def test_calls_are_counted_by_outcome_and_timed_by_operation() -> None:
    clock: Any = SimpleNamespace(monotonic=lambda: 10.0)
    registry = CollectorRegistry()
    telemetry = Telemetry(clock, registry)
    for started, error in ((9.9995, None), (9.0, DisabledException("x")), (0.0, KMSInternalException()), (-10.0, KeyError("x"))):
        call = call_of("Encrypt")
        call.started, call.error, call.evidence = started, error, Evidence(wire=Wire.GRPC)
        telemetry.finish(call)
    outcomes = ("ok", "DisabledException", "KMSInternalException", "KeyError")
    assert [registry.get_sample_value("meridian_calls_total", {"operation": "Encrypt", "outcome": each}) for each in outcomes] == [1.0] * 4
    telemetry.count("Encrypt", Wire.GRPC, None, 1.0)
    assert registry.get_sample_value("meridian_calls_total", {"operation": "Encrypt", "outcome": "ok"}) == 2
    kind = {"operation": "Encrypt", "wire": "grpc"}
    bounds = {
        (result, bound): registry.get_sample_value("meridian_call_seconds_bucket", {**kind, "result": result, "le": bound})
        for result in ("ok", "refused", "failed")
        for bound in ("0.0005", "0.001", "1.0", "10.0", "+Inf")
    }
    assert [bounds["ok", bound] for bound in ("0.0005", "0.001", "1.0", "10.0", "+Inf")] == [0, 1, 2, 2, 2]
    assert [bounds["refused", bound] for bound in ("0.001", "1.0", "+Inf")] == [0, 1, 1], "the caller's own doing"
    assert [bounds["failed", bound] for bound in ("1.0", "10.0", "+Inf")] == [0, 1, 2], "the service's, and what no code foresaw"
    seconds = [registry.get_sample_value("meridian_call_seconds_sum", {**kind, "result": each}) for each in ("ok", "refused", "failed")]
    assert seconds == pytest.approx([1.0005, 1.0, 30.0])


# ---- binding


def test_every_rpc_has_its_method_and_what_lacks_something_is_named() -> None:
    encrypt, services = rpcs()["Encrypt"], {rpcs()["Encrypt"].noun: SimpleNamespace(encrypt=len)}
    bound: Any = bind({"Encrypt": encrypt}, services)
    assert bound == {"Encrypt": len}
    with pytest.raises(BindingError) as refused:
        bind({"a": replace(encrypt, requires=(), work="NAPS"), "b": replace(encrypt, noun="nothing")}, services)
    assert str(refused.value) == "Encrypt declares no permission; Encrypt declares no kind of work; Encrypt has no operation"
    health = replace(encrypt, name=Operation.XKS_GET_HEALTH_STATUS, requires=())
    with pytest.raises(BindingError) as hole:
        bind({"a": health}, {})
    assert str(hole.value) == "XksGetHealthStatus has no operation"
