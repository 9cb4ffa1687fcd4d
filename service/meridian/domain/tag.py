"""Tags of a key.

Source: AWS KMS Developer Guide, Tagging keys; recorded answers for the texts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from meridian.domain.limits import TAG_KEY_PREFIX_RESERVED, Limits
from meridian.errors import TagException

PUNCTUATION: Final = frozenset("_.:/=+-@")
CATEGORIES: Final = frozenset("LZN")
"""Of Unicode: letters, separators and numbers, and so no control characters, a line's end among them."""


def require_room_for_tags(tags: Sequence[tuple[str, str]], limits: Limits) -> None:
    """Refuse more tags than a key may have, however it comes by them. Raises: TagException."""
    if len(tags) > limits.tags_per_key:
        raise TagException("Too many tags")


def require_tags(tags: Sequence[tuple[str, str]]) -> None:
    """Refuse tags that break a rule. Lengths are limits of the contract. Raises: TagException."""
    keys = [key for key, _ in tags]
    if len(set(keys)) != len(keys):
        raise TagException("Duplicate tag keys")
    require_tag_keys(keys)
    if not all(_is_of_tags(value) for _, value in tags):
        raise TagException("Invalid tag")


def require_tag_keys(keys: Iterable[str]) -> None:
    """Refuse names that no tag of a caller can have. Raises: TagException."""
    for key in keys:
        if key.lower().startswith(TAG_KEY_PREFIX_RESERVED):
            raise TagException("Tags beginning with aws: are reserved")
        if not _is_of_tags(key):
            raise TagException("Invalid tag")


def _is_of_tags(text: str) -> bool:
    r"""AWS's pattern `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`."""
    return all(each in PUNCTUATION or unicodedata.category(each)[0] in CATEGORIES for each in text)
