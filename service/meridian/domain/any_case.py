"""Tags and pairs as AWS's condition keys see them: their names compare without regard to case.

Source: AWS KMS Developer Guide, kms:EncryptionContext; IAM User Guide, aws:ResourceTag and the other keys that name a tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TWICE: Final = "TWICE:"
"""Before a name that was given more than once, in letters of different case. No name in lower case begins with it."""


def lower_name(name: str) -> str:
    """The one spelling of a name: letters that differ in case alone, such as both small sigmas, become one."""
    return name.casefold()


def any_case(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags by their names in lower case; a name of several tags has one of their values, and its mark beside it."""
    found: dict[str, str] = {}
    for name in sorted(tags):
        lowered = lower_name(name)
        if lowered in found:
            found[TWICE + lowered] = ""
        found.setdefault(lowered, tags[name])
    return found
