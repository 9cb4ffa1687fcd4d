"""A key policy of AWS as Cedar text and the choice whether account policies count, converted as a whole or refused.

Source: AWS KMS Developer Guide, Key policies in AWS KMS; IAM User Guide, IAM JSON policy element reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from meridian.authorization.aws_policy.conditions import TRUE, Condition, conditions_of
from meridian.authorization.aws_policy.principals import Principals, principals_of
from meridian.authorization.aws_policy.refusal import RefusedDocument
from meridian.authorization.cedar_text import cedar_text
from meridian.authorization.evaluator import PolicySyntaxError
from meridian.authorization.schema_model import SchemaModel
from meridian.domain.strict_json import JsonFault, parse_json

CURRENT, EARLIER = "2012-10-17", "2008-10-17"
DOCUMENT: Final = frozenset({"Version", "Id", "Statement"})
STATEMENT: Final = frozenset({"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"})
ACCOUNT_ONLY: Final = frozenset({"CreateKey", "SynchronizeMultiRegionKey"})
OWN_ONLY: Final = frozenset({"CheckAccess", "DescribePolicySet", "SynchronizeMultiRegionKey"})
PREFIX: Final = "kms:"
CEDAR_CHARACTERS_MAX: Final = 131_072
"""Before it is laid out; what may be stored is less."""
UNLABELLED: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class KeyName:
    """The key that a policy is for; `key_id` is empty while there is none yet."""

    partition: str
    region: str
    account: str
    key_id: str = ""

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:kms:{self.region}:{self.account}:key/{self.key_id}" if self.key_id else ""


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted policy. `warnings` say where Cedar is told more exactly than AWS was."""

    cedar: str
    account_delegation: bool
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Work:
    key: KeyName
    model: SchemaModel
    services: Mapping[str, str]
    variables: bool = True
    delegation: bool = False
    labels: set[str] = field(default_factory=set)
    policies: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        """Every action that a key policy can speak of."""
        rows = self.model.actions.values()
        return [row.name for row in rows if "Key" in re.findall(r"\w+", row.resources) and row.name not in ACCOUNT_ONLY]


def convert(text: str, *, key: KeyName, model: SchemaModel, services: Mapping[str, str], lay_out: Callable[[str], str]) -> Converted:
    """Convert a document; `services` maps AWS's service names to services of this deployment, as `account/name`, and `lay_out` gives a
    Cedar text its canonical layout, here or in another process.

    Raises: RefusedDocument naming the element that cannot be said.
    """
    document = _read(text)
    work = _Work(key, model, services, variables=document.get("Version", EARLIER) == CURRENT)
    statements = document["Statement"]
    for number, statement in enumerate(statements if isinstance(statements, list) else [statements]):
        place = f"Statement[{number}]" if isinstance(statements, list) else "Statement"
        _convert(statement, place, number, work)
    if sum(map(len, work.policies)) > CEDAR_CHARACTERS_MAX:
        raise RefusedDocument("Statement", "becomes too long a text in Cedar; name fewer actions or principals")
    try:
        cedar = lay_out("\n".join(work.policies)) if work.policies else ""
    except PolicySyntaxError as fault:  # a text that Cedar cannot bear: too deep, or with characters that it has no form for
        raise RefusedDocument("Statement", f"has no form in Cedar: {fault}") from fault
    return Converted(cedar, work.delegation, tuple(work.warnings))


def _read(text: str) -> Mapping[str, Any]:
    try:
        document = parse_json(text)
    except JsonFault as fault:
        raise RefusedDocument("the document", str(fault)) from fault
    if not isinstance(document, Mapping):
        raise RefusedDocument("the document", "must be an object")
    for name in document:
        if name not in DOCUMENT:
            raise RefusedDocument(name, "is no element of a policy")
    if document.get("Version", EARLIER) not in (CURRENT, EARLIER):
        raise RefusedDocument("Version", f"must be {CURRENT}")
    if not document.get("Statement"):
        raise RefusedDocument("Statement", "is missing")
    return document


def _convert(statement: Any, place: str, number: int, work: _Work) -> None:
    if not isinstance(statement, Mapping):
        raise RefusedDocument(place, "must be an object")
    for name in statement:
        if name not in STATEMENT:
            raise RefusedDocument(f"{place}.{name}", "is no element of a statement")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise RefusedDocument(f"{place}.Effect", "must be Allow or Deny")
    _require_own_key(statement, place, work.key)
    actions = _actions(statement, place, work)
    given, where = statement.get("Condition", {}), f"{place}.Condition"
    conditions = conditions_of(given, where, denies=effect == "Deny", variables=work.variables, services=work.services)
    who, exclusion = _who(statement, place, work, effect)
    if who.own_root:
        if not _delegates(statement, effect, actions, work):
            why = "the account itself counts only in the statement that allows it kms:* without a condition; name its principals"
            raise RefusedDocument(f"{place}.Principal", why)
        work.delegation = True
    if who.everybody and effect == "Allow" and not any(c.key.about_caller and not c.when_absent and c.test for c in conditions):
        why = "everybody may be allowed only under a condition on the caller, such as kms:CallerAccount"
        raise RefusedDocument(f"{place}.Principal", why)
    if who.everybody or who.entities or exclusion:
        label = _label(statement.get("Sid"), number, work)
        work.policies += _policies(effect, who, exclusion, actions, conditions, label, statement.get("Sid"), work)


