"""Reading a key policy is the dear part of a question about it: each question reads it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cache_memory import cache_memory

from meridian.authorization.decision import slices
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import explain
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.sets.policy_files import load_policies
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.errors import MalformedPolicyDocumentException

PERMIT = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");\n'
EMPTY = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": {}, "encryptionContextKeys": []}
CHECK = {"bypassPolicyLockoutSafetyCheck": False}

Counted = tuple[Authorizer, list[str]]


@pytest.fixture
def counted(tmp_path: Path, schema: SchemaHandle) -> Counted:
    """An authorizer, and every policy text that it has read."""
    read: list[str] = []

    def as_json(text: str) -> str:
        read.append(text)
        return policies_as_json(text)

    (tmp_path / "p.cedar").write_text(PERMIT)
    source = load_policies(tmp_path, schema)
    return Authorizer(schema=schema, source=source, around=Surroundings(), limits=Limits(), as_json=as_json, caches=cache_memory()), read


def test_a_slice_in_use_stays_while_slices_of_other_keys_come_and_go(
    monkeypatch: pytest.MonkeyPatch, authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    monkeypatch.setattr(slices, "COMPILED_MAX", 8)
    authorizer = authorizer_of(PERMIT)
    for number in range(40):
        own = replace(key, key_id=f"other-{number}", policy="permit (principal, action, resource);")
        for each in (key, own):
            assert authorizer.decide(alice, "Encrypt", each, PlainFacts(EMPTY, request_facts)).allowed
    assert authorizer.parses == 40 + 1


@pytest.mark.parametrize("account", ["111122223333", "444455556666"], ids=["own", "abroad"])
@pytest.mark.parametrize("policy", ["permit (principal, action, resource);", "forbid (principal, action, resource);"])
def test_an_explanation_reads_it_once(
    counted: Counted, alice: Principal, key: Key, request_facts: dict[str, Any], account: str, policy: str
) -> None:
    authorizer, read = counted
    found = explain(authorizer, alice, "Encrypt", replace(key, account=account, policy=policy), PlainFacts(EMPTY, request_facts))
    assert found.decision.errors == 0
    assert read == [policy]


@pytest.mark.parametrize("bypass", [True, False])
def test_the_check_of_a_new_policy_reads_it_once(
    counted: Counted, alice: Principal, key: Key, request_facts: dict[str, Any], bypass: bool
) -> None:
    authorizer, read = counted
    future = replace(key, policy="permit (principal, action, resource);", account_delegation=False)
    authorizer.require_key_policy(alice, future, PlainFacts(CHECK, request_facts), bypass_lockout_check=bypass)
    assert read == [future.policy]


def test_what_locks_its_caller_out_is_refused_all_the_same(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    future = replace(key, policy="forbid (principal, action, resource);")
    with pytest.raises(MalformedPolicyDocumentException, match="will not allow you"):
        authorizer_of(PERMIT).require_key_policy(alice, future, PlainFacts(CHECK, request_facts), bypass_lockout_check=False)


def test_a_policy_that_cannot_be_read_is_explained_as_a_fault(
    counted: Counted, alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    authorizer, read = counted
    found = explain(authorizer, alice, "Encrypt", replace(key, policy="no policy"), PlainFacts(EMPTY, request_facts))
    assert (found.decision.allowed, found.decision.errors) == (False, 1)
    assert found.fault == found.decision.fault != ""
    assert read == ["no policy"]
