"""The service's decisions against the layer rules as a naive evaluator reads them: the same answer, ids and errors on random sets.

A run covers a sample; MERIDIAN_PAIRS=100000 covers that many pairs of a policy set and a request, MERIDIAN_SEED another sample.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.cache_memory import cache_memory
from tests.property.naive_evaluator import Answer, Asked, leaves, naive_decision, policy_text
from tests.property.random_worlds import REGION_LABELS, UNITS, RandomWorld, random_request, random_world

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import ABSENT, CallFacts, cedar_time
from meridian.authorization.decision.request_context import TAG_ENTITIES
from meridian.authorization.decision.sweep import Sweep
from meridian.authorization.language.entities import (
    AliasResource,
    Resource,
    ScopeResource,
    Surroundings,
    principal_entities,
    principal_uid,
    resource_entities,
    resource_uid,
)
from meridian.authorization.language.evaluator import EntityHandle, Ground, PolicyHandle, SchemaHandle, evaluate, policies_as_json
from meridian.authorization.language.policies import Policy
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.authorization.sets.policy_files import PolicySource, load_policies
from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.domain.any_case import any_case
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal

pytestmark = pytest.mark.deep

PAIRS = int(os.environ.get("MERIDIAN_PAIRS", "4000"))
SEED = int(os.environ.get("MERIDIAN_SEED", "1"))
PAIRS_PER_SET = 250
SHARE_IN_FULL = 5
"""One pair in so many is also asked of the whole set with the whole schema."""

AROUND = Surroundings(org_units=UNITS, region_labels=REGION_LABELS)
READS_ALL = (
    '@id("reads-all") @layer("guardrail") @reason("never true; it makes every slice take the encryption context as an entity") '
    "forbid (principal, action, resource) when { context has encryptionContext && context.encryptionContext.hasTag(principal.arn) };"
)
OF_THE_GRANT = frozenset({"callerIsRetiringPrincipal", "callerIsGrantee"})


@cache
def schema() -> SchemaHandle:
    return SchemaHandle(schema_text())


@dataclass
class Deployed:
    """A random set in the service: as files and key policies, once as it is, once with every slice in entity form."""

    world: RandomWorld
    folder: Path
    entity_folder: Path
    handles: dict[Any, PolicyHandle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = "\n".join(policy_text(policy) for policy in self.world.policies)
        gate = (policy_folder() / "policies" / "builtin.cedar").read_text()
        self.source = _load(self.folder, text + gate)
        self.authorizer = _authorizer(self.source)
        self.in_entity_form = _authorizer(_load(self.entity_folder, text + gate + READS_ALL))
        self.sweep = Sweep(schema=schema(), policies=self.source.policies, around=AROUND, limits=Limits(), as_json=policies_as_json)
        self.reader = KeyPolicyReader(schema(), SchemaModel(schema_text()), Limits(), policies_as_json)


def _load(folder: Path, text: str) -> PolicySource:
    folder.mkdir()
    (folder / "all.cedar").write_text(text)
    return load_policies(folder, schema())


def _authorizer(source: PolicySource) -> Authorizer:
    return Authorizer(
        schema=schema(),
        source=source,
        around=AROUND,
        limits=Limits(),
        as_json=policies_as_json,
        caches=cache_memory(),
    )


ANY_CASE = "AnyCase"


class AskedFacts:
    """The facts of a request in the form that the service's own readers give; grants are matched by those readers."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        name = "ReEncrypt" if asked.action.startswith("ReEncrypt") else asked.action
        rpc = rpcs()[name]
        requirement = next(r for r in rpc.requires if r.action == asked.action)
        call = Call(rpc, rpc.request_class(), Evidence(), "", datetime.min)  # noqa: DTZ901 - no reader asks for this time
        call.principal = asked.principal
        call.grants = {requirement.resource_field: asked.grants}
        prefix = {"ReEncryptFrom": "source_", "ReEncryptTo": "destination_"}.get(asked.action, "")
        call.contexts = {f"{prefix}encryption_context": asked.context.get("encryptionContext", {})}
        call.grant = asked.grants[0] if asked.action == "RetireGrant" and asked.grants else asked.new_grant
        self._of_call = CallFacts(call, requirement, "us-east-1", REGION_LABELS)

    def attribute(self, name: str) -> Any:
        if name in OF_THE_GRANT:
            return self._of_call.attribute(name)
        if name.endswith(ANY_CASE) and name.removesuffix(ANY_CASE) in self._asked.context:
            return any_case(self._asked.context[name.removesuffix(ANY_CASE)])
        return _plain(self._asked.context.get(name, ABSENT))

    def request_attribute(self, name: str) -> Any:
        return self._of_call.request_attribute(name) if name == "grants" else _plain(self._asked.request.get(name, ABSENT))


@dataclass(frozen=True)
class Swept:
    """One pair of those that are asked together."""

    principal: Principal
    action: str
    resource: Resource
    facts: AskedFacts
    expected: Answer


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return cedar_time(value)
    return sorted(value) if isinstance(value, frozenset) else value


def _resource(asked: Asked) -> Resource:
    place = asked.resource
    if isinstance(place, Key):
        return place
    return AliasResource(place.account, place.region, place.alias) if place.alias else ScopeResource(place.account, place.region)


def _of_service(authorizer: Authorizer, asked: Asked, facts: AskedFacts) -> Answer:
    decided = authorizer.decide(asked.principal, asked.action, _resource(asked), facts)
    return Answer(decided.allowed, decided.policy_ids, decided.errors)


# ---- the whole set


