"""What the policies answer to one question."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

JOINED_KEPT: Final = 128
OF_A_KEY: Final = "key/"
"""What the ids of key policies begin with, and no others."""


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """One answer of the evaluator, as audit keeps it."""

    action: str
    resource: str
    allowed: bool
    policy_ids: tuple[str, ...] = ()
    """Sorted. On allow all satisfied permits, on deny all satisfied forbids, empty on a default deny."""
    errors: int = 0
    """Faults of evaluation, each of which denies; operators hear of them."""
    fault: str = field(default="", compare=False)
    """Type and place of the exception that kept the decision from being made, where it was one."""


@lru_cache(maxsize=JOINED_KEPT)
def joined(key_side: PolicyDecision, caller_side: PolicyDecision) -> PolicyDecision:
    """What two sides allow across accounts. The same two give the same value, so that its part of records is found again."""
    return replace(caller_side, policy_ids=tuple(sorted({*key_side.policy_ids, *caller_side.policy_ids})))
