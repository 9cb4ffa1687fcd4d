"""Whether the evaluator keeps its promises here, asked before anything listens.

Each case is a way in which a policy engine was seen to allow what a policy forbids.
"""

from __future__ import annotations

from typing import Any, Final

from meridian.authorization.language.entities import Surroundings, entity, principal_entities
from meridian.authorization.language.evaluator import EntityHandle, Ground, PolicyHandle, SchemaHandle, evaluate, parse_policies
from meridian.domain.principal import Principal

PERMIT: Final = "permit (principal, action, resource);"
FORBID_GROUP: Final = 'forbid (principal, action in KMS::Action::"Use", resource);'
FORBID_ERROR: Final = 'forbid (principal, action, resource) when { context.request.viaService == "x" };'
NOWHERE: Final = Surroundings()
ALICE: Final = ("KMS::User", "111122223333/alice")
SCOPE: Final = ("KMS::Scope", "111122223333/us-east-1")
REQUEST: Final[dict[str, Any]] = {
    "currentTime": "2026-01-01T00:00:00.000Z",
    "sourceIp": "127.0.0.1",
    "secureTransport": True,
    "requestedRegion": "us-east-1",
    "mfaPresent": False,
    "dryRun": False,
    "grants": [],
}


class UnsoundEvaluatorError(Exception):
    """The evaluator allows what it must not. The process must not start."""


def require_sound_evaluator(schema: SchemaHandle) -> None:
    """Raises: UnsoundEvaluatorError naming the first broken promise."""
    no_address = {name: value for name, value in REQUEST.items() if name != "sourceIp"}
    cases = {
        "a permit allows": (PERMIT, REQUEST, True),
        "a forbid on an action group denies": (PERMIT + FORBID_GROUP, REQUEST, False),
        "a forbid that errors denies": (PERMIT + FORBID_ERROR, REQUEST, False),
        "a missing attribute denies": (PERMIT, no_address, False),
        "an extra attribute denies": (PERMIT, {**REQUEST, "surprise": 1}, False),
    }
    for promise, (text, request, allowed) in cases.items():
        if _ask(schema, text, request) is not allowed:
            raise UnsoundEvaluatorError(f"the policy evaluator breaks a promise: {promise}")


def _ask(schema: SchemaHandle, text: str, request: dict[str, Any]) -> bool:
    principal = Principal(kind="User", account="111122223333", name="alice", arn="arn:aws:iam::111122223333:user/alice")
    scope = entity(SCOPE, (), {"account": "111122223333", "region": "us-east-1", "regionLabels": []})
    policies = PolicyHandle((str(number), est) for number, est in enumerate(parse_policies(text)))
    entities = EntityHandle.build([*principal_entities(principal, NOWHERE), scope], schema)
    decision = evaluate(
        principal=ALICE,
        action="GenerateRandom",
        resource=SCOPE,
        context={"request": request},
        ground=Ground(policies, entities, schema),
    )
    return decision.allowed
