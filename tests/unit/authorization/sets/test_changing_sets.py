"""Another policy set in a serving process: it counts at once, and what was remembered under the one before goes in small pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.sets.policy_files import PolicySource, load_policies
from meridian.domain.key import Key
from meridian.domain.principal import Principal

PERMIT = (
    '@id("p{number}") @layer("account") @reason("r") permit (principal, action == KMS::Action::"Encrypt", '
    'resource in KMS::Account::"111122223333") when {{ context.encryptionContext.hasTag("n") && {condition} }};\n'
)
ANOTHER = '@id("q") @layer("guardrail") @reason("r") forbid (principal, action, resource);\n'


def facts(request: dict[str, Any], value: str) -> PlainFacts:
    own = {"encryptionContext": {"n": value}, "encryptionContextKeys": ["n"], "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return PlainFacts(own, request)


def closed(folder: Path, schema: SchemaHandle) -> PolicySource:
    folder.mkdir()
    (folder / "closed.cedar").write_text(ANOTHER)
    return load_policies(folder, schema)


def reading(number: int) -> str:
    """Compares the text with another too, so that each text is a decision of its own."""
    tag = 'context.encryptionContext.getTag("n")'
    return PERMIT.format(number=number, condition=f'{tag} like "{number}*" && {tag} != principal.arn')


def test_a_new_set_counts_at_once_and_frees_the_old_one_in_pieces(
    authorizer_of: Callable[[str], Authorizer],
    schema: SchemaHandle,
    tmp_path: Path,
    alice: Principal,
    key: Key,
    request_facts: dict[str, Any],
) -> None:
    authorizer = authorizer_of(reading(1))

    def allowed(value: str) -> bool:
        return authorizer.decide(alice, "Encrypt", key, facts(request_facts, value)).allowed

    assert all(allowed(f"1{number}") for number in range(50))
    authorizer.use(closed(tmp_path / "new", schema))
    assert not any(allowed(f"1{number}") for number in range(50))
    pieces = 0
    while authorizer.release(10):
        pieces += 1
    assert pieces >= 5, "fifty decisions are not freed in one go"
    assert not authorizer.release(10)
    assert not allowed("1"), "what the new set decided stays"


def test_a_decision_that_waits_for_what_is_built_is_made_by_the_policies_in_force_at_its_end(
    authorizer_of: Callable[[str], Authorizer],
    schema: SchemaHandle,
    tmp_path: Path,
    alice: Principal,
    key: Key,
    request_facts: dict[str, Any],
) -> None:
    authorizer = authorizer_of(reading(1))
    deciding = authorizer.deciding(alice, "Encrypt", key, facts(request_facts, "1"))
    wanted = next(deciding)
    made = wanted.make()
    authorizer.use(closed(tmp_path / "new", schema))
    wanted = deciding.send(made)
    with pytest.raises(StopIteration) as end:
        deciding.send(wanted.make())
    assert not end.value.value.allowed, "what was built under the old set decides nothing"


def test_a_fault_of_building_denies_and_is_told(
    authorizer_of: Callable[[str], Authorizer], alice: Principal, key: Key, request_facts: dict[str, Any]
) -> None:
    deciding = authorizer_of(reading(1)).deciding(alice, "Encrypt", key, facts(request_facts, "1"))
    next(deciding)
    with pytest.raises(StopIteration) as end:
        deciding.throw(RuntimeError("the worker ended"))
    decision = end.value.value
    assert (decision.allowed, decision.errors) == (False, 1)
    assert decision.fault.startswith("RuntimeError")
