"""The Resource and NotResource elements of an identity policy: which keys and aliases a statement is about, as Cedar.

Of AWS KMS only keys and aliases have ARNs; every other call is about `*`, and so is CreateKey. What else is asked of a key that is being
made, such as TagResource, is allowed and denied by patterns of all keys, and never by one of particular keys. The ARN of a key, and so the
pattern of one, has five colons: a star reaches over none of them.

Source: IAM User Guide, IAM JSON policy elements: Resource, NotResource; Service Authorization Reference, AWS KMS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.aws_policy.actions import fits
from meridian.authorization.aws_policy.conditions import KEY, NEW_KEY, TRUE
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.cedar_text import cedar_text
from meridian.domain.key import PROSPECTIVE_KEY_ID

ALIAS: Final = "Alias"
PREFIXES: Final = {KEY: "key/", ALIAS: "alias/"}
PARTS: Final = 6
EVERYTHING: Final = "*"
ANY_KEY: Final = "key/\0"
"""A name that no pattern spells: one that fits it fits every key."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The ARN of keys or aliases, its parts with stars."""

    partition: str
    region: str
    account: str
    name: str

    def reaches(self, kind: str) -> bool:
        """Whether anything of this type can have such a name."""
        if kind == NEW_KEY:  # its name is a word of ours, which a pattern of particular keys may fit by chance
            return self.reaches(KEY) and (fits(self.name, ANY_KEY) or not fits(self.name, f"key/{PROSPECTIVE_KEY_ID}"))
        if kind not in PREFIXES:
            return False
        prefix, (literal, star, _) = PREFIXES[kind], self.name.partition("*")
        return literal.startswith(prefix) or (bool(star) and prefix.startswith(literal))

    def is_of(self, account: str, *, own: bool) -> bool:
        """Whether it can be about resources of this account, or of others."""
        return fits(self.account, account) if own else self.account != account

    def test(self, kind: str) -> str:
        """The expression for a resource of this type."""
        if kind == ALIAS:
            named = (("account", self.account), ("region", self.region), ("name", self.name))
            return " && ".join(_test(f"resource.{name}", pattern) for name, pattern in named if pattern != "*") or TRUE
        if self.region == "*" and self.name in ("*", "key/*") and self.account == "*":
            return TRUE
        whole = f"arn:{self.partition}:kms:{self.region}:{self.account}:{self.name}"
        if "*" in whole:
            return _test("resource.arn", whole)
        return f"resource == KMS::Key::{cedar_text(f'{self.account}/{self.region}/{self.name.removeprefix(PREFIXES[KEY])}')}"


@dataclass(frozen=True, slots=True)
class Resources:
    """What a statement is about."""

    account: str
    everything: bool
    patterns: tuple[_Pattern, ...]
    negated: bool
    warnings: tuple[str, ...]

    def expression(self, kind: str, *, own: bool) -> str | None:
        """What a resource of this type, of the account or of another, must be; "true" for any, None for none."""
        tests = [each.test(kind) for each in self.patterns if each.reaches(kind) and each.is_of(self.account, own=own)]
        if self.everything or TRUE in tests:
            return None if self.negated else TRUE
        if not tests:
            return TRUE if self.negated else None
        each = [f"({test})" for test in dict.fromkeys(tests)]
        joined = each[0] if len(each) == 1 else f"({' || '.join(each)})"
        return f"!{joined}" if self.negated else joined


def resources_of(statement: Mapping[str, Any], place: str, partition: str, account: str) -> Resources:
    """What a statement of a policy of this account names. Raises: RefusedDocument."""
    if ("Resource" in statement) == ("NotResource" in statement):
        raise RefusedDocument(place, Why.ONE_OF_RESOURCES)
    element = "Resource" if "Resource" in statement else "NotResource"
    where, given = f"{place}.{element}", statement[element]
    if given == []:
        raise RefusedDocument(where, Why.NAMES_NOTHING)
    patterns, warnings, everything = [], [], False
    for number, each in enumerate(given if isinstance(given, list) else [given]):
        at = f"{where}[{number}]" if isinstance(given, list) else where
        if each == EVERYTHING:
            everything = True
            continue
        found = _pattern(each, at, partition)
        if found is None:
            warnings.append(f"{at}: {each} is nothing of AWS KMS here and has no effect")
        else:
            patterns.append(found)
    return Resources(account, everything, tuple(patterns), element == "NotResource", tuple(warnings))


def _pattern(text: Any, place: str, partition: str) -> _Pattern | None:
    """The parts of an ARN; None for one of another service or partition. Raises: RefusedDocument."""
    parts = text.split(":", PARTS - 1) if isinstance(text, str) else []
    if len(parts) < PARTS or parts[0] != "arn" or "*" in parts[2]:
        raise RefusedDocument(place, Why.RESOURCE_ARN)
    if "${" in text:
        raise RefusedDocument(place, Why.RESOURCE_VARIABLE)
    if "?" in text:
        raise RefusedDocument(place, Why.WILDCARD)
    _, of_partition, service, region, account, name = parts
    made = _Pattern(partition, region, account, name)
    if service != "kms" or not fits(of_partition, partition):
        return None
    return made if made.reaches(KEY) or made.reaches(ALIAS) else None


def _test(subject: str, pattern: str) -> str:
    return f"{subject} {'like' if '*' in pattern else '=='} {cedar_text(pattern)}"
