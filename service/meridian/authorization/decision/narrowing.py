"""Which policies of a slice cannot apply to one caller, whatever else he sends.

Left out is a policy whose principal scope cannot match, and one whose condition begins with parts that only ask about the caller, or
whether a grant fits, and are not met. Nothing behind such a part is ever evaluated, so leaving the policy out changes neither decision
nor ids nor errors. What is left reads less of the request, and a decision that does not depend on it is remembered for every request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.language.evaluator import Est, Uid
from meridian.authorization.language.policies import Policy, conjuncts, uid
from meridian.authorization.sets.policy_files import NOT_DELEGATED
from meridian.domain.principal import Principal

PRINCIPAL: Final = {"Var": "principal"}
NO_GRANT_FITS: Final = {"isEmpty": {"arg": {".": {"left": {".": {"left": {"Var": "context"}, "attr": "request"}}, "attr": "grants"}}}}


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of a call before its request is read."""

    principal: Principal
    uid: Uid
    within: frozenset[Uid]
    """Every container of the principal, itself included."""
    has_grants: bool


def narrowed(policies: Iterable[Policy], caller: Caller) -> tuple[Policy, ...]:
    """The policies that may apply to this caller."""
    return tuple(policy for policy in policies if _may_apply(policy.est, caller))


def _may_apply(policy: Est, caller: Caller) -> bool:
    if not _scope_matches(policy["principal"], caller):
        return False
    conditions = policy["conditions"]
    if conditions and conditions[0] == NOT_DELEGATED:
        conditions = conditions[1:]  # it asks about the key alone and cannot fail; what follows counts only where it lets the policy pass
    if not conditions or conditions[0]["kind"] != "when":
        return True
    for part in conjuncts(conditions[0]["body"]):
        known = _known(part, caller)
        if known is None:
            return True
        if not known:
            return False
    return True


def _scope_matches(scope: Est, caller: Caller) -> bool:
    op = scope["op"]
    if op == "==":
        return uid(scope["entity"]) == caller.uid
    if op == "in":
        return uid(scope["entity"]) in caller.within
    if op == "is":
        inside = scope.get("in")
        return scope["entity_type"] == caller.uid[0] and (inside is None or uid(inside["entity"]) in caller.within)
    return True


def _known(part: Est, caller: Caller) -> bool | None:
    """The truth of a part that only asks about the caller; None where it asks for more, or may not be evaluated at all."""
    [(operator, inner)] = part.items()
    read = _KNOWN.get(operator)
    return None if read is None else read(inner, caller)


def _has_tag(inner: Any, caller: Caller) -> bool | None:
    name = inner["right"].get("Value")
    if inner["left"] != PRINCIPAL or not isinstance(name, str):
        return None
    return any(tag == name for tag, _ in caller.principal.tags)


def _is_equal(inner: Any, caller: Caller) -> bool | None:
    for one, other in ((inner["left"], inner["right"]), (inner["right"], inner["left"])):
        value = other.get("Value")
        if one == {".": {"left": PRINCIPAL, "attr": "account"}} and isinstance(value, str):
            return value == caller.principal.account
    return None


def _is_in(inner: Any, caller: Caller) -> bool | None:
    entity = inner["right"].get("Value")
    return uid(entity) in caller.within if inner["left"] == PRINCIPAL and isinstance(entity, dict) else None


def _is_kind(inner: Any, caller: Caller) -> bool | None:
    if inner["left"] != PRINCIPAL or "in" in inner:
        return None
    return bool(inner["entity_type"] == caller.uid[0])


def _is_not(inner: Any, caller: Caller) -> bool | None:
    return caller.has_grants if inner["arg"] == NO_GRANT_FITS else None


_KNOWN: Final[dict[str, Callable[[Any, Caller], bool | None]]] = {
    "hasTag": _has_tag,
    "==": _is_equal,
    "in": _is_in,
    "is": _is_kind,
    "!": _is_not,
}
"""Forms of a part that can be known, each read literally; any other form is left to the engine."""
