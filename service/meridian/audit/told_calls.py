"""What an account may be told of a recorded call: of its own principals' calls, and of calls on its own keys.

Of the other side of a call between accounts nothing is told that its policies, or the state of its keys, are read from. A caller who was
denied a key of another account was not told whether it is there, and neither are those who look at his calls.

What stands in a log is not trusted to be of the form that Regions write; what is not, is no call.

Source: docs/looking-back.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from meridian.domain.policy_decision import OF_A_KEY
from meridian.domain.told_call import Effect, ToldCall, ToldDecision

Record = Mapping[str, Any]
NamesPolicy = Callable[[str], bool]
"""Whether the policy of the Region's files with this id may be named to the account."""

CALL: Final = "AwsApiCall"
DENIED: Final = "AccessDeniedException"
KEYS_ACCOUNT: Final = 4
"""The part of a key's ARN that is its account."""


def is_own_call(record: Record, account: str) -> bool:
    """Whether the account may be told anything of this record."""
    try:
        inner = record["meridian"]
        if record["eventType"] != CALL or "decisions" not in inner or (record.get("additionalEventData") or {}).get("onlyAsked"):
            return False
        return bool(record["userIdentity"].get("accountId") == account or any(each["accountId"] == account for each in record["resources"]))
    except (KeyError, TypeError, AttributeError):
        return False


def told_call(record: Record, account: str, names_policy: NamesPolicy) -> ToldCall | None:
    """What the account may be told; None where that is nothing."""
    if not is_own_call(record, account):
        return None
    try:
        return _told(record, account, names_policy)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        return None


def without_closed_keys(record: dict[str, Any], account: str) -> dict[str, Any]:
    """A call of the account's principal; where it was denied, as if there were no key of another account in it. Whether there is one, its
    caller was not told."""
    if record.get("errorCode") != DENIED:
        return record
    try:
        inner, facts = record["meridian"], record["meridian"]["facts"]
        decisions = [each for each in inner["decisions"] if _owner(each["resource"]) in ("", account)]
        keys = {name: each for name, each in facts["keys"].items() if each["account"] == account}
        resources = [each for each in record["resources"] if each["accountId"] == account]
    except (KeyError, TypeError, AttributeError, IndexError):
        return {**record, "meridian": {}}
    return {**record, "resources": resources, "meridian": {**inner, "decisions": decisions, "facts": {**facts, "keys": keys}}}


def _told(record: Record, account: str, names_policy: NamesPolicy) -> ToldCall:
    is_own = record["userIdentity"].get("accountId") == account
    error, decisions = str(record.get("errorCode") or ""), tuple(_decisions(record, account, names_policy))
    if not is_own and any(each["accountId"] != account for each in record["resources"]):  # what became of the caller's key is his alone
        effect = Effect.ALLOW if decisions and all(each.allowed for each in decisions) else Effect.DENY if decisions else Effect.NONE
        error = DENIED if effect is Effect.DENY else ""
    else:
        effect = _effect(record, error)
    return ToldCall(
        event_id=str(record["eventID"]),
        request_id=str(record["requestID"]),
        called_at=datetime.fromisoformat(record["eventTime"]),
        operation=str(record["eventName"]),
        principal=str(record["userIdentity"].get("arn", "")),
        is_own=is_own,
        keys=tuple(each["ARN"] for each in record["resources"] if each["accountId"] == account or (is_own and not error)),
        effect=effect,
        error_code=error,
        decisions=decisions,
    )


def _effect(record: Record, error: str) -> Effect:
    """The same for a key of another account that denies and for one that is not there."""
    made = record["meridian"]["decisions"]
    if error == DENIED:
        return Effect.DENY
    if not isinstance(made, list) or not made:
        return Effect.NONE
    return Effect.ALLOW if all(each["effect"] == "Allow" for each in made) else Effect.DENY


def _decisions(record: Record, account: str, names_policy: NamesPolicy) -> Iterator[ToldDecision]:
    is_own, error = record["userIdentity"].get("accountId") == account, record.get("errorCode")
    made = record["meridian"]["decisions"]
    # A policy that is not in the files any more is named where the account's own keys alone had a word; in a denied call none else had.
    foreign = _accounts_of(record) - {account} if not (is_own and error == DENIED) else set()
    for number, each in enumerate(made if isinstance(made, list) else ()):
        owner = _owner(each["resource"])
        is_abroad = owner not in ("", account)
        if is_abroad and (not is_own or error):
            continue
        if not owner and not is_own:
            continue  # on the caller's own account
        ids = [str(name) for name in each["policyIds"]]
        named = [name for name in ids if not foreign or (not is_abroad if name.startswith(OF_A_KEY) else names_policy(name))]
        allowed = each["effect"] == "Allow"
        yield ToldDecision(number, str(each["action"]), str(each["resource"]), is_abroad, allowed, tuple(named), len(named) < len(ids))


def _accounts_of(record: Record) -> set[str]:
    return {str(record["userIdentity"].get("accountId", "")), *(str(each["accountId"]) for each in record["resources"])} - {""}


def _owner(resource: str) -> str:
    """The account of a key's ARN; empty for what is of the caller's own account."""
    return resource.split(":")[KEYS_ACCOUNT] if resource.startswith("arn:") else ""
