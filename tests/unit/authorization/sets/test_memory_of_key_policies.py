"""The policies of a key are in memory once, however many actions are asked for, and leave with everything that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meridian.authorization.decision import live_policies
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.decision.live_policies import LivePolicies
from meridian.domain.key import Key
from meridian.domain.principal import Principal

PERMIT = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");\n'
SMALL = "permit (principal, action, resource);"
"""Where it counts how many there are, and not what they weigh."""
LARGE = "\n".join(f'forbid (principal, action, resource) when {{ principal.arn like "*:user/nobody-{n}" }};' for n in range(150))
ACTIONS = ("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "DescribeKey", "GetKeyPolicy", "TagResource")
EMPTY = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {}, "encryptionContextKeys": []}


def ask(authorizer: Authorizer, alice: Principal, key: Key, action: str, request_facts: dict[str, Any]) -> None:
    known = EMPTY if action in ("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext") else {}
    authorizer.decide(alice, action, key, PlainFacts(known, request_facts))


def policies_in(live: LivePolicies) -> set[int]:
    """Key policies that slices and members hold."""
    held = [policy for name in list(live.members._kept) for policy in live.members.get(name) or ()]
    slices = live.compiler.caches[1]
    held += [policy for name in list(slices._kept) if (found := slices.get(name)) is not None for policy in found.members]
    return {id(policy) for policy in held if policy.layer == "key"}


def test_a_policy_is_counted_once_however_many_actions_are_asked_for(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer, own = authorizer_of(PERMIT), replace(key, policy=LARGE)
    live = authorizer._live
    ask(authorizer, alice, own, ACTIONS[0], request_facts)
    before = live.read.bytes
    for action in ACTIONS:
        ask(authorizer, alice, own, action, request_facts)
    assert (len(live.members), live.read.bytes) == (len(ACTIONS), before)
    assert live.members.bytes < before / 2


def test_what_is_made_of_policies_leaves_with_them(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    """So that no policy is in memory uncounted."""
    authorizer = authorizer_of(PERMIT)
    live = authorizer._live
    live.read._most = 4
    for number in range(12):
        own = replace(key, key_id=f"key-{number}", policy=SMALL)
        for action in ACTIONS[:2]:
            ask(authorizer, alice, own, action, request_facts)
        counted = {id(policy) for name in list(live.read._kept) for policy in live.read.get(name) or ()}
        assert policies_in(live) <= counted
    assert len(live.read) == 4 < live_policies.READ_MAX
    assert policies_in(live)


def test_policies_that_left_while_a_slice_was_made_of_them_are_not_kept_by_it(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer, own = authorizer_of(PERMIT), replace(key, policy=LARGE)
    live = authorizer._live
    deciding = authorizer.deciding(alice, "Encrypt", own, PlainFacts(EMPTY, request_facts))
    wanted = next(deciding)
    wanted = deciding.send(wanted.make())  # the policies are read
    made = wanted.make()
    live.read.drop_oldest("")
    with pytest.raises(StopIteration) as end:
        deciding.send(made)
    assert end.value.value.errors == 0
    assert policies_in(live) == set()


def test_the_policies_of_a_slice_in_use_stay(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer, hot = authorizer_of(PERMIT), replace(key, policy=SMALL)
    authorizer._live.read._most = 12
    for number in range(40):
        ask(authorizer, alice, hot, "Encrypt", request_facts)
        ask(authorizer, alice, replace(key, key_id=f"key-{number}", policy=SMALL), "Encrypt", request_facts)
    assert authorizer.parses == 40 + 1
