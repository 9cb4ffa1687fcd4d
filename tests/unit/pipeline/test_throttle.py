"""A call is counted for its caller's account; one without a caller is refused, not let through."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.stepped_clock import SteppedClock

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.principal import Principal
from meridian.errors import ThrottlingException, UnrecognizedClientException
from meridian.kms.v1 import types_pb2
from meridian.pipeline.throttle import Throttle


def call_of(principal: Principal | None) -> Call:
    rpc = rpcs()["CreateKey"]
    call = Call(rpc, rpc.request_class(), Evidence(), "r", datetime(2026, 11, 25, tzinfo=UTC))
    call.principal = principal
    return call


def refusals_of(throttle: Throttle) -> dict[str, float]:
    """As operators see them: the classes of which calls were refused."""
    (family,) = throttle.collect()
    return {sample.labels["class"]: sample.value for sample in family.samples if sample.value}


@pytest.mark.parametrize("rate", [5.0, 0.0])
def test_a_call_without_a_caller_is_refused_whatever_the_limit(rate: float) -> None:
    throttle = Throttle(SteppedClock(), {"create_key": rate}, rpcs())
    with pytest.raises(UnrecognizedClientException):
        throttle(call_of(None))


def test_each_account_has_a_burst_and_a_rate_of_its_own() -> None:
    clock = SteppedClock()
    throttle = Throttle(clock, {"create_key": 5.0}, rpcs())
    one, other = (call_of(Principal("User", account, "a", f"arn:aws:iam::{account}:user/a")) for account in ("1" * 12, "2" * 12))
    for _ in range(10):
        throttle(one)
    with pytest.raises(ThrottlingException) as refused:
        throttle(one)
    assert refused.value.retry_after_seconds == pytest.approx(0.2)
    assert refusals_of(throttle) == {"create_key": 1}
    throttle(other)
    clock.seconds += 0.21
    throttle(one)
    with pytest.raises(ThrottlingException):
        throttle(one)


RSA, SYMMETRIC = "ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256", "ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT"


def named(operation: str, **fields: str) -> Call:
    rpc = rpcs()[operation]
    request = rpc.request_class(**{name: getattr(types_pb2, value) for name, value in fields.items()})
    call = Call(rpc, request, Evidence(), "r", datetime(2026, 11, 25, tzinfo=UTC))
    call.principal = Principal("User", "1" * 12, "a", f"arn:aws:iam::{'1' * 12}:user/a")
    return call


def refused_after(throttle: Throttle, call: Call) -> bool:
    try:
        throttle(call)
    except ThrottlingException:
        return True
    return False


def test_work_is_counted_in_the_class_of_its_algorithm_and_one_class_takes_nothing_from_another() -> None:
    throttle = Throttle(SteppedClock(), {"rsa": 0.001}, rpcs())
    with_rsa = named("Encrypt", encryption_algorithm=RSA)
    while not refused_after(throttle, with_rsa):
        pass
    assert not refused_after(throttle, named("Encrypt", encryption_algorithm=SYMMETRIC))
    assert not refused_after(throttle, named("Encrypt"))
    assert refused_after(throttle, named("Decrypt", encryption_algorithm=RSA))
    assert refusals_of(throttle) == {"rsa": 2}
    for side in ("source_encryption_algorithm", "destination_encryption_algorithm"):
        assert refused_after(throttle, named("ReEncrypt", **{side: RSA}))
    assert not refused_after(throttle, named("ReEncrypt"))
