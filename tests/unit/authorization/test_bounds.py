"""How large, deep and costly policies may be: accepted up to a bound, refused past it, and never the end of the process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cache_memory import cache_memory

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.decision.slices import SliceCompiler
from meridian.authorization.language.evaluator import SchemaHandle, parse_policies, policies_as_json
from meridian.authorization.language.policies import Policy
from meridian.authorization.language.policy_bounds import HAS_PATH_MAX, NESTING_MAX, WILDCARD_WORK_MAX
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import POLICIES_MAX, KeyPolicyReader
from meridian.authorization.sets.policy_files import PolicySetError, load_policies
from meridian.domain.key import Key
from meridian.domain.limits import ENCRYPTION_CONTEXT_BYTES_MAX, Limits
from meridian.domain.principal import Principal
from meridian.errors import LimitExceededException, MalformedPolicyDocumentException

BYTES_MAX = 32_768
SECONDS_MAX = 5.0
"""Far more than any of it takes, and far less than what is not bounded at all."""

HEAD = 'permit (principal, action == KMS::Action::"Encrypt", resource)'
TAG = 'context.encryptionContext.hasTag("t") && context.encryptionContext.getTag("t")'


@pytest.fixture
def reader(schema: SchemaHandle) -> KeyPolicyReader:
    return KeyPolicyReader(schema, SchemaModel(schema.text), Limits(), policies_as_json)


def when(body: str) -> str:
    return f"{HEAD} when {{ {body} }};"


# ---- size and number


def test_a_key_policy_of_exactly_its_size_is_accepted(reader: KeyPolicyReader, key: Key) -> None:
    text = when("true") + "\n//"
    reader.require_valid(replace(key, policy=text + "x" * (BYTES_MAX - len(text))))


def test_a_key_policy_one_byte_larger_is_refused(reader: KeyPolicyReader, key: Key) -> None:
    text = when("true") + "\n//"
    with pytest.raises(LimitExceededException, match="longer than 32768 bytes"):
        reader.require_valid(replace(key, policy=text + "x" * (BYTES_MAX - len(text) + 1)))


def test_the_size_of_a_key_policy_is_counted_in_bytes(reader: KeyPolicyReader, key: Key) -> None:
    with pytest.raises(LimitExceededException):
        reader.require_valid(replace(key, policy=when("true") + "//" + "é" * (BYTES_MAX // 2)))


def test_as_many_policies_as_a_key_policy_may_have_are_accepted_and_decide(
    reader: KeyPolicyReader, key: Key, alice: Principal, request_facts: dict[str, Any], authorizer_of: Callable[[str], Authorizer]
) -> None:
    full = replace(key, policy=when("true") * POLICIES_MAX)
    reader.require_valid(full)
    guard = '@id("g") @layer("guardrail") @reason("r") forbid (principal, action, resource is KMS::Scope);'
    decided = authorizer_of(guard).decide(alice, "Encrypt", full, PlainFacts({}, request_facts))
    assert decided.allowed
    assert len(decided.policy_ids) == POLICIES_MAX == 200


def test_one_policy_more_is_refused(reader: KeyPolicyReader, key: Key) -> None:
    with pytest.raises(MalformedPolicyDocumentException, match="at most 200 policies"):
        reader.require_valid(replace(key, policy=when("true") * (POLICIES_MAX + 1)))


def test_a_thousand_policies_of_a_region_load_and_only_those_of_the_action_are_asked(
    tmp_path: Path,
    schema: SchemaHandle,
    authorizer_of: Callable[[str], Authorizer],
    alice: Principal,
    key: Key,
    request_facts: dict[str, Any],
) -> None:
    scope = 'resource in KMS::Account::"111122223333"'
    names = ["Encrypt", *["DescribeKey"] * 999]
    lines = (
        f'@id("p{n}") @layer("account") @reason("r") permit (principal, action == KMS::Action::"{name}", {scope});'
        for n, name in enumerate(names)
    )
    authorizer = authorizer_of("\n".join(lines))
    facts = PlainFacts({}, request_facts)
    assert authorizer.decide(alice, "Encrypt", key, facts).policy_ids == ("p0",)
    assert len(authorizer.question(alice, "Encrypt", key, authorizer.own_policies(key), facts).policies) == 1
    assert len(authorizer.decide(alice, "DescribeKey", key, facts).policy_ids) == 999


# ---- nesting

DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "true" + ")" * n,
    "negations": lambda n: "!" * n + "true",
    "negations of parentheses": lambda n: "!(" * n + "true" + ")" * n,
    "minus signs": lambda n: "-" * n + "1 == 1",
    "choices in tests": lambda n: "if " * n + "true" + " then true else true" * n,
    "choices in branches": lambda n: "if true then true else " * n + "true",
    "records": lambda n: "{a: " * n + "1" + "}" * n + " == 1",
    "sets": lambda n: "[" * n + "1" + "]" * n + ".isEmpty()",
    "method calls": lambda n: "[1].contains(" * n + "1" + ")" * n,
    "comparisons": lambda n: "(true == " * n + "true" + ")" * n,
    "conjunctions": lambda n: "true" + "&&true" * n,
    "disjunctions": lambda n: "false" + "||false" * n,
    "sums": lambda n: "1" + "+1" * n + " > 0",
    "products": lambda n: "1" + "*1" * n + " > 0",
    "accesses": lambda n: "principal" + ".a" * n + " == 1",
    "accesses in brackets": lambda n: "principal" + '["a"]' * n + " == 1",
    "paths after has": lambda n: "context has a" + ".a" * n,
    "open brackets": lambda n: "([{" * n,
    "clauses": lambda n: "true }" + " when { true }" * (2 * n) + " unless { false",
}

CHILD = """
import sys
from pathlib import Path
from tests.unit.authorization import test_bounds as t

