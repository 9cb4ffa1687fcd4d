"""An identity policy of AWS, attached to a user, role, group or service, as policies of its account, converted as a whole or refused.

An Allow becomes a permit of the account for what the account has, and one for the keys of others, which counts where these agree. A Deny
becomes a forbid of the account; where it reaches the keys of others it needs a guardrail, since an account forbids nothing elsewhere.

Source: IAM User Guide, Identity-based policies and resource-based policies; Policy evaluation logic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from meridian.authorization.aws_policy.actions import GROUP, actions_of, of_accounts
from meridian.authorization.aws_policy.conditions import KEY, NEW_KEY, NO_KEY_YET, TRUE, Condition, Reading, conditions_of
from meridian.authorization.aws_policy.documents import (
    CURRENT,
    EARLIER,
    UNLABELLED,
    Labels,
    action_scope,
    comment,
    laid_out,
    read_document,
    statements_of,
)
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.aws_policy.resources import Resources, resources_of
from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.schema_model import SchemaModel
from meridian.contract.catalog import rpcs
from meridian.domain.key import PROSPECTIVE_KEY_ID
from meridian.errors import InvalidArnException

ATTACHED: Final = re.compile(r"arn:([a-z-]+):iam::([0-9]{12}):(user|role|group|service)/([^*]+)")
MADE_ANEW: Final = "CreateKey"
"""Its key is the caller's own, always, and AWS asks it of `*`."""
IS_NEW: Final = f"resource.arn like {cedar_text(f'*:key/{PROSPECTIVE_KEY_ID}')}"


@dataclass(frozen=True, slots=True)
class Attached:
    """Whom a policy is attached to."""

    partition: str
    account: str
    kind: str
    """User, Role, Group or Service."""
    name: str

    @classmethod
    def of(cls, arn: str) -> Attached:
        """Raises: InvalidArnException."""
        match = ATTACHED.fullmatch(arn)
        if match is None or (match[3] == "group" and "/" in match[4]):
            raise InvalidArnException(f"{arn} is not the ARN of a user, a role, a service or a group, which has no path here.")
        return cls(match[1], match[2], match[3].capitalize(), match[4])

    def scope(self) -> str:
        uid = f"KMS::{self.kind}::{cedar_text(f'{self.account}/{self.name}')}"
        return f"principal {'in' if self.kind == GROUP else '=='} {uid}"

    @property
    def label(self) -> str:
        return f"{self.account}.{self.kind.lower()}-{UNLABELLED.sub('-', self.name).strip('-')}"


@dataclass(frozen=True, slots=True)
class ConvertedIdentity:
    """Converted policies. `notes` say where Cedar is told more exactly than AWS was, `warnings` what has no effect."""

    cedar: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def _at_creation() -> frozenset[str]:
    """Actions that are asked of keys, and of one that is being made by the key that it will be."""
    return frozenset(need.action for rpc in rpcs().values() for need in rpc.requires if need.resource == "PROSPECTIVE_KEY") - {MADE_ANEW}


