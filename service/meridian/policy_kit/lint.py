"""What strict validation cannot see in a policy: slips that are valid Cedar and never mean what they seem to.

One rule each, in one table. A rule that an author has weighed is confirmed on the policy: `@confirmed("rule, other-rule")`.
Notes inform and never fail a run.

Source: docs/policy-guide.md, rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.decision.request_context import TAG_ENTITIES
from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.evaluator import Est
from meridian.authorization.language.expression_text import expression_text
from meridian.authorization.language.policies import BUILTIN, GUARDRAIL, Policy, action_names, conjuncts, matches_action, uid
from meridian.authorization.language.read_set import TIMELIKE, read_set
from meridian.authorization.language.schema_model import SchemaModel
from meridian.policy_kit.closed_domains import CLOSED_DOMAINS
from meridian.policy_kit.reads import Reads, expressions, path_of, reads_of

WARNING, NOTE = "warning", "note"
REGIONS: Final = frozenset(
    {("context", "replicaRegion"), ("context", "primaryRegion"), ("resource", "region"), ("resource", "primaryRegion")}
)
PER_CALL: Final = frozenset(
    {("context", "request", name) for name in ("sourceIp", "userAgent", "sessionName", "sourceArn")} | {("context", "validTo")}
)
STEERING: Final = {"alias": ("CreateAlias", "UpdateAlias"), "tag": ("TagResource",)}
ARITHMETIC: Final = ("+", "-", "*", "neg")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at, on one line."""

    place: str
    policy_id: str
    rule: str
    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class _Subject:
    """One policy under one look, in its set."""

    policy: Policy
    reads: Reads
    everything: tuple[Policy, ...]
    model: SchemaModel

    @property
    def est(self) -> Est:
        return self.policy.est

    def bodies(self) -> Iterator[Est]:
        for condition in self.est["conditions"]:
            yield from expressions(condition["body"])

    def actions(self) -> list[str]:
        """Every action, not group, that the scope can match."""
        rows = self.model.actions.values()
        return [row.name for row in rows if row.resources and matches_action(self.est, self.model.ancestors[row.name], row.name)]


def lint(policies: tuple[Policy, ...], model: SchemaModel) -> tuple[Finding, ...]:
    """Every finding, by place."""
    found = []
    for policy in policies:
        confirmed = {name.strip() for name in (policy.est["annotations"].get("confirmed") or "").split(",")}
        subject = _Subject(policy, reads_of([policy.est]), policies, model)
        for rule, (severity, look) in RULES.items():
            if rule not in confirmed and policy.layer != BUILTIN:
                found += [Finding(policy.place, policy.policy_id, rule, severity, text) for text in dict.fromkeys(look(subject))]
    return tuple(found)


def _closed_domain(subject: _Subject) -> Iterator[str]:
    for path, literals in subject.reads.literals.items():
        domain = CLOSED_DOMAINS.get(path)
        for value in sorted(map(str, literals)):
            if domain is not None and value not in domain:
                yield f'{".".join(path)} is never "{value}"'


def _unknown_attribute(subject: _Subject) -> Iterator[str]:
    """A `has` that no request can satisfy. Resource and principal are closed types, which validation covers."""
    known = {name.rstrip("?") for action in subject.actions() for name in subject.model.context_attributes(action)}
    requested = {name.rstrip("?") for name in subject.model.types["Request"]}
    for node in subject.bodies():
        path = path_of(node) if "has" in node else None
        if path is None or path[0] != "context":
            continue
        if len(path) == 3 and path[1] in TAG_ENTITIES:
            yield f"{path[1]} has no attributes, so the test is always false; write context.{path[1]}.hasTag({cedar_text(path[2])})"
        if (len(path) == 2 and path[1] not in known) or (len(path) == 3 and path[1] == "request" and path[2] not in requested):
            yield f"no action of the scope has {'.'.join(path)}, so the test is always false"


def _overflow(subject: _Subject) -> Iterator[str]:
    if subject.policy.is_permit:
        return
    for node in subject.bodies():
        if any(name in node for name in ARITHMETIC) and any((path_of(inner) or ("",))[0] == "context" for inner in expressions(node)):
            yield f"{expression_text(node)} can overflow, and a forbid that cannot be evaluated fails the call"


def _region_by_name(subject: _Subject) -> Iterator[str]:
    if subject.policy.layer == GUARDRAIL:
        for path in sorted(REGIONS & set(subject.reads.patterns)):
            for pattern in sorted(subject.reads.patterns[path]):
                yield f'{".".join(path)} like "{pattern}" goes by name (eu-* covers London and Zurich); labels go by law'


