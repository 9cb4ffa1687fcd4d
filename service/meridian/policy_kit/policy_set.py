"""A folder of policies, opened for questions as a Region would open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import explain
from meridian.authorization.decision.sweep import Sweep
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.language.policies import Policy
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.policy_files import Fault, PolicySource, UnreadablePoliciesError, load_policies
from meridian.domain.bounded_cache import Caches
from meridian.domain.limits import Limits
from meridian.domain.policy_answer import Explanation
from meridian.domain.policy_decision import PolicyDecision
from meridian.policy_kit.fixtures import Request


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Loaded policies and the schema that they were checked against."""

    schema: SchemaHandle
    model: SchemaModel
    source: PolicySource

    @property
    def policies(self) -> tuple[Policy, ...]:
        return self.source.policies

    def __reduce__(self) -> tuple[Callable[[str, PolicySource], PolicySet], tuple[str, PolicySource]]:
        """Another process makes its own schema from the text."""
        return _policy_set, (self.schema.text, self.source)

    def within(self, around: Surroundings) -> Authorizer:
        """An authorizer that decides as a Region with these surroundings."""
        return Authorizer(
            schema=self.schema,
            source=self.source,
            around=around,
            limits=Limits(),
            as_json=policies_as_json,
            caches=Caches(Limits().cache_bytes),
        )

    def sweep(self, around: Surroundings) -> Sweep:
        """The same for many requests at once."""
        return Sweep(schema=self.schema, policies=self.policies, around=around, limits=Limits(), as_json=policies_as_json)


def open_policy_set(folder: Path, schema_text: str) -> PolicySet:
    """Raises: PolicySetError; UnreadablePoliciesError, one of those, where the files cannot be read."""
    schema = SchemaHandle(schema_text)
    try:
        source = load_policies(folder, schema)
    except OSError as fault:
        raise UnreadablePoliciesError([Fault(f"{fault.filename}: {fault.strerror}")]) from fault
    return PolicySet(schema, SchemaModel(schema_text), source)


def _policy_set(schema_text: str, source: PolicySource) -> PolicySet:
    return PolicySet(SchemaHandle(schema_text), SchemaModel(schema_text), source)


def decide(authorizer: Authorizer, request: Request) -> PolicyDecision:
    return authorizer.decide(request.principal, request.action, request.resource, request.facts)


def why(authorizer: Authorizer, request: Request) -> Explanation:
    return explain(authorizer, request.principal, request.action, request.resource, request.facts)
