"""A key policy of AWS as Cedar text and the choice whether account policies count, converted as a whole or refused.

Source: AWS KMS Developer Guide, Key policies in AWS KMS; IAM User Guide, IAM JSON policy element reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from meridian.authorization.aws_policy.actions import actions_of, on_keys
from meridian.authorization.aws_policy.conditions import TRUE, Condition, Reading, conditions_of
from meridian.authorization.aws_policy.documents import (
    CURRENT,
    EARLIER,
    Labels,
    action_scope,
    comment,
    laid_out,
    read_document,
    statements_of,
)
from meridian.authorization.aws_policy.principals import Principals, principals_of
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.policies import DELEGATES
from meridian.authorization.language.schema_model import SchemaModel


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
    labels: Labels = field(default_factory=Labels)
    policies: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a statement says, whatever its actions are."""

    effect: str
    who: Principals
    exclusion: str
    conditions: tuple[Condition, ...]
    label: str
    sid: str | None


def convert(text: str, *, key: KeyName, model: SchemaModel, services: Mapping[str, str], lay_out: Callable[[str], str]) -> Converted:
    """Convert a document; `services` maps AWS's service names to services of this deployment, as `account/name`, and `lay_out` gives a
    Cedar text its canonical layout, here or in another process.

    Raises: RefusedDocument naming the element that cannot be said.
    """
    document = read_document(text)
    work = _Work(key, model, services, document.get("Version", EARLIER) == CURRENT, on_keys(model))
    for statement, place, number in statements_of(document):
        _convert(statement, place, number, work)
    _delegate(work)
    cedar = laid_out(work.policies, lay_out)
    whole = work.delegated.issuperset(work.actions)
    return Converted(cedar, whole, bool(work.delegated) and not whole, tuple(work.notes), tuple(work.warnings))


def _convert(statement: Mapping[str, Any], place: str, number: int, work: _Work) -> None:
    effect: str = statement["Effect"]
    _require_own_key(statement, place, work.key)
    actions = actions_of(statement, place, work.model, work.actions)
    work.notes += actions.notes
    work.warnings += actions.warnings
    reading = Reading(denies=effect == "Deny", variables=work.variables, services=work.services, of_key=True)
    conditions = conditions_of(statement.get("Condition", {}), f"{place}.Condition", reading)
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
        sid = statement.get("Sid")
        said = _Said(effect, who, exclusion, conditions, work.labels.of(sid, number), sid)
        work.policies += _policies(said, actions.names, work)


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
                    f"@id({cedar_text(work.labels.of(DELEGATES, 0))})",
                    '@reason("the policies of the account decide these, too")',
                    f'@{DELEGATES}("true")',
                    f'permit (principal in KMS::Account::"{work.key.account}", {action_scope(named)}, resource is KMS::Key)',
                    "when { false };",
                ]
            )
        )


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


def _policies(said: _Said, actions: tuple[str, ...], work: _Work) -> Iterator[str]:
    """One policy for all actions that read the conditions alike; none for actions for which they never hold."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for action in actions:
        parts = [condition.expression(action, work.model) for condition in said.conditions]
        if None not in parts:
            groups.setdefault(tuple(part for part in parts if part and part != TRUE), []).append(action)
    for number, (parts_of_group, named) in enumerate(groups.items(), 1):
        own = said.label if len(groups) == 1 else work.labels.free(f"{said.label}-{number}")
        scope = "action" if len(named) == len(work.actions) else action_scope(named)
        tests = [part for part in (said.who.condition(), *parts_of_group) if part]
        yield "\n".join(
            [
                f"// {comment(said.sid) or f'statement {said.label}'}",
                f"@id({cedar_text(own)})",
                f"@reason({cedar_text(comment(said.sid) or said.label)})",
                f"{'permit' if said.effect == 'Allow' else 'forbid'} ({said.who.scope()}, {scope}, resource is KMS::Key)",
                *([f"when {{ {' && '.join(tests)} }}"] if tests else []),
                *([f"unless {{ {said.exclusion} }}"] if said.exclusion else []),
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
