"""Policies as text: where each begins, and expressions as an author would write them."""

from __future__ import annotations

import pytest

from meridian.authorization.language.evaluator import parse_policies
from meridian.authorization.language.expression_text import expression_text
from meridian.authorization.language.policy_text import policy_texts

EXPRESSIONS = [
    "context.request.mfaPresent && resource has multiRegionKeyType && [1, 2].contains(3)",
    '(principal.hasTag("a") || context.x == -1) && !(context.y < 1 + 2 * 3)',
    'if principal.hasTag("a") then principal.getTag("a") == "b" else false',
    '(if true then context.a else context.b) && context.c like "a*b\\\\*"',
    'ip("10.0.0.1").isInRange(ip("10.0.0.0/8")) || {a: 1, "b c": 2}.a == 1',
    'principal is KMS::User in KMS::Group::"111122223333/g" || principal in [KMS::Group::"111122223333/h"]',
    'context.validTo.durationSince(context.request.currentTime) <= duration("90d")',
    '!context.request.grants.isEmpty() && context["a b"] has "c d"',
    "(1 - (2 - 3)) * 4 == --5",
    "(1 == 2) == (3 != 4)",
    'context.s == "quote \\" back \\\\ ünï\\n"',
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_printed_as_written_and_reads_back_as_itself(text: str) -> None:
    def body(inner: str) -> dict[str, object]:
        read: dict[str, object] = parse_policies(f"permit (principal, action, resource) when {{ {inner} }};")[0]["conditions"][0]["body"]
        return read

    printed = expression_text(body(text))
    assert body(printed) == body(text)
    assert printed == text


def test_a_policy_begins_after_comments_and_strings_hide_what_is_in_them() -> None:
    text = '// one; "\npermit (principal, action, resource);\n\n  // two\n@id("x;//y")\nforbid (principal, action, resource); // end\n'
    assert [(p.line, p.text.split("(")[0].strip()) for p in policy_texts(text)] == [(2, "permit"), (5, "@id")]


def test_as_many_texts_as_policies() -> None:
    text = '@reason("a \\" ; b") permit (principal, action, resource) when { "x" like "*;*" };forbid (principal, action, resource)\n;'
    assert len(list(policy_texts(text))) == len(parse_policies(text)) == 2


def test_a_carriage_return_ends_a_comment_as_it_does_for_the_parser() -> None:
    text = "// one\rpermit (principal, action, resource);\r\n// two\r\nforbid (principal, action, resource);"
    assert len(list(policy_texts(text))) == len(parse_policies(text)) == 2
