"""Recorded decisions of a Region that serves, made again and explained by the policies in force: `replay` for one call.

Callers and keys are as they stood; a key's own policy is the one that it has now, since the record holds its digest alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import orjson

from meridian.audit.record import DIGITS_SHOWN
from meridian.audit.recorded_facts import policy_digest
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.explain import explain
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.policies import KEY
from meridian.domain.key import Key
from meridian.domain.policy_answer import CallAgain, ExplainedAgain, Explanation
from meridian.domain.told_call import ToldCall, ToldDecision
from meridian.policy_kit.audit_log import AuditLog, Recorded
from meridian.policy_kit.recorded_line import Record, read_record, require_decided
from meridian.policy_kit.texts import UnreadableRecordError
from meridian.ports.heavy_work import HeavyWork
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.security_events import SecurityEvent, SecurityEvents

OF_OTHERS: Final = "the caller is of another account, whose policies have a word and are not this account's to read"
ABROAD: Final = "of a key of another account that is closed to the caller now, or is not there, nothing more is told"
GONE: Final = "the key is not there any more, and with it its policy"


@dataclass(frozen=True, slots=True)
class _Now:
    """A record with the keys' policies as they are now."""

    record: Record
    policies: Mapping[str, str]
    """By digest."""
    gone: frozenset[str]
    """ARNs of keys that are not there any more."""
    changed: tuple[str, ...]
    """ARNs of the account's keys that are gone, or whose policy is another."""


class RecordedDecisions:
    """Implements `ports.policies.DecisionsAgain`."""

    def __init__(
        self, authorizer: Authorizer, directory: KeyDirectory, around: Surroundings, heavy: HeavyWork, events: SecurityEvents
    ) -> None:
        self._authorizer = authorizer
        self._directory = directory
        self._around = around
        self._heavy = heavy
        self._events = events

    async def explain(self, account: str, record: Mapping[str, Any], told: ToldCall) -> CallAgain:
        digest, then = self._authorizer.digest, (record.get("meridian") or {}).get("policySet")
        # Only what came to its decisions says by which policies: of a key of another account that denied, this would say that it is there.
        is_known = isinstance(then, str) and len(then) == DIGITS_SHOWN and bool(told.decisions)
        changed = not digest.startswith(str(then)) if is_known else None
        try:
            read = read_record(orjson.dumps(record))
            require_decided(read)
        except UnreadableRecordError as fault:
            return CallAgain(tuple(ExplainedAgain(None, str(fault)) for _ in told.decisions), changed, ())
        now = await self._now(account, read)
        if not told.is_own:
            return CallAgain(tuple(ExplainedAgain(None, OF_OTHERS) for _ in told.decisions), changed, now.changed)
        return CallAgain(tuple([await self._again(account, now, each) for each in told.decisions]), changed, now.changed)

    async def _again(self, account: str, now: _Now, told: ToldDecision) -> ExplainedAgain:
        try:
            asked = self._asked(now, told)
        except UnreadableRecordError as fault:
            return ExplainedAgain(None, ABROAD if told.is_abroad else str(fault))
        found = await self._heavy.run(account, partial(_explained, self._authorizer, asked))
        if found.decision.errors or found.fault:
            why = found.decision.fault or found.fault or "an error of evaluation"
            self._events.report(SecurityEvent.POLICY_FAULT, subject=found.decision.resource, action=found.decision.action, fault=why)
        if not told.is_abroad:
            return ExplainedAgain(found)
        if not found.decision.allowed or told.resource in now.gone:
            return ExplainedAgain(None, ABROAD)
        return ExplainedAgain(replace(found, deciding=tuple(each for each in found.deciding if each.layer != KEY)))

    def _asked(self, now: _Now, told: ToldDecision) -> Recorded:
        """Raises: UnreadableRecordError."""
        if told.resource in now.gone and not told.is_abroad:  # one that is abroad is decided on all the same: that takes as long
            raise UnreadableRecordError(GONE)
        log = AuditLog([now.record], self._around, now.policies)
        asked = next((each for number, each in enumerate(log.decisions(now.record)) if number == told.number), None)
        if asked is None:
            raise UnreadableRecordError("the record does not hold what was asked")
        return asked

    async def _now(self, account: str, record: Record) -> _Now:
        """The record, each of its keys with the policy and the delegation that it has now. A key that is gone gets none: of the other
        keys of its call something can be told all the same."""
        facts, policies, gone, changed = {}, {}, set(), []
        for field, then in record["meridian"]["facts"]["keys"].items():
            owner, key_id, arn = then["account"], then["keyId"], _arn_of(record, then)
            key = await self._find(account, owner, key_id)
            if key is None:
                gone.add(arn)
            policy = key.policy if key is not None else ""
            digest = policy_digest(policy) if policy else ""
            policies[digest] = policy
            if owner == account and (key is None or digest != then["policySha256"]):
                changed.append(arn)
            delegation = key.account_delegation if key is not None else then["accountDelegation"]
            facts[field] = {**then, "policySha256": digest, "accountDelegation": delegation}
        prospective = record["meridian"].get("request", {}).get("prospectiveKey")
        if prospective is not None:
            policies.setdefault(prospective["policySha256"], "")  # what a new key would say decides nothing about who may make it
        inner = {**record["meridian"], "facts": {**record["meridian"]["facts"], "keys": facts}}
        return _Now({**record, "meridian": inner}, policies, frozenset(gone), tuple(changed))

    async def _find(self, account: str, owner: str, key_id: str) -> Key | None:
        if owner == account:
            return await self._directory.find(owner, key_id)
        return await self._directory.find_abroad(account, owner, key_id)


def _arn_of(record: Record, key: Record) -> str:
    ending = f":{key['account']}:key/{key['keyId']}"
    return next((each["ARN"] for each in record.get("resources") or () if each["ARN"].endswith(ending)), ending)


def _explained(authorizer: Authorizer, asked: Recorded) -> Explanation:
    """By one set of policies."""
    while True:
        digest = authorizer.digest
        found = explain(authorizer, asked.principal, asked.action, asked.resource, asked.facts)
        if authorizer.digest == digest:
            return found
