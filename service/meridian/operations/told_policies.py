"""Policies and their decisions, as answers tell them."""

from __future__ import annotations

from meridian.access.v1 import access_pb2
from meridian.domain.policy_answer import Explanation, NearMiss, Told


def decision_answer(told: Explanation) -> access_pb2.Decision:
    made = told.decision
    return access_pb2.Decision(
        action=made.action,
        resource=made.resource,
        allowed=made.allowed,
        deciding=map(policy_answer, told.deciding),
        closest=[access_pb2.NearMiss(policy=policy_answer(miss), condition=miss.condition) for miss in told.closest],
    )


def policy_answer(told: Told | NearMiss) -> access_pb2.Policy:
    return access_pb2.Policy(policy_id=told.policy_id, layer=told.layer, reason=told.reason, place=told.place)
