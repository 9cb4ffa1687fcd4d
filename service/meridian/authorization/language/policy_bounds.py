"""How much a policy text may ask of the parser, judged before the parser sees it.

Cedar's parser recurses natively: a few kilobytes of opening brackets end the process, and a long path after `has` takes time that
grows with its cube. So the tokens are counted first, without recursion. The tokens are those of Cedar's own grammar.
"""

from __future__ import annotations

import re
from typing import Final

TOKEN: Final = re.compile(r'//[^\n\r]*|"(?:\\.|[^"\\])*"|\w+|&&|\|\||\S')
ESCAPED: Final = re.compile(r"\\.")

NESTING_MAX: Final = 100
"""Brackets within brackets, and choices within one policy."""
LINKS_MAX: Final = 2_000
"""Operators, accesses and clauses of one policy, each of which the parser hangs below the one before."""
HAS_PATH_MAX: Final = 10
"""Dots after `has`."""
EXPRESSION_DEPTH_MAX: Final = 200
"""Levels of a parsed condition, two for each operator."""
ENGINE_DEPTH_MAX: Final = 124
"""Levels of a parsed condition that the engine's reader bears; chains of `&&` and `||` are balanced before they count."""
WILDCARD_WORK_MAX: Final = 256
"""Of all patterns of a key policy: one for each that has a star, and the characters of its longest run behind a star. Each may be held
against each of the 8192 characters of an encryption context: two million comparisons, under 5 ms."""

LAID_OUT_CHARACTERS_MAX: Final = 131_072
"""Of a text that is laid out at once: it takes the square of its length, seconds for this one."""

LINKS: Final = frozenset({"&&", "||", "+", "-", "*", ".", "[", "when", "unless"})


def bounds_fault(text: str) -> str:
    """What asks too much of the parser; empty for a text that may be parsed."""
    depth = choices = links = dots = 0
    after_has = False
    for found in TOKEN.finditer(text):
        word = found[0]
        if word.startswith("//"):
            continue
        after_has = word == "has" or (after_has and (word == "." or word[0].isalnum() or word[0] == "_"))
        dots = dots + (word == ".") if after_has else 0
        depth += (word in "([{") - (word in ")]}")
        choices += word == "if"
        links += word in LINKS
        if depth > NESTING_MAX or choices > NESTING_MAX or links > LINKS_MAX:
            return "a policy nests too deeply"
        if dots > HAS_PATH_MAX:
            return f"a path after `has` has more than {HAS_PATH_MAX} dots"
        if word == ";" and depth <= 0:
            depth = choices = links = 0
    return ""


def wildcard_work(text: str) -> int:
    """What the `like` patterns of a text cost for each character of a value; what stands before a first star costs nothing.

    A pattern is held against a value from left to right, and falls back to its last star alone, so only the longest run counts.
    """
    total, before = 0, ""
    for found in TOKEN.finditer(text):
        word = found[0]
        if word.startswith("//"):
            continue
        if before == "like" and word[0] == '"':
            _, *runs = ESCAPED.sub("x", word[1:-1]).split("*")
            total += 1 + max(map(len, runs)) if runs else 0
        before = word
    return total