def _open_by_absence(subject: _Subject) -> Iterator[str]:
    if subject.policy.is_permit:
        return
    for condition in subject.est["conditions"]:
        for part in conjuncts(condition["body"]) if condition["kind"] == "when" else ():
            if "has" in part and (path_of(part) or ("",))[0] == "context":
                yield f"a request without {'.'.join(path_of(part) or ())} passes; `unless {{ … }}` would refuse it"


def _constant_condition(subject: _Subject) -> Iterator[str]:
    for condition in subject.est["conditions"]:
        if not any("Var" in node for node in expressions(condition["body"])):
            yield f"{condition['kind']} {{ {expression_text(condition['body'])} }} does not depend on the request"


def _open_permit(subject: _Subject) -> Iterator[str]:
    everybody = subject.est["principal"]["op"] in ("All", "is") and "in" not in subject.est["principal"]
    tested = any((path_of(node) or ("",))[0] == "principal" for node in subject.bodies())
    if subject.policy.is_permit and everybody and not tested and action_names(subject.est) in (None, ("Any",)):
        yield "everybody may do everything here"


def _group_equality(subject: _Subject) -> Iterator[str]:
    """In a condition; in a scope validation refuses it."""
    for node in subject.bodies():
        for side in (node.get("==") or node.get("!=") or {}).values():
            entity = side.get("Value") if isinstance(side, dict) else None
            if isinstance(entity, dict) and _is_container(uid(entity), subject.model):
                yield f"{expression_text(node)} compares with a container, which is never equal; write `in`"


def _is_container(entity: tuple[str, str], model: SchemaModel) -> bool:
    kind, name = entity
    return kind in CONTAINERS or (kind == "KMS::Action" and name in model.actions and not model.actions[name].resources)


CONTAINERS: Final = frozenset({"KMS::Group", "KMS::Account", "KMS::OrgUnit", "KMS::Scope", "KMS::KeyFamily", "KMS::AliasPath"})


def _steered(subject: _Subject) -> Iterator[str]:
    """A permit that whoever may set an alias or a tag can open to another key."""
    if not subject.policy.is_permit:
        return
    entities = {kind for kind, _ in subject.reads.entities}
    steering = {
        "alias": "KMS::AliasPath" in entities or ("resource", "resourceAliases") in subject.reads.literals,
        "tag": any(path[:2] == ("resource", "tags") for path in subject.reads.literals),
    }
    for kind, actions in STEERING.items():
        open_ways = [action for action in actions if not _is_guarded(subject, action)]
        if steering[kind] and open_ways:
            yield f"whoever may call {' or '.join(open_ways)} decides which keys it opens, and no forbid guards that"


def _is_guarded(subject: _Subject, action: str) -> bool:
    ancestors = subject.model.ancestors[action]
    return any(
        not policy.is_permit and action_names(policy.est) is not None and matches_action(policy.est, ancestors, action)
        for policy in subject.everything
    )


def _decision_key(subject: _Subject) -> Iterator[str]:
    if read_set([subject.est], frozenset(), frozenset()).tags is None:
        yield "reads the encryption context as a whole: a decision is remembered only for the very same pairs"
    for path in sorted(set(subject.reads.literals) | set(subject.reads.patterns)):
        if path in PER_CALL:
            yield f"puts each value of {'.'.join(path)} into the decision key: where it differs from call to call, nothing is remembered"


def _not_remembered(subject: _Subject) -> Iterator[str]:
    for path in sorted(subject.reads.literals):
        if path[-1] in TIMELIKE and path[0] == "context":
            yield f"reads {'.'.join(path)}: decisions of its actions are never remembered"


RULES: Final[dict[str, tuple[str, Callable[[_Subject], Iterator[Any]]]]] = {
    "closed-domain": (WARNING, _closed_domain),
    "unknown-attribute": (WARNING, _unknown_attribute),
    "overflow": (WARNING, _overflow),
    "region-by-name": (WARNING, _region_by_name),
    "open-by-absence": (WARNING, _open_by_absence),
    "constant-condition": (WARNING, _constant_condition),
    "open-permit": (WARNING, _open_permit),
    "group-equality": (WARNING, _group_equality),
    "steered-permit": (WARNING, _steered),
    "decision-key": (NOTE, _decision_key),
    "not-remembered": (NOTE, _not_remembered),
}
"""THE table of rules."""