for shape, make in t.DEEP.items():
    print(shape, flush=True)
    print(t.verdict(t.when(make(int(sys.argv[2]))), Path(sys.argv[1])), flush=True)
"""


def verdict(text: str, folder: Path) -> str:
    """What becomes of the text as a key policy and as a file."""
    from datetime import UTC, datetime

    from meridian.authorization.sets.packaged import schema_text
    from meridian.domain.key import KeySpec, KeyState, KeyUsage, Origin

    limits = Limits(key_policy_bytes=2**30)
    schema, kind = SchemaHandle(schema_text()), (KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, KeyState.ENABLED)
    key = Key("aws", "us-east-1", "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab", *kind, datetime(2026, 1, 1, tzinfo=UTC))
    (folder / "p.cedar").write_text('@id("p") @layer("guardrail") @reason("r") ' + text.replace("permit", "forbid", 1))
    answers = []
    for attempt in (
        lambda: KeyPolicyReader(schema, SchemaModel(schema.text), limits, policies_as_json).require_valid(replace(key, policy=text)),
        lambda: load_policies(folder, schema),
    ):
        try:
            attempt()
            answers.append("accepted")
        except (MalformedPolicyDocumentException, PolicySetError) as refusal:
            answers.append(f"{type(refusal).__name__}")
    return " ".join(answers)


@pytest.mark.parametrize("times", [1_000, 30_000], ids=["deep", "deeper than any key policy"])
def test_nesting_without_end_is_refused_and_the_process_lives(tmp_path: Path, times: int) -> None:
    """In a process of its own, for a parser that overflows its stack takes the process with it."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=root, check=False)
    lines = done.stdout.splitlines()
    verdicts = dict(zip(lines[::2], [*lines[1::2], f"the process ended with {done.returncode}"], strict=False))
    assert verdicts == dict.fromkeys(DEEP, "MalformedPolicyDocumentException PolicySetError")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(" * (NESTING_MAX - 2) + "true" + ")" * (NESTING_MAX - 2), id="parentheses"),
        pytest.param("!(" * 45 + "true" + ")" * 45, id="negations"),
        pytest.param("if true then true else " * 45 + "true", id="choices"),
        pytest.param("true" + " && true" * 95, id="conjunctions"),
        pytest.param(" || ".join(f"({' && '.join(['true'] * 50)})" for _ in range(20)), id="a long list of short ones"),
    ],
)
def test_what_authors_write_is_far_from_the_bounds(tmp_path: Path, body: str) -> None:
    assert verdict(when(body), tmp_path) == "accepted accepted"


def test_what_is_accepted_can_be_decided(
    reader: KeyPolicyReader, key: Key, alice: Principal, request_facts: dict[str, Any], authorizer_of: Callable[[str], Authorizer]
) -> None:
    """The engine bears fewer levels than the parser; what lies between must not be stored, or must be decided."""
    authorizer = authorizer_of('@id("g") @layer("guardrail") @reason("r") forbid (principal, action, resource is KMS::Scope);')
    accepted = 0
    for shape, make in DEEP.items():
        for times in (20, 40, 50, 55, 60, 65, 90, 98):
            held = replace(key, policy=when(make(times)))
            try:
                reader.require_valid(held)
            except MalformedPolicyDocumentException:
                continue
            accepted += 1
            decision = authorizer.decide(alice, "Encrypt", held, PlainFacts({}, request_facts))
            assert decision.errors == 0, (shape, times, decision.fault)
    assert accepted > len(DEEP)


def test_brackets_in_strings_and_comments_nest_nothing(reader: KeyPolicyReader, key: Key) -> None:
    reader.require_valid(
        replace(key, policy=f"// {'(' * 500}\n" + when(f'principal.arn == "{"(" * 500}" || principal.arn == "{"if " * 500}"'))
    )


def test_the_depth_of_one_policy_does_not_count_for_the_next(reader: KeyPolicyReader, key: Key) -> None:
    reader.require_valid(replace(key, policy=when("(" * 60 + "true" + ")" * 60) * 20 + when("if true then true else false") * 150))


