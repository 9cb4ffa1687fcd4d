"""TryPolicies: what is asked of a trial of policies, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from meridian.access.v1 import access_pb2
from meridian.domain.policy_answer import AccessTold, Explanation
from meridian.domain.policy_trial import LookedThrough, TrialAsked, TrialRow, TrialTold
from meridian.errors import ValidationException

TellDecision = Callable[[Explanation], access_pb2.Decision]


def trial_asked(request: access_pb2.TryPoliciesRequest, operation: str, asked: Any) -> TrialAsked:
    """`operation` and `asked`: the packed request; None where there is none. Raises: ValidationException."""
    if request.HasField("principal") is not (asked is not None):
        why = "belongs to a request, and a request needs one"
        raise ValidationException(f"A principal {why}.", fields=[("principal", why)])
    return TrialAsked(
        principal=request.principal,
        operation=operation,
        request=asked,
        policies=request.policies if request.HasField("policies") else None,
        key_policy=request.key_policy if request.HasField("key_policy") else None,
        calls=request.calls,
    )


def trial_record(asked: TrialAsked, told: TrialTold) -> dict[str, Any]:
    """What the audit record says of it: of the texts only which they were."""
    data: dict[str, Any] = {"operation": asked.operation} if asked.operation else {}
    for name, text in (("policiesSha256", asked.policies), ("keyPolicySha256", asked.key_policy)):
        if text is not None:
            data[name] = sha256(text.encode()).hexdigest()
    if told.replayed is not None:
        data["calls"] = told.replayed.calls
    return data


def trial_answer(told: TrialTold, tell: TellDecision) -> access_pb2.TryPoliciesResponse:
    """`tell`: one decision as CheckAccess tells it."""
    answer = access_pb2.TryPoliciesResponse(live_policies=told.live_policies)
    for field, made in ((answer.live, told.live), (answer.edited, told.edited)):
        if made is not None:
            field.CopyFrom(access_pb2.TriedAccess(allowed=AccessTold(made).allowed, decisions=map(tell, made)))
    answer.faults.extend(access_pb2.PolicyTextFault(**asdict(fault)) for fault in told.faults)
    if told.replayed is not None:
        answer.replayed.CopyFrom(_replayed(told.replayed))
    return answer


def _replayed(found: LookedThrough) -> access_pb2.ReplayedCalls:
    tried = found.tried
    told = access_pb2.ReplayedCalls(
        calls=found.calls,
        whole_day=found.is_whole,
        decisions=tried.decisions,
        changed=map(_changed, tried.rows),
        undecided=[access_pb2.UndecidedCalls(reason=reason, count=count) for reason, count in (tried.skipped or {}).items()],
    )
    told.since.FromDatetime(found.since)
    return told


def _changed(row: TrialRow) -> access_pb2.ChangedCalls:
    return access_pb2.ChangedCalls(
        kind=row.kind,
        principal=row.principal,
        action=row.action,
        resource=row.resource,
        facts=row.facts,
        recorded_policy_ids=row.old_ids,
        tried_policy_ids=row.new_ids,
        count=row.count,
        first_event_id=row.first,
        last_event_id=row.last,
    )
