"""A pattern is the whole of a claim, read in one way alone; a name is made of nothing else than what it found."""

from __future__ import annotations

import time

import pytest

from meridian.domain.claim_patterns import TEXT_CHARACTERS_MAX, WORD_CHARACTERS_MAX, ClaimPattern, NameTemplate, PatternFault

GITHUB = "repo:acme/{repo}:ref:refs/heads/main"


@pytest.mark.parametrize(
    ("pattern", "value", "found"),
    [
        ("ann", "ann", {}),
        ("ann", "annie", None),
        ("ann", "joann", None),
        ("ann", "Ann", None),
        ("a.n", "axn", None),
        ("ann", "ann\n", None),
        (GITHUB, "repo:acme/shop:ref:refs/heads/main", {"repo": "shop"}),
        (GITHUB, "repo:acme/shop:ref:refs/heads/main2", None),
        (GITHUB, "repo:evil/repo:acme/shop:ref:refs/heads/main", None),
        (GITHUB, "repo:acme/a/b:ref:refs/heads/main", None),
        (GITHUB, "repo:acme/:ref:refs/heads/main", None),
        (GITHUB, "repo:acme/x:ref:refs/heads/main:ref:refs/heads/main", None),
        ("{name}", "a.b+c=d,e@f-g_h", {"name": "a.b+c=d,e@f-g_h"}),
        ("{name}", "a/b", None),
        ("{name}", "a:b", None),
        ("{name}", "ä", None),
        ("{name}", "", None),
        ("{a}-{b}", "x-y", {"a": "x", "b": "y"}),
        ("{a}-{b}", "x-y-z", {"a": "x", "b": "y-z"}),
        ("{a}@{b}.org", "ann@x.org", {"a": "ann", "b": "x"}),
        ("{a}@{b}.org", "ann@x.y.org", None),
        ("{name}", "x" * WORD_CHARACTERS_MAX, {"name": "x" * WORD_CHARACTERS_MAX}),
        ("{name}", "x" * (WORD_CHARACTERS_MAX + 1), None),
        ("{name}/" + "y" * 2000, "x/" + "y" * 2000, {"name": "x"}),
        ("{name}/" + "y" * 2000, "x/" + "y" * (TEXT_CHARACTERS_MAX - 1), None),
        ("{a}]{b}^{c}\\", "x]y^z\\", {"a": "x", "b": "y", "c": "z"}),
        ("{a}.{b}", "x.y.z", {"a": "x", "b": "y.z"}),
    ],
)
def test_a_text_is_of_a_pattern_as_a_whole_or_not_at_all(pattern: str, value: str, found: dict[str, str] | None) -> None:
    assert ClaimPattern(pattern).find(value) == found


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "must have 1 to"),
        ("x" * (TEXT_CHARACTERS_MAX + 1), "must have 1 to"),
        ("{a}{b}", "nothing between"),
        ("{a}/{a}", "twice"),
        ("{A}", "brace"),
        ("{", "brace"),
        ("a}", "brace"),
        ("{}", "brace"),
        ("{a-b}", "brace"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(PatternFault, match=why):
        ClaimPattern(pattern)


def test_a_name_is_made_of_words_that_are_found() -> None:
    template = NameTemplate("ci/{repo}-{branch}", ["repo", "branch"])
    assert template.filled({"repo": "shop", "branch": "main"}) == "ci/shop-main"
    assert (template.is_fixed, template.beginning) == (False, "ci/")
    assert NameTemplate("ann", []).is_fixed
    with pytest.raises(PatternFault, match=r"\{other\}"):
        NameTemplate("{other}", ["repo"])


def test_no_text_takes_longer_than_its_length() -> None:
    """Many words that all could end anywhere: a backtracking reader would need years."""
    pattern = ClaimPattern("-".join(f"{{w{number}}}" for number in range(60)) + "!")
    begin = time.process_time()
    assert pattern.find("a-" * 1000) is None
    assert time.process_time() - begin < 10