@dataclass(slots=True)
class _Work:
    attached: Attached
    model: SchemaModel
    services: Mapping[str, str]
    variables: bool
    at_creation: frozenset[str] = field(default_factory=_at_creation)
    labels: Labels = field(default_factory=Labels)
    policies: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement, understood."""

    effect: str
    reason: str
    label: str
    actions: tuple[str, ...]
    resources: Resources
    conditions: tuple[Condition, ...]


def convert_identity(
    text: str, *, attached: Attached, model: SchemaModel, services: Mapping[str, str], lay_out: Callable[[str], str]
) -> ConvertedIdentity:
    """Convert a document; `services` and `lay_out` are those of `convert`. Raises: RefusedDocument naming the element that cannot be
    said."""
    document = read_document(text)
    work = _Work(attached, model, services, document.get("Version", EARLIER) == CURRENT)
    for statement, place, number in statements_of(document):
        said = _said(statement, place, number, work)
        made = [*_own(said, work), *_abroad(said, work)]
        if not made:
            work.warnings.append(f"{place}: {'allows' if said.effect == 'Allow' else 'denies'} nothing, for no call meets it")
        work.policies += made
    return ConvertedIdentity(laid_out(work.policies, lay_out), tuple(work.notes), tuple(work.warnings))


def _said(statement: Mapping[str, Any], place: str, number: int, work: _Work) -> _Said:
    for element in ("Principal", "NotPrincipal"):
        if element in statement:
            raise RefusedDocument(f"{place}.{element}", Why.PRINCIPAL_ATTACHED)
    attached, effect, sid = work.attached, statement["Effect"], statement.get("Sid")
    resources = resources_of(statement, place, attached.partition, attached.account)
    actions = actions_of(statement, place, work.model, of_accounts(work.model, attached.kind))
    reading = Reading(denies=effect == "Deny", variables=work.variables, services=work.services, of_key=False)
    conditions = conditions_of(statement.get("Condition", {}), f"{place}.Condition", reading)
    work.notes += actions.notes
    work.warnings += [*resources.warnings, *actions.warnings]
    label = work.labels.of(sid, number)
    return _Said(effect, comment(sid) or label, label, actions.names, resources, conditions)


def _own(said: _Said, work: _Work) -> Iterator[str]:
    """Policies on what the account has: one for all actions and types of resources that are asked alike."""
    groups: dict[tuple[str, ...], dict[str, set[str]]] = {}
    for action in said.actions:
        for kind in work.model.actions[action].resource_types:
            for parts in _ways(said, action, kind, work):
                groups.setdefault(parts, {}).setdefault(action, set()).add(kind)
    inside = f'in KMS::Account::"{work.attached.account}"'
    for parts, of_action in groups.items():
        scopes: dict[str, list[str]] = {}
        for action, kinds in of_action.items():
            whole = kinds == work.model.actions[action].resource_types
            for scope in ["resource"] if whole else [f"resource is KMS::{kind}" for kind in sorted(kinds)]:
                scopes.setdefault(scope, []).append(action)
        for scope, actions in scopes.items():
            yield _policy(said, "account", {}, (actions, f"{scope} {inside}", parts), work)


def _abroad(said: _Said, work: _Work) -> Iterator[str]:
    """Policies on the keys of other accounts."""
    abroad = {need.action for rpc in rpcs().values() for need in rpc.requires if need.cross_account} - {MADE_ANEW}
    groups: dict[tuple[str, ...], list[str]] = {}
    for action in said.actions:
        if action in abroad and KEY in work.model.actions[action].resource_types:
            parts = _parts(said, action, KEY, work, own=False)
            if parts is not None:
                groups.setdefault(parts, []).append(action)
    account = work.attached.account
    for parts, actions in groups.items():
        if said.effect == "Allow":
            yield _policy(said, "account", {"account": account, "foreign": "true"}, (actions, "resource is KMS::Key", parts), work)
        else:
            elsewhere = (f'resource.account != "{account}"', *parts)
            yield _policy(said, "guardrail", {}, (actions, "resource is KMS::Key", elsewhere), work)


def _ways(said: _Said, action: str, kind: str, work: _Work) -> Iterator[tuple[str, ...]]:
    """What must hold of a call of this action on what the account has of this type: a key that is there and one that is being made, apart
    where it must differ."""
    if kind == KEY and action in work.at_creation:
        there, new = (_parts(said, action, each, work, own=True) for each in (KEY, NEW_KEY))
        told = [there] if there == new else [_also(f"!({IS_NEW})", there), _also(IS_NEW, new)]
    else:
        told = [_parts(said, action, NO_KEY_YET if action == MADE_ANEW else kind, work, own=True)]
    yield from (parts for parts in told if parts is not None)


def _also(test: str, parts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if parts is None else (test, *parts)


def _parts(said: _Said, action: str, kind: str, work: _Work, *, own: bool) -> tuple[str, ...] | None:
    """What must hold of a call of this action on a resource of this type; None where the statement is never about one."""
    about = said.resources.expression(kind, own=own)
    parts = [about, *(condition.expression(action, work.model, kind) for condition in said.conditions)]
    return None if None in parts else tuple(part for part in parts if part and part != TRUE)


def _policy(said: _Said, layer: str, notes: Mapping[str, str], asked: tuple[list[str], str, tuple[str, ...]], work: _Work) -> str:
    actions, resource, parts = asked
    label = work.labels.free(f"{layer}.{work.attached.label}.{said.label}")
    return "\n".join(
        [
            f"@id({cedar_text(label)})",
            f'@layer("{layer}")',
            *(f"@{name}({cedar_text(value)})" for name, value in notes.items()),
            f"@reason({cedar_text(said.reason)})",
            f"{'permit' if said.effect == 'Allow' else 'forbid'} ({work.attached.scope()}, {action_scope(actions)}, {resource})",
            *([f"when {{ {' && '.join(parts)} }}"] if parts else []),
            ";",
        ]
    )
