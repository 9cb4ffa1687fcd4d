"""What comes of the tests of a text is what Cedar says, and any other use of the text is its value."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import searched

from meridian.authorization.language.evaluator import EntityHandle, Ground, PolicyHandle, SchemaHandle, evaluate, parse_policies
from meridian.authorization.language.read_set import read_set
from meridian.authorization.language.text_tests import TextTests, fits_pieces

SCHEMA = """namespace KMS {
entity U;
action A appliesTo { principal: U, resource: U, context: { t: String } };
}"""
CHARACTERS = "ab*\\é\n\U0001f511"
pieces = st.text(CHARACTERS, max_size=3)
patterns = st.lists(pieces, min_size=1, max_size=4).map(tuple)
ATTRIBUTES = frozenset({"encryptionContext", "encryptionContextKeys"})


@cache
def schema() -> SchemaHandle:
    return SchemaHandle(SCHEMA)


def said_by_cedar(pattern: tuple[str, ...], text: str) -> bool:
    parts: list[object] = []
    for at, piece in enumerate(pattern):
        parts += ["Wildcard"] if at else []
        parts += [{"Literal": character} for character in piece]
    [est] = parse_policies('permit (principal, action, resource) when { context.t like "x" };')
    est["conditions"][0]["body"]["like"]["pattern"] = parts
    decided = evaluate(
        principal=("KMS::U", "p"),
        action="A",
        resource=("KMS::U", "r"),
        context={"t": text},
        ground=Ground(PolicyHandle([("p", est)]), EntityHandle.build([], schema()), schema()),
    )
    assert not decided.errors
    return decided.allowed


@searched(300, 3_000)
@given(pattern=patterns, text=st.one_of(st.text(CHARACTERS, max_size=8), st.lists(pieces, max_size=5).map("".join)))
def test_a_text_fits_a_pattern_where_cedar_says_so(pattern: tuple[str, ...], text: str) -> None:
    assert fits_pieces(pattern, text) == said_by_cedar(pattern, text)
    together = "".join(pattern)
    assert fits_pieces(pattern, together) == said_by_cedar(pattern, together)


TAG = 'context.encryptionContext.getTag("t")'


@pytest.mark.parametrize(
    ("condition", "tests"),
    [
        pytest.param('context.encryptionContext.hasTag("t")', TextTests(frozenset(), ()), id="looked for"),
        pytest.param(f'{TAG} == "a" || "b" != {TAG}', TextTests(frozenset("ab"), ()), id="compared"),
        pytest.param(f'["a", "b"].contains({TAG})', TextTests(frozenset("ab"), ()), id="one of some"),
        pytest.param(f'{TAG} like "a*" && {TAG} like "*b*c"', TextTests(frozenset(), (("", "b", "c"), ("a", ""))), id="like some patterns"),
        pytest.param(f'{TAG} like "a\\*"', TextTests(frozenset(), (("a*",),)), id="a star is a star"),
        pytest.param(f'{TAG} == "a" && {TAG} == principal.arn', None, id="compared with an attribute too"),
        pytest.param(f'{TAG} == context.encryptionContext.getTag("u")', None, id="compared with another"),
        pytest.param(f'[principal.arn, "a"].contains({TAG})', None, id="one of some that are not all spelled out"),
        pytest.param(f'[{TAG}].contains("a")', None, id="in a set itself"),
        pytest.param(f'principal.hasTag({TAG}) && {TAG} like "a*"', None, id="a name itself"),
        pytest.param(f"{TAG} == 1", None, id="compared with no text"),
        pytest.param(f'(if {TAG} == "a" then {TAG} else "b") == "c"', None, id="passed on"),
    ],
)
def test_a_text_that_is_used_otherwise_is_its_value(condition: str, tests: TextTests | None) -> None:
    reads = read_set(parse_policies(f"permit (principal, action, resource) when {{ {condition} }};"), ATTRIBUTES, frozenset())
    assert reads.tags is not None
    assert "t" in reads.tags
    assert reads.tests.get("t") == tests


def test_outcomes_tell_apart_what_the_tests_tell_apart() -> None:
    tests = TextTests(frozenset({"a", "ab"}), (("a", ""), ("", "b")))
    assert [tests.outcome(text) for text in ("a", "ab", "ac", "ad", "cb", "c")] == [
        "a", "ab", (True, False), (True, False), (False, True), (False, False),
    ]  # fmt: skip


def test_whether_there_is_a_context_reads_none_of_it() -> None:
    guarded = parse_policies(f'permit (principal, action, resource) when {{ context has encryptionContext && {TAG} == "a" }};')
    assert read_set(guarded, ATTRIBUTES, frozenset()).tags == frozenset({"t"})
    alone = read_set(
        parse_policies("permit (principal, action, resource) when { context has encryptionContext };"), ATTRIBUTES, frozenset()
    )
    assert (alone.attributes, alone.tags) == (frozenset({"encryptionContext"}), frozenset())
    whole = parse_policies("permit (principal, action, resource) when { context.encryptionContext == context.encryptionContext };")
    assert read_set(whole, ATTRIBUTES, frozenset()).tags is None
