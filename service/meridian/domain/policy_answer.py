"""What is told about policies: why a decision is what it is, and which policies are in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from meridian.domain.policy_decision import PolicyDecision


@dataclass(frozen=True, slots=True)
class Told:
    """A policy in its author's words."""

    policy_id: str
    layer: str
    reason: str
    place: str
    """File and line, or the number within a key policy."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A permit that did not apply, with the first condition that was not met, as Cedar text."""

    policy_id: str
    layer: str
    reason: str
    place: str
    condition: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its reasons. `closest` is filled on a default deny alone, nearest first."""

    decision: PolicyDecision
    deciding: tuple[Told, ...] = ()
    closest: tuple[NearMiss, ...] = ()
    fault: str = ""
    """Type and place of the exception that kept the reasons from being found, where it was one."""


class Foretold(StrEnum):
    """What another Region would decide."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another Region says that it would decide. It is told to whoever asks, and decides nothing here."""

    region: str
    foretold: Foretold
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccessTold:
    """What the policies would answer to a call."""

    here: tuple[Explanation, ...]
    elsewhere: Elsewhere | None = None

    @property
    def allowed(self) -> bool:
        """Whether this Region would allow it."""
        return bool(self.here) and all(each.decision.allowed for each in self.here)


@dataclass(frozen=True, slots=True)
class PolicySetTold:
    """The policies of a Region's files as they are in force, and what came of the last change to them."""

    digest: str
    loaded_at: datetime
    policies: tuple[Told, ...]
    refused_at: datetime | None = None
    """When the files were last found unusable; None while what they say is in force."""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedAgain:
    """What is answered now to what was decided once; nothing, and why, where that cannot be told."""

    now: Explanation | None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class CallAgain:
    """A recorded call, decided by what is in force now."""

    decisions: tuple[ExplainedAgain, ...]
    policies_changed: bool | None
    """Whether the policies of the files are others now; None where the record does not say by which it was decided."""
    keys_changed: tuple[str, ...]
    """ARNs of the account's keys whose policy is another now, or that are gone."""
