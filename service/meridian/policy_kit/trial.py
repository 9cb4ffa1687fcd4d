"""Tries out policies that somebody edits, in a process of its own: whether they are right, and what recorded calls would get under them.

The parser and the evaluator keep the interpreter to themselves, so a Region that serves has this done elsewhere, for a bounded time.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from meridian.audit.recorded_facts import policy_digest
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.language.policies import ACCOUNT, Policy
from meridian.authorization.language.policy_bounds import WILDCARD_WORK_MAX, wildcard_work
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import FAULT_CHARACTERS_MAX, POLICIES_MAX
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicySetError, PolicySource, PolicyTexts, understand
from meridian.domain.policy_trial import Trial, TrialFault, TrialRow, Tried, read_trial, tried_as_json
from meridian.policy_kit.audit_log import AuditLog
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.recorded_line import Record, read_record
from meridian.policy_kit.replay import Replayed, Replaying, Row, Times
from meridian.policy_kit.texts import UnreadableRecordError

EDITED: Final = "policies"
PLACED: Final = re.compile(rf"{EDITED}:(?P<line>\d+)(?::(?P<column>\d+))?: (?P<text>.*)", re.DOTALL)
FAULTS_MAX: Final = 100
ROWS_MAX: Final = 100
"""Of each kind; calls of the others are counted with the reasons."""
FACTS_CHARACTERS_MAX: Final = 300
IDS_MAX: Final = 5
ID_CHARACTERS_MAX: Final = 256
REASONS_MAX: Final = 20
OTHER_REASONS: Final = "other reasons"
AT_ONCE: Final = 128
SECONDS: Final = 5.0
"""For recorded calls; those that are left are said to be."""
NO_TIME: Final = "there was no time for them: ask for fewer calls"
OF_TWO_ACCOUNTS: Final = "a key of another account has a word in it"
MORE_ROWS: Final = "further rows are not told"


def policy_trial(asked: bytes, records: bytes) -> bytes:
    """A `Trial` as JSON, and lines of the audit log; the answer is a `Tried`."""
    return tried_as_json(try_out(read_trial(asked), records.splitlines()))


def try_out(trial: Trial, lines: Sequence[bytes]) -> Tried:
    """`lines`: of the audit log, whose decisions are made anew.

    Raises: PolicySetError where the policies that stay as they are cannot be read, which a Region that runs by them does not ask.
    """
    schema = SchemaHandle(schema_text())
    rest = _policies("rest", trial.rest, schema)
    edited: tuple[Policy, ...] = ()
    if trial.edited is not None:
        try:
            edited = _policies(EDITED, trial.edited, schema)
        except PolicySetError as fault:
            return Tried(faults=tuple(_placed(text) for text in fault.faults[:FAULTS_MAX]))
        strange = _strange(edited, trial.account, {policy.policy_id for policy in rest})
        faults = tuple(islice(chain(_costly(trial.edited, edited), strange), FAULTS_MAX))
        if faults:
            return Tried(faults=faults)
    as_json = policies_as_json(trial.edited) if trial.edited else ""
    if not lines:
        return Tried(as_json=as_json)
    opened = PolicySet(schema, SchemaModel(schema.text), PolicySource((*rest, *edited), ""))
    return _told(_replayed(trial, lines, opened), as_json)


def _policies(name: str, text: str, schema: SchemaHandle) -> tuple[Policy, ...]:
    return understand(PolicyTexts(((name, text),), ""), schema).policies


def _costly(text: str, edited: tuple[Policy, ...]) -> Iterator[TrialFault]:
    """An author of files may write what costs more; a caller may not, as in a key policy."""
    if len(edited) > POLICIES_MAX:
        yield TrialFault(EDITED, 0, 0, f"at most {POLICIES_MAX} policies can be tried")
    if wildcard_work(text) > WILDCARD_WORK_MAX:
        yield TrialFault(EDITED, 0, 0, f"the patterns of what is tried may cost {WILDCARD_WORK_MAX} together, as those of a key policy")


def _strange(edited: tuple[Policy, ...], account: str, taken: set[str]) -> Iterator[TrialFault]:
    for policy in edited:
        line = int(policy.place.rpartition(":")[2])
        if policy.layer != ACCOUNT or policy.account != account:
            yield TrialFault(EDITED, line, 0, f"{policy.policy_id}: only policies of account {account} can be tried here")
        if policy.policy_id in taken:
            yield TrialFault(EDITED, line, 0, f"{policy.policy_id}: @id is given to two policies")


def _placed(fault: str) -> TrialFault:
    if len(fault) > FAULT_CHARACTERS_MAX:
        fault = f"{fault[:FAULT_CHARACTERS_MAX]}…"
    found = PLACED.fullmatch(fault)
    if found is None:
        return TrialFault(EDITED, 0, 0, fault.removeprefix(f"{EDITED}:").strip())
    return TrialFault(EDITED, int(found["line"]), int(found["column"] or 0), found["text"])


# ---- recorded calls


def _replayed(trial: Trial, lines: Sequence[bytes], opened: PolicySet) -> Replayed:
    around = Surroundings(org_units=trial.org_units, region_labels=trial.region_labels)
    read, unread = _records(lines)
    own = [record for record in read if not _is_of_two(record, trial.account)]
    known = {policy_digest(text): text for text in trial.key_policies} | {**AuditLog(read, around).policies}
    if trial.key_policy is not None:
        digest = policy_digest(trial.key_policy) if trial.key_policy else ""
        known[digest] = trial.key_policy
        for facts in (facts for record in own for facts in _keys_of(record).values() if facts.get("keyId") == trial.key_id):
            facts["policySha256"] = digest
    done = _within(SECONDS, Replaying(opened, around, known, "").begin(), own)
    done.skipped += [*unread, *[f": {OF_TWO_ACCOUNTS}"] * (len(read) - len(own))]
    return done


def _records(lines: Sequence[bytes]) -> tuple[list[Record], list[str]]:
    """What can be read, and why the rest cannot."""
    read, unread = list[Record](), list[str]()
    for line in lines:
        try:
            read.append(read_record(line))
        except UnreadableRecordError as fault:
            unread.append(f": {fault}")
    return read, unread


def _within(seconds: float, replay: Callable[[list[Record]], Replayed], records: list[Record]) -> Replayed:
    """What can be done in this time, some records at a time."""
    done, until = Replayed(), time.monotonic() + seconds  # noqa: TID251 - how long this process works, which has no clock of a Region
    for at in range(0, len(records), AT_ONCE):
        if time.monotonic() > until:  # noqa: TID251 - as above
            done.skipped += [f": {NO_TIME}"] * (len(records) - at)
            break
        done.add(replay(records[at : at + AT_ONCE]))
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
    return TrialRow(
        row.kind, row.principal, row.action, row.resource, facts, _ids(row.old_ids), _ids(row.new_ids), times.count, times.first, times.last
    )


def _ids(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:ID_CHARACTERS_MAX] for name in names[:IDS_MAX])


TASKS: Final[dict[bytes, Callable[..., bytes]]] = {b"policy_trial": policy_trial}
"""What the process does."""
