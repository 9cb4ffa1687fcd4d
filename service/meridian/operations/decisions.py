"""What was decided lately, and why: recorded calls of an account and on its keys, and what the policies in force would answer to them now.

Source: docs/looking-back.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from typing import Final

from meridian.access.v1 import access_pb2
from meridian.audit.told_calls import Record, told_call
from meridian.call import Call
from meridian.contract.catalog import served_rpcs, walked_rpcs
from meridian.domain.identifiers import parse_key_reference
from meridian.domain.policy_answer import ExplainedAgain
from meridian.domain.told_call import Effect, ToldCall, ToldDecision
from meridian.errors import InvalidMarkerException, NotFoundException, ValidationException
from meridian.operations.told_policies import decision_answer
from meridian.ports.audit_history import AuditHistory, Wanted
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.page_markers import PageMarkers
from meridian.ports.policies import DecisionsAgain, LivePolicySet

LIMIT_DEFAULT: Final = 50
HANDLE: Final = "RecordedCall"
PLAIN: Final = re.compile(r"[\w:/+=,.@-]+", re.ASCII)
"""What stands in JSON as it is."""
NO_HANDLE: Final = "The handle is none that ListDecisions gave to this account in this Region."
MARKER_OF_ANOTHER: Final = "The marker is none that this caller was given for this question in this Region."
GONE: Final = "The record of this call is not kept any longer, or lies in a log that is not seen from here."

EFFECTS: Final = {Effect.NONE: access_pb2.EFFECT_UNSPECIFIED, Effect.ALLOW: access_pb2.EFFECT_ALLOW, Effect.DENY: access_pb2.EFFECT_DENY}
OPERATIONS: Final = frozenset(rpc.operation for rpc in (*walked_rpcs().values(), *served_rpcs().values()))

Fits = Callable[[ToldCall], bool]


class Decisions:
    """ListDecisions and ExplainDecision."""

    def __init__(
        self,
        history: AuditHistory,
        page_markers: PageMarkers,
        directory: KeyDirectory,
        live: LivePolicySet,
        again: DecisionsAgain,
        *,
        region: str,
    ) -> None:
        self._history = history
        self._page_markers = page_markers
        self._directory = directory
        self._live = live
        self._again = again
        self._region = region

    async def find(self, request: access_pb2.ListDecisionsRequest, call: Call) -> access_pb2.ListDecisionsResponse:
        """Calls that fit. Raises: ValidationException, NotFoundException, InvalidArnException, InvalidMarkerException,
        ThrottlingException, DependencyTimeoutException."""
        account, wanted = call.caller.account, await self._wanted(request, call.caller.account)
        # The marker is good for the same question of the same caller.
        asked = access_pb2.ListDecisionsRequest.FromString(request.SerializeToString())
        asked.ClearField("marker")
        asked.ClearField("limit")
        scope = f"{call.rpc.operation} {call.caller.arn} {asked.SerializeToString(deterministic=True).hex()}"
        place = self._opened(scope, request.marker, MARKER_OF_ANOTHER) if request.HasField("marker") else ""
        most = request.limit if request.HasField("limit") else LIMIT_DEFAULT
        found = await self._history.look(account, wanted, most=most, place=place)
        response = access_pb2.ListDecisionsResponse(truncated=bool(found.place), unreadable=found.unreadable)
        if found.place:
            response.next_marker = self._page_markers.page_marker(scope, found.place)
        own = self._own_policies(account)
        for record, own_place in zip(found.records, found.places, strict=True):
            told = told_call(record, account, own.__contains__)
            if told is not None:
                response.calls.append(_call_answer(told, self._handle(account, told, own_place)))
        return response

    async def explain(self, request: access_pb2.ExplainDecisionRequest, call: Call) -> access_pb2.ExplainDecisionResponse:
        """Each decision of one call, then and now. Raises: InvalidMarkerException for a handle of somebody else, or of none;
        NotFoundException, ThrottlingException, DependencyTimeoutException."""
        account = call.caller.account
        event_id, _, place = self._opened(_handle_scope(account), request.handle, NO_HANDLE).partition(" ")
        wanted = Wanted(event_id.encode(), lambda record: record.get("eventID") == event_id)
        try:
            found = await self._history.look(account, wanted, most=1, place=place)
        except InvalidMarkerException as fault:
            raise NotFoundException(GONE) from fault
        told = self._told(found.records[0], account) if found.records else None
        if told is None:
            raise NotFoundException(GONE)
        call.audit_data = {"explained": event_id}
        again = await self._again.explain(account, found.records[0], told)
        return access_pb2.ExplainDecisionResponse(
            call=_call_answer(told, request.handle),
            decisions=[_now_answer(each) for each in again.decisions],
            policies_changed=again.policies_changed,
            keys_changed=again.keys_changed,
        )

    def _opened(self, scope: str, text: str, otherwise: str) -> str:
        try:
            return self._page_markers.open_page_marker(scope, text)
        except InvalidMarkerException as fault:
            raise InvalidMarkerException(otherwise) from fault

    def _told(self, record: Record, account: str) -> ToldCall | None:
        own = self._own_policies(account)
        return told_call(record, account, own.__contains__)

    def _own_policies(self, account: str) -> frozenset[str]:
        return frozenset(policy.policy_id for policy in self._live.describe(account).policies)

    def _handle(self, account: str, told: ToldCall, place: str) -> str:
        return self._page_markers.page_marker(_handle_scope(account), f"{told.event_id} {place}")

    async def _wanted(self, request: access_pb2.ListDecisionsRequest, account: str) -> Wanted:
        """Raises: ValidationException, NotFoundException, InvalidArnException."""
        since = request.since.ToDatetime(UTC) if request.HasField("since") else None
        until = request.until.ToDatetime(UTC) if request.HasField("until") else None
        if since is not None and until is not None and since > until:
            raise ValidationException("since is later than until.", fields=[("since", "is later than until"), ("until", "is before since")])
        mentions, fits = await self._fits(request, account)
        own = self._own_policies(account)

        def is_wanted(record: Record) -> bool:
            told = told_call(record, account, own.__contains__)
            return told is not None and all(each(told) for each in fits)

        return Wanted(mentions.encode(), is_wanted, since, until)

    async def _fits(self, request: access_pb2.ListDecisionsRequest, account: str) -> tuple[str, list[Fits]]:
        """What every line that fits has in it, the rarer the better; and a question for each filter that is given."""
        mentions = account
        fits: list[Fits] = []
        if request.HasField("principal"):
            mentions = request.principal if PLAIN.fullmatch(request.principal) else mentions
            fits.append(lambda told: told.principal == request.principal)
        if request.HasField("operation"):
            if request.operation not in OPERATIONS:
                raise ValidationException(f"There is no operation {request.operation}.", fields=[("operation", "is none")])
            fits.append(lambda told: told.operation == request.operation)
        if request.effect:
            fits.append(lambda told: EFFECTS[told.effect] == request.effect)
        if request.HasField("request_id"):
            mentions = request.request_id
            fits.append(lambda told: told.request_id == request.request_id)
        if request.HasField("key_id"):
            mentions = await self._key_id(request.key_id, account)
            ending = f":{account}:key/{mentions}"
            fits.append(lambda told: any(arn.endswith(ending) for arn in told.keys))
        return mentions, fits

    async def _key_id(self, text: str, account: str) -> str:
        """A key of the account, also one that is no longer there. Raises: NotFoundException, InvalidArnException, ValidationException."""
        reference = parse_key_reference(text, alias_allowed=True)
        is_elsewhere = reference.is_arn and (reference.account != account or reference.region != self._region)
        if is_elsewhere:
            raise ValidationException("The key is none of the account's here.", fields=[("keyId", "is none of the account's here")])
        if not reference.alias:
            return reference.key_id
        key = await self._directory.find_by_alias(account, reference.alias)
        if key is None:
            raise NotFoundException(f"Alias {reference.text} is not found.")
        return key.key_id


def _handle_scope(account: str) -> str:
    return f"{HANDLE} {account}"


def _call_answer(told: ToldCall, handle: str) -> access_pb2.RecordedCall:
    answer = access_pb2.RecordedCall(
        handle=handle,
        event_id=told.event_id,
        request_id=told.request_id,
        operation=told.operation,
        principal=told.principal,
        keys=told.keys,
        effect=EFFECTS[told.effect],
        error_code=told.error_code,
        decisions=map(_decision_answer, told.decisions),
    )
    answer.called_at.FromDatetime(told.called_at)
    return answer


def _decision_answer(told: ToldDecision) -> access_pb2.RecordedDecision:
    return access_pb2.RecordedDecision(
        action=told.action, resource=told.resource, allowed=told.allowed, policy_ids=told.policy_ids, others=told.has_others
    )


def _now_answer(again: ExplainedAgain) -> access_pb2.DecisionNow:
    if again.now is None:
        return access_pb2.DecisionNow(unknown=again.unknown)
    return access_pb2.DecisionNow(decision=decision_answer(again.now))
