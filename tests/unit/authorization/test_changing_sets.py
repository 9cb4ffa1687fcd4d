"""Another policy set in a serving process: it counts at once, and what was remembered under the one before goes in small pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from meridian.authorization.authorizer import Authorizer
from meridian.authorization.evaluator import SchemaHandle
from meridian.authorization.explain import explain, explain_in_steps
from meridian.authorization.facts import PlainFacts
from meridian.authorization.policy_files import PolicySource, load_policies
from meridian.domain.call import Principal
from meridian.domain.key import Key
from meridian.domain.policy_answer import Explanation

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
    return PERMIT.format(number=number, condition=f'context.encryptionContext.getTag("n") like "{number}*"')


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


def test_an_explanation_in_steps_is_the_explanation(
    authorizer_of: Callable[[str], Authorizer],
    schema: SchemaHandle,
    tmp_path: Path,
    alice: Principal,
    key: Key,
    request_facts: dict[str, Any],
) -> None:
    authorizer = authorizer_of("".join(map(reading, range(30))))
    asked = (authorizer, alice, "Encrypt", key, facts(request_facts, "x"))
    whole = explain(*asked)
    assert not whole.decision.allowed
    assert len(whole.closest) == 5
    told: list[Explanation] = []

    def walk() -> Iterator[None]:
        told.append((yield from explain_in_steps(*asked)))

    for number, _ in enumerate(walk()):
        if number == 0:
            authorizer.use(closed(tmp_path / "new", schema))
    assert number == 29, "each permit is a step"
    assert told == [whole], "a set that changes between two steps does not mix into it"
