"""What a record says of keys of other accounts than its caller's, set aside while the rest of a long record is cut.

Whether such a key is there, the caller of a denied call was not told; those who look back at his call see whether its parts were cut, so
that must depend on nothing that the key has added. Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Record = dict[str, Any]

OF_DECIDING: Final = ("latencyMs", "policySet", "reason")
"""What else a record of `meridian` has, or has longer, where a key was decided on."""
DECISIONS, KEYS, RESOURCES, INNER, REQUEST, GRANT_IDS = "decisions", "keys", "resources", "inner", "request", "grantIds"
OWNER: Final = 4
"""The part of a key's ARN that is its account."""


def set_aside(record: Record) -> Record:
    """Takes those parts out of a record."""
    caller, inner = record.get("userIdentity"), record.get("meridian")
    account = caller.get("accountId") if isinstance(caller, dict) else None
    if not account or not isinstance(inner, dict):
        return {}
    aside: Record = {INNER: {name: inner.pop(name) for name in OF_DECIDING if name in inner}}
    facts, request = inner.get("facts"), inner.get(REQUEST)
    aside |= _taken(inner, DECISIONS, lambda each: _owner(each.get("resource")) not in ("", account))
    aside |= _taken(record, RESOURCES, lambda each: each.get("accountId") != account)
    if isinstance(facts, dict) and isinstance(facts.get(KEYS), dict):
        foreign = [name for name, each in facts[KEYS].items() if isinstance(each, dict) and each.get("account") != account]
        aside[KEYS] = {name: facts[KEYS].pop(name) for name in foreign}
    if isinstance(request, dict) and GRANT_IDS in request:
        aside[GRANT_IDS] = request.pop(GRANT_IDS)
        if not request:
            del inner[REQUEST]
    return aside


def put_back(record: Record, aside: Record) -> None:
    """Puts them where they were, as far as the place is still there."""
    if not aside:
        return
    inner = record["meridian"]
    if not isinstance(inner, dict):
        return
    inner |= aside[INNER]
    for holder, name in ((inner, DECISIONS), (record, RESOURCES)):
        if isinstance(holder.get(name), list):
            for at in sorted(int(part.removeprefix(name)) for part in aside if part.startswith(name)):
                holder[name].insert(at, aside[f"{name}{at}"])
    facts, request = inner.get("facts"), inner.get(REQUEST)
    if isinstance(facts, dict) and isinstance(facts.get(KEYS), dict):
        facts[KEYS] |= aside.get(KEYS, {})
    if GRANT_IDS in aside:
        inner[REQUEST] = {**(request if isinstance(request, dict) else {}), GRANT_IDS: aside[GRANT_IDS]}


def _taken(holder: Record, name: str, is_foreign: Callable[[Record], bool]) -> Record:
    """Those of a list that are foreign, each a part of its own, for none may be left out; they are in the list no more."""
    listed = holder.get(name)
    if not isinstance(listed, list):
        return {}
    taken = {f"{name}{at}": each for at, each in enumerate(listed) if isinstance(each, dict) and is_foreign(each)}
    listed[:] = [each for at, each in enumerate(listed) if f"{name}{at}" not in taken]
    return taken


def _owner(resource: Any) -> str:
    """The account of a key's ARN; empty for what is of the caller's own account."""
    parts = str(resource).split(":")
    return parts[OWNER] if parts[0] == "arn" and len(parts) > OWNER else ""
