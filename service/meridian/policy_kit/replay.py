"""The decisions of an audit log, made again under other policies: which real calls would be answered otherwise, equal calls as one row.

Calls are equal where caller, action and resource are the same, and all that the new policies read of the request, time apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from meridian.authorization.decision.facts import ABSENT, Facts
from meridian.authorization.decision.sweep import Sweep
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.policies import matches_action
from meridian.authorization.language.read_set import ENCRYPTION_CONTEXT, TIMELIKE, ReadSet, read_set
from meridian.domain.policy_decision import PolicyDecision
from meridian.policy_kit.asked_surroundings import AskedSurroundings
from meridian.policy_kit.audit_log import AuditLog, Recorded
from meridian.policy_kit.compare import change_of
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.many import Progress, parts_of, unseen
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.recorded_line import Record
from meridian.policy_kit.rows import in_words
from meridian.policy_kit.texts import UnreadableRecordError

REQUEST: Final = "request"
WRITTEN_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """Calls that are equal, and what becomes of them."""

    kind: str
    principal: str
    action: str
    resource: str
    facts: str
    """What the new policies read of the request, in words; empty where they read nothing that is there."""
    old_ids: tuple[str, ...]
    new_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """How often, and the event ids of the first and the last call."""

    count: int
    first: str
    last: str


@dataclass(slots=True)
class Replayed:
    """What came of a log, or of a part of it."""

    records: int = 0
    decisions: int = 0
    rows: dict[Row, Times] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def add(self, later: Replayed) -> None:
        """What came after this."""
        self.records += later.records
        self.decisions += later.decisions
        self.skipped += later.skipped
        for row, times in later.rows.items():
            known = self.rows.get(row)
            self.rows[row] = times if known is None else Times(known.count + times.count, known.first, times.last)


@dataclass(frozen=True, slots=True)
class Replaying:
    """The work of replaying; its parts are records."""

    policies: PolicySet
    around: Surroundings
    key_policies: Mapping[str, str]
    """Of the whole log, by their digest."""
    without_around: str
    """What to tell of decisions that ask for surroundings; empty where these are known."""

    def begin(self) -> Callable[[list[Record]], Replayed]:
        sweep, reads = self.policies.sweep(self.around), _Reads(self.policies)
        unknown = AskedSurroundings(self.policies) if self.without_around else None
        return lambda records: self._replay(records, sweep, reads, unknown)

    def _replay(self, records: list[Record], sweep: Sweep, reads: _Reads, unknown: AskedSurroundings | None) -> Replayed:
        done = Replayed(len(records))
        made = list(self._decisions(records, unknown, done))
        done.decisions = len(made)
        for recorded, decided in zip(made, sweep.decide(made), strict=True):
            before = PolicyDecision(recorded.action, recorded.resource.arn, recorded.allowed, recorded.policy_ids)
            kind, after = change_of(before, decided)
            if kind:
                ids = (before.policy_ids, after.policy_ids)
                facts = reads.in_words(recorded.action, recorded.facts)
                row = Row(kind, recorded.principal.arn, recorded.action, recorded.resource.arn, facts, *ids)
                done.add(Replayed(rows={row: Times(1, recorded.event_id, recorded.event_id)}))
        return done

    def _decisions(self, records: list[Record], unknown: AskedSurroundings | None, done: Replayed) -> Iterable[Recorded]:
        log = AuditLog(records, self.around, self.key_policies)
        for record in log.records:
            try:
                for recorded in log.decisions(record):
                    about = (recorded.principal, recorded.action, recorded.resource)
                    asked = unknown.unknown_of(*about) if unknown is not None else ""
                    if asked:
                        why = f"the policies ask for {asked}, which no record holds: {self.without_around}"
                        done.skipped.append(f"{recorded.event_id}: {recorded.action}: {why}")
                    else:
                        yield recorded
            except UnreadableRecordError as fault:
                done.skipped.append(f"{record['eventID']}: {fault}")


def replay(log: AuditLog, work: Replaying, cores: Cores, progress: Progress = unseen) -> Replayed:
    """`work` is of this log. Decisions whose facts it does not hold are named, never guessed."""
    whole = Replayed()
    for part in cores.each(work, parts_of(log.records)):
        progress(part.records)
        whole.add(part)
    return whole


class _Reads:
    """What the policies of a set read of requests, by action."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._known: dict[str, ReadSet] = {}
        self._written: dict[bytes, str] = {}

    def in_words(self, action: str, facts: Facts) -> str:
        """What they read of this request, time apart, as far as there is anything; what cannot be read decides nothing and is left out."""
        reads = self._known.get(action)
        if reads is None:
            reads = self._known[action] = self._of(action)
        context = _there(reads.attributes - TIMELIKE - {REQUEST}, facts.attribute)
        if reads.tags is not None and ENCRYPTION_CONTEXT in context:
            pairs = context[ENCRYPTION_CONTEXT]
            context[ENCRYPTION_CONTEXT] = {name: pairs[name] for name in sorted(reads.tags) if name in pairs}
        requested = _there(reads.request_attributes - TIMELIKE, facts.request_attribute)
        found = {**context, **({REQUEST: requested} if requested else {})}
        return self._in_words(found) if found else ""

    def _in_words(self, found: dict[str, Any]) -> str:
        """Writing YAML takes longer than deciding, and most calls are alike."""
        name = orjson.dumps(found)
        if name not in self._written:
            if len(self._written) >= WRITTEN_MAX:
                self._written.clear()
            self._written[name] = in_words(found)
        return self._written[name]

    def _of(self, action: str) -> ReadSet:
        model = self._policies.model
        ancestors, whole = model.ancestors[action], frozenset(name.rstrip("?") for name in model.context_attributes(action))
        relevant = [p.est for p in self._policies.policies if matches_action(p.est, ancestors, action)]
        reads = read_set(relevant, whole, frozenset(name.rstrip("?") for name in model.types["Request"]))
        return replace(reads, attributes=reads.attributes & whole)


def _there(names: Iterable[str], read: Callable[[str], Any]) -> dict[str, Any]:
    found = {}
    for name in sorted(names):
        try:
            value = read(name)
        except (AttributeError, LookupError, TypeError, ValueError):
            continue
        if value is not ABSENT and value not in ([], {}):
            found[name] = value
    return found
