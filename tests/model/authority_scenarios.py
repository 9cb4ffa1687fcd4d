"""What is searched: scenarios in which every rule holds, and one for each rule left out, with what the search must then find.

A scenario is "how often each action may be begun, the members at the start, the honest Regions". X is a member or a stranger.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.model.authority_gate import State, believed, reached
from tests.model.authority_model import AuthorityModel

SCENARIOS: Final = {
    "handover1 rotate1 replicate1 AB ABC": "a stranger beside a set that grows and moves",
    "rotate1 replicate1 ABX ABC": "a hostile member beside a new one",
    "handover2 replicate1 ABX ABC": "a prepare whose Region hands over meanwhile",
    "detach1 rotate2 handover1 ABX AB": "a hostile member is detached",
    "delete1 handover1 ABCX ABC": "a successor leaves without having heard of it",
    "delete1 claim1 replicate1 ABX ABC": "a hostile member prepares where a membership has ended",
    "delete1 replicate1 handover2 ABC ABC": "a replica that is made anew, by whoever leads then",
    "lose1 handover1 ABC ABC": "a handover that one Region missed before the loss",
    "lose1 replicate1 AB ABC": "a member added just before the loss",
    "lose1 handover1 ABX AB": "a hostile survivor of a loss",
    "restore1 handover1 ABCX ABC": "a handover that only the hostile member saw, before a restore",
    "restore1 rotate1 handover1 ABX AB": "a hostile member answers a restored Region",
    "lose1 restore1 ABX AB": "a restored Region among generations",
    "trust1 speak1 rotate1 ABX AB": "a member that is handed the role in good faith and is hostile from then on",
    "trust1 speak1 twice1 ABX AB": "such a member that signs two states under one stamp, and shows each to whom it likes",
    "restore1 rotate1 name1 ABX AB": "an operator's word about X reaches a set that another Region leads on",
}

LARGE: Final = (
    "lose1 rotate1 ABX AB",
    "handover1 rotate1 replicate1 ABX ABC",
    "lose1 handover1 replicate1 AB ABC",
    "lose1 restore1 ABC ABC",
    "lose1 replicate1 ABX ABC",
    "lose1 rotate1 handover1 ABX AB",
    "delete1 handover1 rotate1 ABCX ABC",
    "restore1 rotate1 handover1 ABCX ABC",
    "lose1 handover1 ABCX ABC",
    "trust1 speak1 twice1 rotate1 ABX AB",
)
"""Run with MERIDIAN_MODEL=large: some minutes, up to 90,000 states and 2 GB each."""


class LeftOut(NamedTuple):
    """One rule that is not kept: what is believed then, where it is missed, and which invariant breaks first."""

    rule: str
    what: str
    scenario: str
    breaks: str


AUTHORITY: Final = (
    LeftOut("A2", "a reserved place believes a state that speaks for itself", "replicate1 AB ABC", "I8"),
    LeftOut("A3", "a later state may be signed by whom it names itself", "rotate1 AB AB", "I8"),
    LeftOut("A4", "after a loss any Region may begin a generation", "lose1 AB AB", "I8"),
    LeftOut("A5", "answers to a takeover or to a restored Region count as they are", "restore1 ABX AB", "I8"),
    LeftOut("A6", "a stamp that is only quoted makes a Region stale", "rotate1 AB AB", "I9"),
    LeftOut("A7", "material is sealed for whoever asks", "detach1 rotate1 ABX AB", "I7"),
    LeftOut("A8", "a serial that was never made is refused in writing", "rotate1 AB AB", "I9"),
)
"""A row for each rule of authority."""

READINGS: Final = (
    LeftOut("signer", "given up and restored Regions are refused as senders, not as signers", "restore1 handover1 ABX AB", "I1"),
    LeftOut("speaks again", "a lost Region stays unheard in its successor's generation", "lose1 handover1 ABC ABC", "I6"),
    LeftOut("sign again", "a restored Region leaves its last word as it was signed", "restore1 handover1 ABC ABC", "I6"),
    LeftOut("taken back", "only the primary that the link before names may sign the next", "delete1 handover1 ABC ABC", "I6"),
    LeftOut("resolve", "a Region with a reserved place is answered as a stranger", "replicate1 AB ABC", "I6"),
    LeftOut("tombstone", "a new membership knows nothing of the one that ended there", "delete1 claim1 AB AB", "I8"),
    LeftOut("preparer", "whoever is configured prepares where a membership has ended", "delete1 claim1 AB AB", "I9"),
    LeftOut("own signature", "a Region does not know its own signature again", "lose1 restore1 AB AB", "I6"),
    LeftOut("leads on", "the operator's `rejoin` counts also where another Region leads on", "restore1 name1 ABX AB", "I8"),
    LeftOut("material", "a state may leave out material that the one before lists", "trust1 speak1 rotate1 ABX AB", "I3"),
    LeftOut("twice", "a second state under one stamp is no news, and nobody hears of it", "trust1 speak1 twice1 ABX AB", "I6"),
    LeftOut("waits", "`rejoin` reaches every set, whatever was shown of it", "detach1 rotate1 name1 ABX AB", "I8"),
)
"""The same rules read too widely or too narrowly by a word, and what that costs."""


class Found(NamedTuple):
    """What a search came to: how many states it saw, what is wrong or None, the shortest path there."""

    states: int
    fault: str | None
    path: list[State]

    @property
    def broken(self) -> str:
        """The invariant that does not hold, or nothing. What never settles breaks I6."""
        return "" if self.fault is None else "I6" if "settle" in self.fault else self.fault[:2]


def search(line: str, without: str = "") -> Found:
    """Search one scenario to its end, or to the first fault."""
    *words, members, honest = line.split()
    budget = {word[:-1]: int(word[-1]) for word in words}
    found = Found(*AuthorityModel(budget, members, honest, without).search())
    believed.cache_clear()
    reached.cache_clear()
    return found


def as_row(left_out: LeftOut, found: Found) -> str:
    """The rule's row of the tables in docs/spec/multi-region.md."""
    return f"| {left_out.rule} | {left_out.what} | {found.broken} | {len(found.path)} |"
