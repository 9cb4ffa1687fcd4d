"""Whom tokens of identity providers name: issuers, the ordered rules that make principals of claims, and roles that may be taken on.

Values alone: what is checked of a token before its claims are believed stands in `authentication/identity_tokens.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from meridian.domain.claim_patterns import ClaimPattern, NameTemplate
from meridian.domain.principal import Principal
from meridian.domain.xks import RESERVED_NAMES

METHOD: Final = "identity_token"
"""Of principals that were authenticated by a token of an issuer."""
NAME_CHARACTERS_MAX: Final = 256
GROUPS_MAX: Final = 64
"""Of one claim; a token with more names nobody."""
ISSUER_CLAIM: Final = "iss"
SUBJECT_CLAIM: Final = ("sub",)

Claims = Mapping[str, Any]
"""Of JSON, whatever its issuer put there."""


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """An issuer that is believed, and for what."""

    issuer: str
    """Its `iss`, exactly."""
    audiences: frozenset[str]
    """One of which a token must be meant for."""
    algorithms: tuple[str, ...]
    life_seconds_max: int
    """From `iat` to `exp`."""
    pod_bound: bool
    """Whether tokens must be service account tokens of Kubernetes that are bound to a pod."""
    is_reviewed: bool = False
    """Whether the issuer is asked if it still stands by a token."""


@dataclass(frozen=True, slots=True)
class ClaimTest:
    """What one claim must be."""

    path: tuple[str, ...]
    """Names of members, each within the one before."""
    expected: ClaimPattern | bool | int

    def find(self, claims: Claims) -> dict[str, str] | None:
        """What the words of the pattern stand for; None where the claim is not there or is another."""
        value: Any = claims
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(self.expected, ClaimPattern):
            return {} if type(value) is type(self.expected) and value == self.expected else None
        if isinstance(value, str):
            return self.expected.find(value)
        if isinstance(value, list) and not self.expected.words:
            return {} if self.expected.text in [each for each in value if isinstance(each, str)] else None
        return None


@dataclass(frozen=True, slots=True)
class ClaimTests:
    """What claims of one issuer's tokens must be, all of it."""

    issuer: str
    tests: tuple[ClaimTest, ...]

    def find(self, claims: Claims) -> dict[str, str] | None:
        """What all words stand for; None for another token."""
        if claims.get(ISSUER_CLAIM) != self.issuer:
            return None
        found: dict[str, str] = {}
        for test in self.tests:
            words = test.find(claims)
            if words is None:
                return None
            found |= words
        return found

    def subject_may_match(self, claims: Claims) -> bool:
        """Whether nothing that is asked of the subject speaks against it."""
        return all(test.find(claims) is not None for test in self.tests if test.path == SUBJECT_CLAIM)


@dataclass(frozen=True, slots=True)
class GroupsClaim:
    """A claim with names of groups."""

    path: tuple[str, ...]
    pattern: ClaimPattern
    """Of those that count; its one word is the name here."""

    def groups_in(self, claims: Claims) -> tuple[str, ...] | None:
        """The groups, none where the claim is not there; None where it cannot be read."""
        value: Any = claims
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        listed = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or len(listed) > GROUPS_MAX or not all(isinstance(each, str) for each in listed):
            return None
        found = (self.pattern.find(each) for each in listed)
        names = tuple(dict.fromkeys(name for words in found if words is not None for name in words.values()))
        return names if all(len(name) <= NAME_CHARACTERS_MAX for name in names) else None


@dataclass(frozen=True, slots=True)
class TokenRule:
    """Makes a principal of the claims of a token."""

    claims: ClaimTests
    base: Principal
    """The principal but for what comes from the token."""
    name: NameTemplate
    arn_prefix: str
    """What the ARN has before the name."""
    tags: tuple[tuple[str, NameTemplate], ...]
    groups: GroupsClaim | None

    def principal_of(self, found: Mapping[str, str], claims: Claims) -> Principal | None:
        """The principal of claims that the rule speaks of, by what its words stand for; None where they name nobody."""
        name = self.name.filled(found)
        more = self.groups.groups_in(claims) if self.groups is not None else ()
        if more is None or len(name) > NAME_CHARACTERS_MAX or name.startswith(RESERVED_NAMES):
            return None
        tags = {**dict(self.base.tags), **{key: template.filled(found) for key, template in self.tags}}
        return replace(
            self.base,
            name=name,
            arn=f"{self.arn_prefix}{name}",
            groups=tuple(dict.fromkeys((*self.base.groups, *more))),
            tags=tuple(sorted(tags.items())),
        )


@dataclass(frozen=True, slots=True)
class AssumableRole:
    """A role that holders of tokens may take on for a while."""

    principal: Principal
    session_seconds_max: int
    trusted: tuple[ClaimTests, ...]
    """Whose tokens: one of them must be met."""

    def trusts(self, claims: Claims) -> bool:
        """Whether the holder of these claims may take the role on."""
        return any(each.find(claims) is not None for each in self.trusted)


@dataclass(frozen=True, slots=True)
class TokenMapping:
    """What one state of the file says about tokens."""

    issuers: Mapping[str, TokenIssuer]
    rules: tuple[TokenRule, ...]
    """In their order: the first that speaks of a token counts."""
    roles: Mapping[str, AssumableRole]
    """By ARN."""

    def principal_of(self, claims: Claims) -> Principal | None:
        """Whom verified claims name: the first rule that speaks of them decides, also that they name nobody."""
        for rule in self.rules:
            words = rule.claims.find(claims)
            if words is not None:
                found = rule.principal_of(words, claims)
                return found and replace(
                    found,
                    method=METHOD,
                    subject=subject_of(claims),
                    token_issued_at=moment_of(claims, "iat"),
                    expires_at=moment_of(claims, "exp"),
                )
        return None

    def principal_of_subject(self, subject: str) -> Principal | None:
        """Whom a subject names that another Region authenticated. Of its token nothing else is known here: a rule that asks for more
        might have named somebody else, so nothing after it counts."""
        issuer, _, name = subject.partition(" ")
        claims = {ISSUER_CLAIM: issuer, "sub": name}
        for rule in self.rules:
            if rule.claims.issuer != issuer or not rule.claims.subject_may_match(claims):
                continue
            words = rule.claims.find(claims)
            found = rule.principal_of(words, claims) if words is not None and rule.groups is None else None
            return found and replace(found, method=METHOD, subject=subject)
        return None

    def find_by_arn(self, arn: str) -> Principal | None:
        """The principal of a rule that names one alone, or a role."""
        role = self.roles.get(arn)
        if role is not None:
            return role.principal
        fixed = (rule for rule in self.rules if rule.name.is_fixed and f"{rule.arn_prefix}{rule.name.text}" == arn)
        return next((replace(rule.base, name=rule.name.text, arn=arn) for rule in fixed), None)


NO_TOKENS: Final = TokenMapping({}, (), {})


def subject_of(claims: Claims) -> str:
    """Issuer and subject of verified claims, as audit records and other Regions have them."""
    return f"{claims[ISSUER_CLAIM]} {claims['sub']}"


def moment_of(claims: Claims, name: str) -> datetime:
    """A moment among verified claims."""
    return datetime.fromtimestamp(claims[name], UTC)
