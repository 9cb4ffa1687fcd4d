"""Policies that are tried out: what is asked, and what they come to; and both as JSON, between a Region and the process that tries them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from meridian.domain.policy_answer import Explanation


@dataclass(frozen=True, slots=True)
class TrialFault:
    """What is wrong with an edited text."""

    field: str
    """Which one: policies or keyPolicy."""
    line: int
    """Counted from 1, as is `column`; 0 where no place is meant."""
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Work for the process."""

    account: str
    """Whose policies are edited, and whose calls are decided anew."""
    edited: str | None
    """Cedar text of all policies of the account; None where they stay as they are."""
    rest: str
    """Cedar text of the other policies that have a word in its calls; of all of them where nothing is edited."""
    key_id: str
    key_policy: str | None
    """Cedar text that is tried as the policy of this key; None where it stays as it was."""
    key_policies: tuple[str, ...]
    """Of keys that records speak of, as far as they are known."""
    org_units: Mapping[str, tuple[str, ...]]
    region_labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """Recorded calls that are equal in all that the policies read, and what would become of them."""

    kind: str
    """newly allowed, newly denied, or other reason."""
    principal: str
    action: str
    resource: str
    facts: str
    old_ids: tuple[str, ...]
    new_ids: tuple[str, ...]
    count: int
    first: str
    last: str
    """Event ids of the first and the last of them."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it. With faults nothing was decided."""

    faults: tuple[TrialFault, ...] = ()
    as_json: str = ""
    """Cedar's JSON form of the edited text."""
    decisions: int = 0
    """That were made anew."""
    rows: tuple[TrialRow, ...] = ()
    skipped: Mapping[str, int] | None = None
    """Decisions that could not be made anew, by the reason."""


@dataclass(frozen=True, slots=True)
class TrialAsked:
    """What a caller asks."""

    principal: str
    """ARN of whom the request is asked for; empty where there is none."""
    operation: str
    request: Any
    """None where only recorded calls are decided anew."""
    policies: str | None
    key_policy: str | None
    calls: int
    """How many recorded calls are looked through at most."""


@dataclass(frozen=True, slots=True)
class LookedThrough:
    """Recorded calls of an account, and what becomes of them."""

    calls: int
    since: datetime
    """No call of the account after this was left out, but for those in files that cannot be read."""
    is_whole: bool
    """Whether `since` lies as far back as one looks."""
    tried: Tried


@dataclass(frozen=True, slots=True)
class TrialTold:
    """The answer."""

    live_policies: str | None
    """Cedar text of the account's own policies in force; None where it is longer than what can be tried."""
    live: tuple[Explanation, ...] | None
    """None where no request was asked about."""
    edited: tuple[Explanation, ...] | None
    """None where nothing was edited, or with faults."""
    faults: tuple[TrialFault, ...]
    replayed: LookedThrough | None


def trial_as_json(trial: Trial) -> bytes:
    return json.dumps(asdict(trial)).encode()


def read_trial(data: bytes) -> Trial:
    """What the other function wrote."""
    fields: dict[str, Any] = json.loads(data)
    fields["key_policies"] = tuple(fields["key_policies"])
    for name in ("org_units", "region_labels"):
        fields[name] = {each: tuple(values) for each, values in fields[name].items()}
    return Trial(**fields)


def tried_as_json(tried: Tried) -> bytes:
    return json.dumps(asdict(tried)).encode()


def read_tried(data: bytes) -> Tried:
    """What the other function wrote. Raises: ValueError, KeyError, TypeError for anything else."""
    fields: dict[str, Any] = json.loads(data)
    rows = tuple(TrialRow(**{**row, "old_ids": tuple(row["old_ids"]), "new_ids": tuple(row["new_ids"])}) for row in fields.pop("rows"))
    faults = tuple(TrialFault(**fault) for fault in fields.pop("faults"))
    return Tried(**fields, rows=rows, faults=faults)
