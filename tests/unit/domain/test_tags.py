"""Tags that a key may have, and those that break a rule, in AWS's words."""

from __future__ import annotations

import pytest

from meridian.domain.limits import Limits
from meridian.domain.tag import require_room_for_tags, require_tag_keys, require_tags
from meridian.errors import TagException


def test_tags_have_aws_s_characters_and_more_alphabets() -> None:
    require_tags([("Straße 1", "ключ_.:/=+-@"), ("b", "")])
    require_tag_keys(["awsome", "x aws:"])


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([("a", ""), ("a", "b")], "Duplicate tag keys"),
        ([("aws:x", "")], "Tags beginning with aws: are reserved"),
        ([("AWS:x", "")], "Tags beginning with aws: are reserved"),
        ([("a!", "")], "Invalid tag"),
        ([("a", "x\n")], "Invalid tag"),
        ([("a", "fine"), ("b", "#")], "Invalid tag"),
    ],
)
def test_tags_that_break_a_rule_are_refused(tags: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(TagException) as refused:
        require_tags(tags)
    assert refused.value.message == words


def test_a_key_has_so_many_tags_and_no_more() -> None:
    require_room_for_tags([("a", "")] * 50, Limits())
    with pytest.raises(TagException, match="Too many tags"):
        require_room_for_tags([("a", "")] * 51, Limits())