def test_a_path_after_has_is_short(reader: KeyPolicyReader, key: Key) -> None:
    reader.require_valid(replace(key, policy=when("context has request.mfaAgeSeconds && context.request.mfaAgeSeconds > 1")))
    started = time.perf_counter()
    with pytest.raises(MalformedPolicyDocumentException, match="path after `has`"):
        reader.require_valid(replace(key, policy=when("context has a" + ".a" * (HAS_PATH_MAX + 1))))
    with pytest.raises(MalformedPolicyDocumentException, match="path after `has`"):
        reader.require_valid(replace(key, policy=when("context has a" + " /**/ . a".replace("/**/", "// x\n") * 2_000)))
    assert time.perf_counter() - started < SECONDS_MAX


# ---- patterns


def _pattern_policy(pattern: str, count: int = 1) -> str:
    return " ".join(when(f'{TAG} like "{pattern}"') for _ in range(count))


WORST = {
    "one star and a long run": _pattern_policy("*" + "a" * (WILDCARD_WORK_MAX - 2) + "b"),
    "stars and letters": _pattern_policy("*a" * 1_000 + "b"),
    "stars": _pattern_policy("*" * 2_000 + "b"),
    "pairs": _pattern_policy("a*" + "ab*" * 600 + "c"),
    "many patterns": _pattern_policy("*b*c", WILDCARD_WORK_MAX // 2),
    "alternatives": when(" || ".join(f'({TAG} == "v{n}")' for n in range(60))),
    "choices": when('if principal.hasTag("a") then true else ' * 45 + "false"),
    "a large set": when(f"[{','.join(f'{n}' for n in range(3_000))}].containsAny([{','.join(f'{n}' for n in range(5_000, 7_500))}])"),
    "many sets": "".join(when(f"[{','.join(f'{n}' for n in range(20))}].contains(20)") for _ in range(190)),
    "addresses": when(f'[{",".join(f"ip({chr(34)}10.0.{n // 250}.{n % 250}{chr(34)})" for n in range(1_900))}].contains(ip("1.1.1.1"))'),
    "as many policies as there may be": when(f'{TAG} == "v"') * POLICIES_MAX,
}
"""Policies that are as costly to decide as a key policy may be."""
DECISION_SECONDS = 0.005


@pytest.mark.parametrize("policy", WORST.values(), ids=list(WORST))
def test_the_worst_key_policy_is_decided_within_five_milliseconds(
    reader: KeyPolicyReader,
    key: Key,
    alice: Principal,
    request_facts: dict[str, Any],
    authorizer_of: Callable[[str], Authorizer],
    policy: str,
) -> None:
    held = replace(key, policy=policy)
    reader.require_valid(held)
    guard = '@id("g") @layer("guardrail") @reason("r") forbid (principal, action, resource is KMS::Scope);'
    authorizer = authorizer_of(guard)
    taken, decided = [], []
    for number in range(20):  # each with another value, for which nothing is remembered
        value = "a" * (ENCRYPTION_CONTEXT_BYTES_MAX - 3) + f"{number:02}"
        facts = PlainFacts({"encryptionContext": {"t": value}}, request_facts)
        started = time.perf_counter()
        decided.append(authorizer.decide(alice, "Encrypt", held, facts))
        taken.append(time.perf_counter() - started)
    assert {(each.allowed, each.errors) for each in decided} == {(False, 0)}
    assert min(taken) < DECISION_SECONDS, "the least of several: others use this machine too"


def test_the_patterns_of_a_key_policy_are_bounded_together(reader: KeyPolicyReader, key: Key) -> None:
    half = "*" + "a" * (WILDCARD_WORK_MAX // 2 - 1)
    reader.require_valid(replace(key, policy=_pattern_policy(half, 2)))
    with pytest.raises(MalformedPolicyDocumentException, match="patterns of a key policy may cost 256 together"):
        reader.require_valid(replace(key, policy=_pattern_policy(half, 2) + _pattern_policy("*b")))


def test_a_prefix_costs_nothing_and_may_be_long(reader: KeyPolicyReader, key: Key) -> None:
    reader.require_valid(replace(key, policy=_pattern_policy("s3://" + "a" * 500 + "/\\*/*", 20)))


def test_stars_outside_of_patterns_are_no_wildcards(reader: KeyPolicyReader, key: Key) -> None:
    reader.require_valid(replace(key, policy=when(f'{TAG} == "{"*" * 5_000}"') + '// like "' + "*" * 5_000))


# ---- memory


def test_tags_that_key_policies_name_do_not_pile_up(schema: SchemaHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name makes a schema of its own, and there is no end of names."""
    monkeypatch.setattr("meridian.authorization.decision.slices.COMPILED_MAX", 4)
    compiler = SliceCompiler(SchemaModel(schema.text), cache_memory())
    for number in range(9):
        [est] = parse_policies(when(f'context.encryptionContext.hasTag("t{number}")'))
        compiler.keep(compiler.make("Encrypt", [Policy("p", "key", est)], "111122223333"), (), "111122223333")
    assert compiler.kept == (4, 4)
