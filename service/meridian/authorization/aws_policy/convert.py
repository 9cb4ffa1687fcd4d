"""A key policy of AWS as Cedar text and the choice whether account policies count, converted as a whole or refused.

Source: AWS KMS Developer Guide, Key policies in AWS KMS; IAM User Guide, IAM JSON policy element reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from meridian.authorization.aws_policy.actions import actions_of, on_keys
from meridian.authorization.aws_policy.conditions import TRUE, Condition, conditions_of
from meridian.authorization.aws_policy.principals import Principals, principals_of
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.evaluator import PolicySyntaxError
from meridian.authorization.language.policies import DELEGATES
from meridian.authorization.language.schema_model import SchemaModel
from meridian.domain.strict_json import JsonFault, parse_json

CURRENT, EARLIER = "2012-10-17", "2008-10-17"
DOCUMENT: Final = frozenset({"Version", "Id", "Statement"})
STATEMENT: Final = frozenset({"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"})
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
    """A converted policy. `notes` say where Cedar is told more exactly than AWS was, `warnings` what has no effect."""

    cedar: str
    account_delegation: bool
    """Whether the account's policies apply to every action."""
    delegates_some: bool
    """Whether they apply to some alone, those that `cedar` says."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Work:
    key: KeyName
    model: SchemaModel
    services: Mapping[str, str]
    variables: bool
    actions: tuple[str, ...]
    """Every action that a key policy can speak of."""
    delegated: set[str] = field(default_factory=set)
    """Those that the account's own policies decide, too."""
    conditional: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Places where the account is named under a condition, each with its actions."""
    labels: set[str] = field(default_factory=set)
    policies: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def convert(text: str, *, key: KeyName, model: SchemaModel, services: Mapping[str, str], lay_out: Callable[[str], str]) -> Converted:
    """Convert a document; `services` maps AWS's service names to services of this deployment, as `account/name`, and `lay_out` gives a
    Cedar text its canonical layout, here or in another process.

    Raises: RefusedDocument naming the element that cannot be said.
    """
    document = _read(text)
    work = _Work(key, model, services, document.get("Version", EARLIER) == CURRENT, on_keys(model))
    statements = document["Statement"]
    for number, statement in enumerate(statements if isinstance(statements, list) else [statements]):
        place = f"Statement[{number}]" if isinstance(statements, list) else "Statement"
        _convert(statement, place, number, work)
    _delegate(work)
    if sum(map(len, work.policies)) > CEDAR_CHARACTERS_MAX:
        raise RefusedDocument("Statement", Why.TOO_LONG)
    try:
        cedar = lay_out("\n".join(work.policies)) if work.policies else ""
    except PolicySyntaxError as fault:  # a text that Cedar cannot bear: too deep, or with characters that it has no form for
        raise RefusedDocument("Statement", Why.NO_CEDAR, fault=str(fault)) from fault
    whole = work.delegated.issuperset(work.actions)
    return Converted(cedar, whole, bool(work.delegated) and not whole, tuple(work.notes), tuple(work.warnings))


def _read(text: str) -> Mapping[str, Any]:
    try:
        document = parse_json(text, parse_float=_fraction)
    except JsonFault as fault:
        raise RefusedDocument("the document", Why.NO_JSON, fault=str(fault)) from fault
    if not isinstance(document, Mapping):
        raise RefusedDocument("the document", Why.NO_OBJECT)
    for name in document:
        if name not in DOCUMENT:
            raise RefusedDocument(name, Why.NO_ELEMENT)
    _require_text(document, "Id", "Id")
    if document.get("Version", EARLIER) not in (CURRENT, EARLIER):
        raise RefusedDocument("Version", Why.VERSION)
    if not document.get("Statement"):
        raise RefusedDocument("Statement", Why.NO_STATEMENT)
    return document


def _require_text(holder: Mapping[str, Any], name: str, place: str) -> None:
    if name in holder and not isinstance(holder[name], str):
        raise RefusedDocument(place, Why.NAME_NO_TEXT)


def _fraction(text: str) -> float:
    """A number with a fraction, which is told in no more digits than are kept."""
    number = float(text)
    try:
        exact = Decimal(text) == Decimal(repr(number))
    except ArithmeticError:
        exact = False
    if not exact:
        raise JsonFault(f"the number {text} has more digits than are kept")
    return number


def _convert(statement: Any, place: str, number: int, work: _Work) -> None:
    if not isinstance(statement, Mapping):
        raise RefusedDocument(place, Why.STATEMENT_NO_OBJECT)
    for name in statement:
        if name not in STATEMENT:
            raise RefusedDocument(f"{place}.{name}", Why.STATEMENT_NO_ELEMENT)
    _require_text(statement, "Sid", f"{place}.Sid")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise RefusedDocument(f"{place}.Effect", Why.EFFECT)
    _require_own_key(statement, place, work.key)
    actions = actions_of(statement, place, work.model)
    work.notes += actions.notes
    work.warnings += actions.warnings
    given, where = statement.get("Condition", {}), f"{place}.Condition"
    conditions = conditions_of(given, where, denies=effect == "Deny", variables=work.variables, services=work.services)
    who, exclusion = _who(statement, place, work, effect)
    if who.own_root:
        if effect == "Deny":
            raise RefusedDocument(f"{place}.Principal", Why.ACCOUNT_DENIED)
        if conditions:
            work.conditional.append((f"{place}.Principal", actions.names))
        else:
            work.delegated.update(actions.names)
    if who.everybody and effect == "Allow" and not any(c.key.about_caller and not c.when_absent and c.test for c in conditions):
        raise RefusedDocument(f"{place}.Principal", Why.EVERYBODY)
    if who.everybody or who.entities or exclusion:
        label = _label(statement.get("Sid"), number, work)
        work.policies += _policies(effect, who, exclusion, actions.names, conditions, label, statement.get("Sid"), work)


def _delegate(work: _Work) -> None:
    """Leave to the account's policies what the document leaves to them, where that is not every action.

    Allows add up: what the account may decide under a condition must be among what it may decide under none. Raises: RefusedDocument.
    """
    for place, actions in work.conditional:
        if not work.delegated.issuperset(actions):
            raise RefusedDocument(place, Why.ACCOUNT_CONDITION)
    named = [action for action in work.actions if action in work.delegated]
    if named and len(named) < len(work.actions):
        work.policies.append(
            "\n".join(
                [
                    "// left to the policies of the account; allows nothing by itself",
                    f"@id({cedar_text(_label(DELEGATES, 0, work))})",
                    '@reason("the policies of the account decide these, too")',
                    f'@{DELEGATES}("true")',
                    f'permit (principal in KMS::Account::"{work.key.account}", {_action_scope(named)}, resource is KMS::Key)',
                    "when { false };",
                ]
            )
        )


def _action_scope(names: Sequence[str]) -> str:
    return f"action in [{', '.join(f'KMS::Action::{json.dumps(name)}' for name in names)}]"


def _who(statement: Mapping[str, Any], place: str, work: _Work, effect: str) -> tuple[Principals, str]:
    """Who the statement is about, and whom it leaves out, as an expression."""
    if ("Principal" in statement) == ("NotPrincipal" in statement):
        raise RefusedDocument(place, Why.ONE_OF_PRINCIPALS)
    if "Principal" in statement:
        return principals_of(statement["Principal"], f"{place}.Principal", work.key.partition, work.key.account, work.services), ""
    where = f"{place}.NotPrincipal"
    if effect != "Deny":
        raise RefusedDocument(where, Why.EXCEPTION_ALLOWED)
    left_out = principals_of(statement["NotPrincipal"], where, work.key.partition, work.key.account, work.services)
    if left_out.everybody or not left_out.entities:
        raise RefusedDocument(where, Why.NOBODY_LEFT_OUT)
    if not left_out.own_root or not all(f'"{work.key.account}/' in entity for entity in left_out.entities):
        # Without it AWS denies the account as a whole, whomever else the element names.
        raise RefusedDocument(where, Why.EXCEPTION_WITHOUT_ACCOUNT)
    return Principals((), everybody=True), left_out.any_of()


def _policies(
    effect: str,
    who: Principals,
    exclusion: str,
    actions: tuple[str, ...],
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
        own = label if len(groups) == 1 else _free(f"{label}-{number}", work)
        scope = "action" if len(named) == len(work.actions) else _action_scope(named)
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
        raise RefusedDocument(f"{place}.NotResource", Why.NOT_RESOURCE)
    element = statement.get("Resource")
    listed = element if isinstance(element, list) else [element]
    if not listed:
        raise RefusedDocument(f"{place}.Resource", Why.NAMES_NOTHING)
    for each in listed:
        if each != "*" and (each != key.arn or not key.arn):
            raise RefusedDocument(f"{place}.Resource", Why.RESOURCE)


def _label(sid: Any, number: int, work: _Work) -> str:
    own = UNLABELLED.sub("-", sid).strip("-") if isinstance(sid, str) else ""
    return _free(own or f"statement-{number + 1}", work)


def _free(wanted: str, work: _Work) -> str:
    """The label, or one after it that nothing else in the text has; it is taken from now on."""
    label, again = wanted, 1
    while label in work.labels:
        again += 1
        label = f"{wanted}.{again}"
    work.labels.add(label)
    return label


def _comment(sid: Any) -> str:
    return "".join(c for c in " ".join(sid.split()) if c.isprintable()) if isinstance(sid, str) else ""
