"""What other Regions say about a set, read and verified as to who signed it, but not yet believed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meridian.domain.multi_region import MemberStatus, RowStatus, SetState, TermLink

DECLARED_LOST: Final = "The sender is declared lost."
"""Said to a Region that this one's operator has given up."""
NO_MEMBERSHIP: Final = "The sender has no membership of this set."
"""Said to a Region that the row does not list, and where there is no row: the answer does not tell which."""


class Rule(StrEnum):
    """THE table of rules that a refusal can name. Source: docs/spec/multi-region.md, whose word counts."""

    ROW = "A1"
    """The row, this Region's signature, chains and the operator are all that is believed."""
    FIRST_STATE = "A2"
    """A reserved place follows the Region that prepared it."""
    CHAIN = "A3"
    """Each state is signed by the primary that the one before names."""
    GENERATION = "A4"
    """Another generation begins where an operator of this Region named its Region."""
    ANSWERS = "A5"
    """An answer counts for the signed states in it."""
    OWN_BYTES = "A6"
    """A stamp that is only quoted never acts."""
    MEMBERS = "A7"
    """A set is shown to its members."""
    SERIAL = "A8"
    """A serial is known by the Region that made it."""
    BOUNDS = "A9"
    """Lists, texts and rates are bounded."""


class SetRefusal(Exception):
    """The message or change does not fit what this Region knows of the set; nothing changes."""


class NotBelieved(SetRefusal):
    """The gate refuses what another Region says or asks; `rule` says by which rule."""

    def __init__(self, rule: Rule, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Told:
    """A set state as it arrived: its signature verified, with the Region that signed it."""

    state: SetState
    signer: str
    signed: bytes
    public_key: bytes
    incarnation: int
    """Of the signer's database when it signed."""

    @property
    def link(self) -> TermLink:
        return TermLink(self.signed, self.public_key)

    @property
    def speaks_for_its_term(self) -> bool:
        """Whether the state names its signer as the one to say it: the issuer of a beginning, the primary of what comes after."""
        return self.signer == (self.state.issuer if self.state.version == 0 else self.state.primary)

    @property
    def is_farewell(self) -> bool:
        """Whether the signer says with it that its own membership has ended: it says nothing of the set."""
        own = self.state.find_member(self.signer)
        return own is not None and own.status is MemberStatus.OFF and not self.speaks_for_its_term

    @property
    def begins_generation(self) -> bool:
        """Whether it is the first state of a generation, signed by the Region that begins it."""
        state = self.state
        is_first = state.version == 0 and state.term.number == 0 and state.term.generation > 0
        return is_first and self.signer == state.primary == state.issuer == state.term.origin

    def goes_on_from(self, before: Told) -> bool:
        """Whether it begins the generation after this state's, by a Region that this state lists."""
        is_next = self.state.term.generation == before.state.term.generation + 1
        return is_next and self.begins_generation and before.state.find_member(self.signer) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """What another Region says that it keeps about a set."""

    region: str
    status: RowStatus
    serial: str
    told: Told | None
    earlier: tuple[Told, ...]
    """How the role came to where it is, oldest first."""
    lost: frozenset[str]
    successor: str
    stale: bool
    rejoin: str
    material_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Believed:
    """What is believed of the answers to a question about a set."""

    newest: SetState
    """The highest state that counts; the row's own where nobody showed a newer one."""
    told: Told | None
    """The newest state as it was shown; None where it is the row's own."""
    links: tuple[TermLink, ...]
    answers: tuple[Answer, ...]
    """Those of Regions that the row or the newest state lists."""
    views: tuple[SetState, ...]
    """All states that count."""
    refused: tuple[tuple[str, NotBelieved], ...]
    """Regions whose state does not count, and why."""
    is_apart: bool
    """Whether a lost Region led a member elsewhere."""
