"""Tries out policies that somebody edits, in a process of its own: whether they are right, and what recorded calls would get under them.

The parser and the evaluator keep the interpreter to themselves, so a Region that serves has this done elsewhere, for a bounded time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from meridian.audit.recorded_facts import policy_digest
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.language.policies import ACCOUNT, Policy
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, PolicySource, PolicyTexts, understand
from meridian.domain.policy_trial import Trial, TrialFault, TrialRow, Tried, read_trial, tried_as_json
from meridian.policy_kit.audit_log import AuditLog
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.recorded_line import Record, read_record
from meridian.policy_kit.replay import Replayed, Replaying, Row, Times

EDITED: Final = "policies"
PLACED: Final = re.compile(rf"{EDITED}:(?P<line>\d+)(?::(?P<column>\d+))?: (?P<text>.*)", re.DOTALL)
FAULTS_MAX: Final = 100
ROWS_MAX: Final = 100
"""Of each kind; calls of the others are counted with the reasons."""
FACTS_CHARACTERS_MAX: Final = 300
IDS_MAX: Final = 20
REASONS_MAX: Final = 20
OTHER_REASONS: Final = "other reasons"
OF_TWO_ACCOUNTS: Final = "a key of another account has a word in it"
MORE_ROWS: Final = "further rows are not told"


def policy_trial(asked: bytes) -> bytes:
    """A `Trial` as JSON; the answer is a `Tried`."""
    return tried_as_json(try_out(read_trial(asked)))


def try_out(trial: Trial) -> Tried:
    """Raises: PolicySetError where the policies that stay as they are cannot be read, which a Region that runs by them does not ask."""
    schema = SchemaHandle(schema_text())
    rest = _policies("rest", trial.rest, schema)
    edited: tuple[Policy, ...] = ()
    if trial.edited is not None:
        try:
            edited = _policies(EDITED, trial.edited, schema)
        except PolicySetError as fault:
            return Tried(faults=tuple(_placed(text) for text in fault.faults[:FAULTS_MAX]))
        faults = tuple(_strange(edited, trial.account, {policy.policy_id for policy in rest}))
        if faults:
            return Tried(faults=faults[:FAULTS_MAX])
    as_json = policies_as_json(trial.edited) if trial.edited else ""
    if not trial.records:
        return Tried(as_json=as_json)
    opened = PolicySet(schema, SchemaModel(schema.text), PolicySource((*rest, *edited), ""))
    return _told(_replayed(trial, opened), as_json)


def _policies(name: str, text: str, schema: SchemaHandle) -> tuple[Policy, ...]:
    return understand(PolicyTexts(((name, text),), ""), schema).policies


def _strange(edited: tuple[Policy, ...], account: str, taken: set[str]) -> Iterator[TrialFault]:
    for policy in edited:
        line = int(policy.place.rpartition(":")[2])
        if policy.layer != ACCOUNT or policy.account != account:
            yield TrialFault(EDITED, line, 0, f"{policy.policy_id}: only policies of account {account} can be tried here")
        if policy.policy_id in taken:
            yield TrialFault(EDITED, line, 0, f"{policy.policy_id}: @id is given to two policies")


def _placed(fault: str) -> TrialFault:
    found = PLACED.fullmatch(fault)
    if found is None:
        return TrialFault(EDITED, 0, 0, fault.removeprefix(f"{EDITED}:").strip())
    return TrialFault(EDITED, int(found["line"]), int(found["column"] or 0), found["text"])


# ---- recorded calls


def _replayed(trial: Trial, opened: PolicySet) -> Replayed:
    around = Surroundings(org_units=trial.org_units, region_labels=trial.region_labels)
    read = [read_record(line.encode()) for line in trial.records]
    own = [record for record in read if not _is_of_two(record, trial.account)]
    known = {policy_digest(text): text for text in trial.key_policies} | {**AuditLog(read, around).policies}
    if trial.key_policy is not None:
        digest = policy_digest(trial.key_policy) if trial.key_policy else ""
        known[digest] = trial.key_policy
        for facts in (facts for record in own for facts in _keys_of(record).values() if facts.get("keyId") == trial.key_id):
            facts["policySha256"] = digest
    done = Replaying(opened, around, known, "").begin()(own)
    done.skipped += [f": {OF_TWO_ACCOUNTS}"] * (len(read) - len(own))
    return done


def _is_of_two(record: Record, account: str) -> bool:
    """Whether what another account has decided on would be told by deciding it anew."""
    caller = record.get("userIdentity")
    accounts = {facts.get("account") for facts in _keys_of(record).values()}
    return (isinstance(caller, dict) and caller.get("accountId") != account) or bool(accounts - {account})


def _keys_of(record: Record) -> Mapping[str, dict[str, Any]]:
    """The facts of keys in a record, as far as they are of their kind: whoever decides anew looks closer."""
    facts = record.get("meridian", {}).get("facts")
    keys = facts.get("keys") if isinstance(facts, dict) else None
    return {name: each for name, each in keys.items() if isinstance(each, dict)} if isinstance(keys, dict) else {}


def _told(done: Replayed, as_json: str) -> Tried:
    reasons = Counter(text.partition(": ")[2] or text for text in done.skipped)
    told: dict[str, int] = dict(reasons.most_common(REASONS_MAX))
    if (others := sum(reasons.values()) - sum(told.values())) > 0:
        told[OTHER_REASONS] = others
    of_kinds: Counter[str] = Counter()
    rows = []
    for row, times in sorted(done.rows.items(), key=lambda each: -each[1].count):
        of_kinds[row.kind] += 1
        if of_kinds[row.kind] <= ROWS_MAX:
            rows.append(_row(row, times))
        else:
            told[MORE_ROWS] = told.get(MORE_ROWS, 0) + times.count
    return Tried(as_json=as_json, decisions=done.decisions, rows=tuple(rows), skipped=told)


def _row(row: Row, times: Times) -> TrialRow:
    facts = row.facts if len(row.facts) <= FACTS_CHARACTERS_MAX else f"{row.facts[:FACTS_CHARACTERS_MAX]}…"
    ids = row.old_ids[:IDS_MAX], row.new_ids[:IDS_MAX]
    return TrialRow(row.kind, row.principal, row.action, row.resource, facts, *ids, times.count, times.first, times.last)


TASKS: Final[dict[bytes, Callable[..., bytes]]] = {b"policy_trial": policy_trial}
"""What the process does."""
