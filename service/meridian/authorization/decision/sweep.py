"""Many decisions at once, for those who try policies: what `Authorizer.decide` says of each request, at a fraction of its cost.

Requests that no policy can tell apart are asked once: those of the same action, caller and resource by name, on which the same policies
speak, and which are alike in all that these policies read of entities and of the request. What is left is asked in batches. A service
remembers decisions for days and weighs them; a sweep is made for a few seconds and keeps no more than a bounded number of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

import orjson

from meridian.authorization.decision.facts import Facts
from meridian.authorization.decision.live_policies import CALLER_SIDE, KEY_SIDE, OWN, leaves_to_account, policies_name, policies_of_side
from meridian.authorization.decision.narrowing import Caller, narrowed
from meridian.authorization.decision.request_context import context_of, read_values
from meridian.authorization.decision.slices import CompiledSlice, SliceCompiler
from meridian.authorization.language.entities import (
    Entity,
    Resource,
    Surroundings,
    principal_entities,
    principal_uid,
    resource_entities,
    resource_uid,
)
from meridian.authorization.language.entity_reads import EntityReads, entity_reads
from meridian.authorization.language.evaluator import Decision, EntityHandle, Ground, SchemaHandle, Uid, evaluate_many, faulted
from meridian.authorization.language.policies import Policy, matches_action, matches_resource
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.domain.bounded_cache import Caches
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal

ANSWERS_MAX: Final = 100_000
SLICES_MAX: Final = 4_096
"""Kept at once; all leave when there are more."""
AT_ONCE: Final = 1_024
"""Requests that are looked at together: what is made of their callers and resources is kept no longer."""


class Asked(Protocol):
    """One request."""

    @property
    def principal(self) -> Principal: ...
    @property
    def action(self) -> str: ...
    @property
    def resource(self) -> Resource: ...
    @property
    def facts(self) -> Facts: ...


@dataclass(frozen=True, slots=True)
class _Thing:
    """A caller or a resource, as entities, and the uids of all of them."""

    uid: Uid
    entities: list[Entity]
    within: frozenset[Uid]


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A caller and a resource, before the policies that speak on one side of an action."""

    compiled: CompiledSlice
    caller: _Thing
    resource: _Thing
    part_read: bytes
    """What these policies can read of both."""

    def name(self, facts: Facts) -> tuple[Any, ...]:
        """The same for all requests that these policies cannot tell apart."""
        return (self.compiled.number, self.caller.uid, self.resource.uid, self.part_read, *read_values(self.compiled, facts))

    def ask(self, contexts: Sequence[dict[str, Any]], added: list[Entity]) -> list[Decision]:
        """Never raises."""
        try:
            unique = {(e["uid"]["type"], e["uid"]["id"]): e for e in (*self.caller.entities, *self.resource.entities)}
            base = EntityHandle.build(unique.values(), self.compiled.schema)
            entities = base.with_added(added) if added else base
        except Exception as error:
            return [faulted(error)] * len(contexts)
        return evaluate_many(
            principal=self.caller.uid,
            action=self.compiled.action,
            resource=self.resource.uid,
            contexts=contexts,
            ground=Ground(self.compiled.policies, entities, self.compiled.schema),
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is to be asked of the engine in one call, by the names of the answers."""

    pair: _Pair
    added: list[Entity]
    contexts: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)


class _Slices:
    """The policies that speak in a request, compiled; each set once."""

    def __init__(self, model: SchemaModel, compiler: SliceCompiler, policies: tuple[Policy, ...], reader: KeyPolicyReader) -> None:
        self._model = model
        self._compiler = compiler
        self._policies = policies
        self._reader = reader
        self._own: dict[tuple[str, ...], tuple[Policy, ...]] = {}
        self._made: dict[tuple[str, frozenset[Policy]], tuple[CompiledSlice, EntityReads]] = {}

    def members(self, side: str, principal: Principal, action: str, about: Resource, seen: _Thing) -> tuple[Policy, ...]:
        """The policies whose scopes can match. Raises: MalformedPolicyDocumentException where a key's own cannot be read."""
        own = self._own_policies(about) if side != CALLER_SIDE else ()
        groups = self._model.ancestors[action]
        speaking = policies_of_side(self._policies, side, principal, own, delegated=leaves_to_account(own, groups, action))
        return tuple(p for p in speaking if matches_action(p.est, groups, action) and matches_resource(p.est, seen.uid, seen.within))

    def compiled(self, action: str, members: Iterable[Policy], account: str) -> tuple[CompiledSlice, EntityReads]:
        name = (action, frozenset(members))
        known = self._made.get(name)
        if known is None:
            _bound(self._made, SLICES_MAX)
            known = self._compiler.make(action, name[1], account), entity_reads(p.est for p in name[1])
            self._made[name] = known
        return known

    def _own_policies(self, about: Resource) -> tuple[Policy, ...]:
        if not isinstance(about, Key) or not about.policy:
            return ()
        name = policies_name(about)
        known = self._own.get(name)
        if known is None:
            _bound(self._own, SLICES_MAX)
            known = self._own[name] = self._reader.read(about)
        return known


class _Look:
    """What is made of the callers and resources of some requests, each once; they live as long as this does."""

    def __init__(self, slices: _Slices, around: Surroundings) -> None:
        self._slices = slices
        self._around = around
        self._things: dict[int, _Thing] = {}
        self._members: dict[tuple[str, str, str, int], tuple[Policy, ...]] = {}
        self._pairs: dict[tuple[str, str, int, int, bool], _Pair] = {}

    def pair(self, side: str, asked: Asked) -> _Pair:
        has_grants = bool(asked.facts.request_attribute("grants"))
        name = (side, asked.action, id(asked.principal), id(asked.resource), has_grants)
        known = self._pairs.get(name)
        if known is None:
            known = self._pairs[name] = self._pair(side, asked, has_grants=has_grants)
        return known

    def _pair(self, side: str, asked: Asked, *, has_grants: bool) -> _Pair:
        principal, about, action = asked.principal, asked.resource, asked.action
        caller = self._thing(principal, principal_uid(principal), principal_entities)
        seen = self._thing(about, resource_uid(about), resource_entities)
        speaking = (side, principal.account if side == CALLER_SIDE else "", action, id(about))
        members = self._members.get(speaking)
        if members is None:
            members = self._members[speaking] = self._slices.members(side, principal, action, about, seen)
        applying = narrowed(members, Caller(principal, caller.uid, caller.within, has_grants))
        compiled, reads = self._slices.compiled(action, applying, principal.account)
        return _Pair(compiled, caller, seen, reads.part_read([*caller.entities, *seen.entities]))

    def _thing(self, thing: Any, uid: Uid, entities_of: Callable[[Any, Surroundings], list[Entity]]) -> _Thing:
        known = self._things.get(id(thing))
        if known is None:
            made = entities_of(thing, self._around)
            known = self._things[id(thing)] = _Thing(uid, made, frozenset((e["uid"]["type"], e["uid"]["id"]) for e in made))
        return known


class Sweep:
    """Decides for whoever tries policies. Not for an event loop, nor for several threads."""

    def __init__(
        self,
        *,
        schema: SchemaHandle,
        policies: tuple[Policy, ...],
        around: Surroundings,
        limits: Limits,
        as_json: Callable[[str], str],
    ) -> None:
        model = SchemaModel(schema.text)
        compiler = SliceCompiler(model, Caches(limits.cache_bytes))
        self._slices = _Slices(model, compiler, policies, KeyPolicyReader(schema, model, limits, as_json))
        self._around = around
        self._answers: dict[tuple[Any, ...], Decision] = {}

    def decide(self, asked: Iterable[Asked]) -> Iterator[PolicyDecision]:
        """The decision of each request, in their order; some are read ahead. Never raises of itself."""
        left = iter(asked)
        while chunk := list(islice(left, AT_ONCE)):
            yield from self._decide(chunk)

    def _decide(self, chunk: list[Asked]) -> Iterator[PolicyDecision]:
        """A caller of another account needs both sides, as `Authorizer.deciding` has it."""
        look = _Look(self._slices, self._around)
        first = self._answers_of([(OWN if each.principal.account == each.resource.account else KEY_SIDE, each) for each in chunk], look)
        abroad = [at for at, each in enumerate(chunk) if each.principal.account != each.resource.account and first[at].allowed]
        second = dict(zip(abroad, self._answers_of([(CALLER_SIDE, chunk[at]) for at in abroad], look), strict=True))
        for at, each in enumerate(chunk):
            made, ids = second.get(at, first[at]), first[at].policy_ids
            ids = tuple(sorted({*ids, *made.policy_ids})) if made.allowed else made.policy_ids
            yield PolicyDecision(each.action, each.resource.arn, made.allowed, ids, made.errors, made.fault)

    def _answers_of(self, asked: Sequence[tuple[str, Asked]], look: _Look) -> list[Decision]:
        _bound(self._answers, ANSWERS_MAX)
        names: list[tuple[Any, ...] | Decision] = []
        batches: dict[tuple[int, bytes], _Batch] = {}
        wanted: set[tuple[Any, ...]] = set()
        for side, each in asked:
            try:
                pair = look.pair(side, each)
                name = pair.name(each.facts)
                names.append(name)
                if name not in self._answers and name not in wanted:
                    context, added = context_of(pair.compiled, each.facts)
                    batch = batches.setdefault((id(pair), orjson.dumps(added)), _Batch(pair, added))
                    batch.contexts[name] = context
                    wanted.add(name)
            except Exception as error:
                names.append(faulted(error))
        for batch in batches.values():
            self._answers.update(zip(batch.contexts, batch.pair.ask(list(batch.contexts.values()), batch.added), strict=True))
        return [name if isinstance(name, Decision) else self._answers[name] for name in names]


def _bound(kept: dict[Any, Any], most: int) -> None:
    """Empty what has become too large, before something is added."""
    if len(kept) >= most:
        kept.clear()
