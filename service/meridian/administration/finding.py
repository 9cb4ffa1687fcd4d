"""What the doctor says of a Region: of each area that it looked at a verdict, and where something is wrong what can be done."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

WELL, WRONG, UNSEEN = "well", "wrong", "not looked at"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and what can be done about it. Never a secret, nor what stands in a row."""

    what: str
    subject: str
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is as it should be, and worth a line."""

    what: str
    subject: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of what the doctor says."""

    verdict: str
    what: str
    subject: str
    why: str
    do: str


AREAS: Final[dict[str, frozenset[str]]] = {
    "addresses": frozenset({"address"}),
    "certificates and principals": frozenset({"certificate", "identity files"}),
    "policies": frozenset({"policies"}),
    "audit log": frozenset({"audit directory", "audit sink", "audit events"}),
    "running process": frozenset({"readiness"}),
    "schema": frozenset({"schema"}),
    "names": frozenset({"names"}),
    "seals": frozenset({"seal", "keyring"}),
    "clock": frozenset({"clock", "peer clock"}),
    "other Regions": frozenset({"peer", "deliveries", "set", "sets"}),
    "keys": frozenset({"key", "rows", "row"}),
}
"""THE table of what is looked at, and of what is found there."""
NEEDS_SCHEMA: Final = frozenset({"names", "seals", "clock", "other Regions", "keys"})
"""Areas in a database that only the release of its schema reads."""


def verdicts(found: Sequence[Finding | Seen], unseen: Collection[str]) -> Iterator[Verdict]:
    """A line for all that was found or seen, in the order of the areas, and one for each area without any."""
    for area, whats in AREAS.items():
        of_area = [each for each in found if each.what in whats]
        for each in of_area:
            if isinstance(each, Finding):
                yield Verdict(WRONG, each.what, each.subject, each.why, each.do)
            else:
                yield Verdict(WELL, each.what, each.subject, each.why, "")
        if not of_area:
            yield Verdict(UNSEEN if area in unseen else WELL, area, "", "", "")