def _delegates(statement: Mapping[str, Any], effect: str, actions: list[str], work: _Work) -> bool:
    return effect == "Allow" and actions == work.actions and not statement.get("Condition")


def _who(statement: Mapping[str, Any], place: str, work: _Work, effect: str) -> tuple[Principals, str]:
    """Who the statement is about, and whom it leaves out, as an expression."""
    if ("Principal" in statement) == ("NotPrincipal" in statement):
        raise RefusedDocument(place, "needs either Principal or NotPrincipal")
    if "Principal" in statement:
        return principals_of(statement["Principal"], f"{place}.Principal", work.key.account, work.services), ""
    where = f"{place}.NotPrincipal"
    if effect != "Deny":
        raise RefusedDocument(where, "stands with Deny alone; with Allow it would open the key to strangers")
    left_out = principals_of(statement["NotPrincipal"], where, work.key.account, work.services)
    if left_out.everybody or not left_out.entities:
        raise RefusedDocument(where, "leaves nobody to speak of")
    if not left_out.own_root or not all(f'"{work.key.account}/' in entity for entity in left_out.entities):
        # Without it AWS denies the account as a whole, whomever else the element names.
        raise RefusedDocument(where, "names principals of the key's account, and the account's root beside them")
    return Principals((), everybody=True), left_out.any_of()


def _policies(
    effect: str,
    who: Principals,
    exclusion: str,
    actions: list[str],
    conditions: tuple[Condition, ...],
    label: str,
    sid: str | None,
    work: _Work,
) -> Iterator[str]:
    """One policy for all actions that read the conditions alike; none for actions for which they never hold."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for action in actions:
        parts = [condition.expression(action, work.model) for condition in conditions]
        if None not in parts:
            groups.setdefault(tuple(part for part in parts if part and part != TRUE), []).append(action)
    for number, (parts_of_group, named) in enumerate(groups.items(), 1):
        own = label if len(groups) == 1 else f"{label}-{number}"
        whole = named == work.actions
        scope = "action" if whole else f"action in [{', '.join(f'KMS::Action::{json.dumps(name)}' for name in named)}]"
        tests = [part for part in (who.condition(), *parts_of_group) if part]
        yield "\n".join(
            [
                f"// {_comment(sid) or f'statement {label}'}",
                f"@id({cedar_text(own)})",
                f"@reason({cedar_text(_comment(sid) or label)})",
                f"{'permit' if effect == 'Allow' else 'forbid'} ({who.scope()}, {scope}, resource is KMS::Key)",
                *([f"when {{ {' && '.join(tests)} }}"] if tests else []),
                *([f"unless {{ {exclusion} }}"] if exclusion else []),
                ";",
            ]
        )


def _require_own_key(statement: Mapping[str, Any], place: str, key: KeyName) -> None:
    if "NotResource" in statement:
        raise RefusedDocument(f"{place}.NotResource", "a key policy is about its own key; leave it out and say Resource *")
    element = statement.get("Resource")
    listed = element if isinstance(element, list) else [element]
    for each in listed:
        if each != "*" and (each != key.arn or not key.arn):
            raise RefusedDocument(f"{place}.Resource", "must be * or the ARN of this key")


def _actions(statement: Mapping[str, Any], place: str, work: _Work) -> list[str]:
    if ("Action" in statement) == ("NotAction" in statement):
        raise RefusedDocument(place, "needs either Action or NotAction")
    element = "Action" if "Action" in statement else "NotAction"
    listed = statement[element] if isinstance(statement[element], list) else [statement[element]]
    matched = {name for pattern in listed for name in _matching(pattern, f"{place}.{element}", work)}
    chosen = [name for name in work.actions if (name in matched) is (element == "Action")]
    if not chosen:
        raise RefusedDocument(f"{place}.{element}", "names no action on a key")
    return chosen


def _matching(pattern: Any, place: str, work: _Work) -> list[str]:
    """The actions that a name or a name with wildcards means, as far as they are about keys."""
    if not isinstance(pattern, str) or "?" in pattern:
        raise RefusedDocument(place, "must be text, with * as the only wildcard")
    bare = "*" if pattern == "*" else pattern[len(PREFIX) :] if pattern.lower().startswith(PREFIX) else ""
    every = [row.name for row in work.model.actions.values() if row.resources and row.name not in OWN_ONLY]
    named = [name for name in every if _matches(bare.lower(), name.lower())]
    if not named:
        raise RefusedDocument(place, f"{pattern} is no action of AWS KMS")
    if "*" in bare and bare != "*":
        work.warnings.append(f"{place}: {pattern} means what it matches today: {', '.join(named)}")
    if "*" not in bare and named[0] not in work.actions:
        work.warnings.append(f"{place}: {pattern} is not about a key and has no effect in a key policy")
    return named


def _matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern with stars, in time that grows with their lengths alone."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _label(sid: Any, number: int, work: _Work) -> str:
    base = UNLABELLED.sub("-", sid).strip("-") if isinstance(sid, str) else ""
    label, again = base or f"statement-{number + 1}", 1
    while label in work.labels:
        again += 1
        label = f"{base or f'statement-{number + 1}'}.{again}"
    work.labels.add(label)
    return label


def _comment(sid: Any) -> str:
    return "".join(c for c in " ".join(sid.split()) if c.isprintable()) if isinstance(sid, str) else ""