def _in_full(deployed: Deployed, asked: Asked, facts: AskedFacts) -> Answer:
    """The engine's answer on every policy of a side at once, with the whole schema and the whole context."""
    if asked.principal.account == asked.resource.account:
        return _full_side(deployed, asked, facts, "own")
    owners = _full_side(deployed, asked, facts, "owner")
    if not owners.allowed:
        return owners
    callers = _full_side(deployed, asked, facts, "caller")
    return Answer(True, tuple(sorted({*owners.ids, *callers.ids})), 0) if callers.allowed else callers


def _counts(policy: Policy, side: str, caller: str) -> bool:
    if policy.layer == "builtin":
        return side != "caller"
    if policy.layer == "account" and policy.is_permit:
        return policy.foreign and policy.account == caller if side == "caller" else side == "own" and not policy.foreign
    return True


def _full_policies(deployed: Deployed, asked: Asked, side: str) -> PolicyHandle:
    caller = asked.principal.account if side == "caller" else ""
    key = asked.resource if isinstance(asked.resource, Key) else None
    left = key is not None and leaves(key, deployed.world.key_policies.get(key, ()), asked.action)
    name = (side, caller, key, left)
    if name not in deployed.handles:
        chosen = [policy for policy in deployed.source.policies if _counts(policy, side, caller)]
        chosen = [policy.where_delegated or policy for policy in chosen] if left else chosen
        if side != "caller" and isinstance(asked.resource, Key):
            chosen += deployed.reader.read(asked.resource)
        deployed.handles[name] = PolicyHandle((policy.policy_id, policy.est) for policy in chosen)
    return deployed.handles[name]


def _full_side(deployed: Deployed, asked: Asked, facts: AskedFacts, side: str) -> Answer:
    resource, declared = _resource(asked), deployed.authorizer.model.context_attributes(asked.action)
    entities = [*principal_entities(asked.principal, AROUND), *resource_entities(resource, AROUND)]
    named = {(e["uid"]["type"], e["uid"]["id"]): e for e in entities}
    requested = {name.rstrip("?") for name in deployed.authorizer.model.types["Request"]}
    values = {name: facts.request_attribute(name) for name in requested}
    context: dict[str, Any] = {"request": {name: value for name, value in values.items() if value is not ABSENT}}
    for name in {name.rstrip("?") for name in declared} & set(asked.context):
        context[name] = facts.attribute(name)
        kind = TAG_ENTITIES.get(name)
        if kind is not None:
            named[(kind, name)] = {"uid": {"type": kind, "id": name}, "attrs": {}, "parents": [], "tags": context[name]}
            context[name] = {"__entity": {"type": kind, "id": name}}
    decided = evaluate(
        principal=principal_uid(asked.principal),
        action=asked.action,
        resource=resource_uid(resource),
        context=context,
        ground=Ground(_full_policies(deployed, asked, side), EntityHandle.build(named.values(), schema()), schema()),
    )
    return Answer(decided.allowed, decided.policy_ids, decided.errors)


# ---- the tests


def _sets(tmp_path: Path, count: int) -> Iterator[tuple[Random, Deployed]]:
    for number in range(count):
        draw = Random(f"{SEED}/{number}")  # noqa: S311 - tests, not secrets
        yield draw, Deployed(random_world(draw), tmp_path / str(number), tmp_path / f"{number}-entity")


def _kind(asked: Asked, answer: Answer, layers: dict[str, str]) -> list[str]:
    """What decided, for the count of what was covered."""
    side = "at home" if asked.principal.account == asked.resource.account else "across accounts"
    if answer.errors:
        return ["denied by an error"]
    made = sorted({layers.get(name, "key") for name in answer.ids}) or ["nothing"]
    return [f"{'allowed' if answer.allowed else 'denied'} {side}", *(f"{'allowed' if answer.allowed else 'denied'} by {m}" for m in made)]


@pytest.mark.timeout(0 if PAIRS > 10_000 else 300)
def test_service_and_naive_evaluator_agree_on_random_sets(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for draw, deployed in _sets(tmp_path, -(-PAIRS // PAIRS_PER_SET)):
        world = deployed.world
        layers = {policy.name: policy.layer for policy in world.policies} | {"builtin.grants": "a grant"}
        together: list[Swept] = []
        for number in range(PAIRS_PER_SET):
            asked = random_request(draw, world)
            key_policies = world.key_policies.get(asked.resource, ()) if isinstance(asked.resource, Key) else ()
            expected, facts = naive_decision(world.policies, key_policies, asked), AskedFacts(asked)
            assert _of_service(deployed.authorizer, asked, facts) == expected, asked
            assert _of_service(deployed.authorizer, asked, facts) == expected, f"asked again, when it may be remembered: {asked}"
            assert _of_service(deployed.in_entity_form, asked, facts) == expected, f"with the context as an entity: {asked}"
            if number % SHARE_IN_FULL == 0:
                assert _in_full(deployed, asked, facts) == expected, f"of the full set: {asked}"
            together.append(Swept(asked.principal, asked.action, _resource(asked), facts, expected))
            seen.update(["pairs", *_kind(asked, expected, layers)])
        for each, decided in zip(together, deployed.sweep.decide(together), strict=True):
            assert Answer(decided.allowed, decided.policy_ids, decided.errors) == each.expected, f"asked with others at once: {each}"
    print(*(f"{name}: {count}" for name, count in sorted(seen.items())), sep="\n")
    rare = [name for name in COVERED if seen[name] < PAIRS // 500]
    assert rare == [], f"seen too rarely to say anything: {seen}"


COVERED = (
    "allowed at home",
    "allowed across accounts",
    "allowed by account",
    "allowed by key",
    "allowed by a grant",
    "denied by an error",
    "denied by guardrail",
    "denied by account",
    "denied by key",
    "denied by nothing",
    "denied across accounts",
)
