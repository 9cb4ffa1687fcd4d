"""Each Region may call so often, and takes nothing from the others."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import pytest
from tests.stepped_clock import SteppedClock

from meridian.errors import ThrottlingException
from meridian.peer.v1 import replication_pb2 as wire
from meridian.replication.compare import DIGESTS_PER_CALL, DIGESTS_PER_ROUND
from meridian.replication.wire.message_bounds import entries_of
from meridian.transport.peer_rate import (
    BYTES_PER_CALL,
    CALLS_AT_ONCE,
    CALLS_BURST,
    CALLS_PER_SECOND,
    COMPARISONS_AT_ONCE,
    PeerCallsAtOnce,
    PeerRate,
    cost_of,
)


def test_a_region_that_calls_too_often_is_refused_and_the_others_are_not() -> None:
    clock = SteppedClock()
    rate = PeerRate(clock)
    for _ in range(int(CALLS_BURST)):
        rate.draw("eu-west-1", 1)
    with pytest.raises(ThrottlingException):
        rate.draw("eu-west-1", 1)
    rate.draw("us-east-1", 1)
    clock.seconds += 1.5 / CALLS_PER_SECOND
    rate.draw("eu-west-1", 1)
    with pytest.raises(ThrottlingException):
        rate.draw("eu-west-1", 1)


def test_a_call_draws_for_every_entry_of_its_lists() -> None:
    clock = SteppedClock()
    rate = PeerRate(clock)
    digests = entries_of(wire.CompareRequest(digests=[wire.SetDigest()] * 200))
    delivery = entries_of(wire.DeliverSetStateRequest(links=[wire.TermLink()] * 3, envelopes=[b"", b""]))
    assert (digests, delivery, entries_of(wire.DeliverHeldRequest(material_ids=["a"] * 4))) == (200, 5, 4)
    calls = int(CALLS_BURST) // digests
    for _ in range(calls):
        rate.draw("eu-west-1", digests)
    with pytest.raises(ThrottlingException) as refused:
        rate.draw("eu-west-1", digests)
    clock.seconds += refused.value.retry_after_seconds * 1.01
    rate.draw("eu-west-1", digests)


def test_a_call_draws_for_its_bytes() -> None:
    clock = SteppedClock()
    rate = PeerRate(clock)
    large = wire.DeliverSetStateRequest(signed_state=bytes(300_000))
    assert cost_of(wire.DeliverSetStateRequest(signed_state=bytes(1_000))) == 1
    assert cost_of(large) == 1 + 300_000 // BYTES_PER_CALL
    taken = 0
    for _ in range(1_000):
        with suppress(ThrottlingException):
            rate.draw("eu-west-1", cost_of(large))
            taken += 1
    assert taken * 300_000 <= CALLS_BURST * BYTES_PER_CALL
    digest = wire.SetDigest(
        set=wire.KeySetName(account="1" * 12, key_id="mrk-" + "0" * 32), serial="s" * 64, materials_hash=bytes(32), term_origin="us-east-1"
    )
    rounds = DIGESTS_PER_ROUND // DIGESTS_PER_CALL * cost_of(wire.CompareRequest(digests=[digest] * DIGESTS_PER_CALL))
    assert rounds < CALLS_BURST / 2, "a round of comparing leaves half of the burst to deliveries"


def test_a_call_of_more_than_a_burst_passes_when_nothing_else_was_asked() -> None:
    clock = SteppedClock()
    rate = PeerRate(clock)
    rate.draw("eu-west-1", int(CALLS_BURST) + 1)
    with pytest.raises(ThrottlingException):
        rate.draw("eu-west-1", 1)


@pytest.mark.parametrize(
    ("request_", "most"), [(wire.CompareRequest(), COMPARISONS_AT_ONCE), (wire.GetSetRequest(), CALLS_AT_ONCE)], ids=["compare", "others"]
)
def test_a_region_has_so_many_calls_in_hand_and_no_more(request_: Any, most: int) -> None:
    at_once = PeerCallsAtOnce()
    with ExitStack() as in_hand:
        for _ in range(most):
            in_hand.enter_context(at_once.one_more("eu-west-1", request_))
        with pytest.raises(ThrottlingException), at_once.one_more("eu-west-1", request_):
            pass
        with at_once.one_more("us-east-1", request_):
            pass
    with at_once.one_more("eu-west-1", request_):
        pass
