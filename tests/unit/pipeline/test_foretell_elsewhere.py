"""What another Region would decide: the question of the call itself, and an answer for whatever comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.domain.made_keys import key_of
from tests.unit.pipeline.steps import ALICE, call_of

from meridian.call import Call
from meridian.domain.key import MultiRegionRole
from meridian.domain.peer_message import Prepare, PrepareHandover
from meridian.domain.policy_answer import Elsewhere, Foretold
from meridian.errors import AccessDeniedException, DependencyTimeoutException, LimitExceededException
from meridian.pipeline import foretell_elsewhere
from meridian.pipeline.foretell_elsewhere import ForetellElsewhere

HERE, THERE = "us-east-1", "eu-west-1"
CALLER = replace(ALICE, method="client_certificate", subject="spiffe://example/alice")
IDENTITY: Any = SimpleNamespace(region=HERE, deployment="d", partition="aws")


class Peer:
    """The other Region: answers with this, and remembers what it was asked."""

    def __init__(self, fault: BaseException | None = None, seconds: float = 0) -> None:
        self.fault, self.seconds = fault, seconds
        self.asked: list[tuple[str, Any]] = []

    async def foretell(self, region: str, message: Any) -> None:
        self.asked.append((region, message))
        await asyncio.sleep(self.seconds)
        if self.fault is not None:
            raise self.fault


def call(operation: str, principal: Any = CALLER, primary: str = HERE, **fields: Any) -> Call:
    made = call_of(operation, principal, **fields)
    made.keys = {"key_id": key_of(multi_region=MultiRegionRole(primary, (THERE,)))}
    return made


def ask(peer: Any, asked: Call) -> Elsewhere | None:
    return asyncio.run(ForetellElsewhere(peer, [THERE], IDENTITY)(asked))


def test_each_operation_of_two_regions_asks_as_it_would_itself() -> None:
    peer = Peer()
    assert ask(peer, call("ReplicateKey", replica_region=THERE)) == Elsewhere(THERE, Foretold.ALLOWED)
    assert ask(peer, call("UpdatePrimaryRegion", primary_region=THERE)) == Elsewhere(THERE, Foretold.ALLOWED)
    (_, replica), (_, handover) = peer.asked
    assert isinstance(replica, Prepare)
    assert isinstance(handover, PrepareHandover)
    assert (replica.caller.method, replica.caller.subject, replica.serial) == (CALLER.method, CALLER.subject, "")
    assert replica.primary_region == handover.primary_region == HERE


@pytest.mark.parametrize(
    ("fault", "foretold", "reason"),
    [
        (AccessDeniedException("closed there"), Foretold.DENIED, "closed there"),
        (DependencyTimeoutException(), Foretold.UNKNOWN, "Region eu-west-1 did not answer."),
        (LimitExceededException("full"), Foretold.UNKNOWN, "Region eu-west-1 would end the call: full"),
    ],
)
def test_whatever_comes_back_is_told(fault: Exception, foretold: Foretold, reason: str) -> None:
    assert ask(Peer(fault), call("ReplicateKey", replica_region=THERE)) == Elsewhere(THERE, foretold, reason)


def test_nobody_waits_longer_than_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foretell_elsewhere, "SECONDS", 0.01)
    told = ask(Peer(seconds=3600), call("ReplicateKey", replica_region=THERE))
    assert told == Elsewhere(THERE, Foretold.UNKNOWN, "Region eu-west-1 did not answer.")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (call("DescribeKey"), None),
        (call("UpdatePrimaryRegion", primary_region=HERE), None),
        (call("ReplicateKey", replica_region="xx-1"), Elsewhere("xx-1", Foretold.UNKNOWN, "xx-1 is no other Region of this deployment.")),
        (
            call("ReplicateKey", replace(CALLER, subject=""), replica_region=THERE),
            Elsewhere(THERE, Foretold.UNKNOWN, "How this principal is authenticated is not known before he calls."),
        ),
        (
            call("ReplicateKey", primary=THERE, replica_region=THERE),
            Elsewhere(THERE, Foretold.UNKNOWN, "Region us-east-1 would end the call before it asks Region eu-west-1."),
        ),
    ],
)
def test_what_the_call_would_not_ask_is_not_asked(asked: Call, told: Elsewhere | None) -> None:
    peer = Peer()
    assert ask(peer, asked) == told
    assert peer.asked == []
