"""A set of related keys: what its members agree on, and what one member keeps about it.

The state of a set is a value with a stamp; within one stamp its content never changes. The rules that move it are in
`replication/sets/state.py`.

Source: docs/spec/multi-region.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class MemberStatus(StrEnum):
    """Where a member stands: full member, being created, returning, or detached."""

    ON = "on"
    NEW = "new"
    BACK = "back"
    OFF = "off"


class RowStatus(StrEnum):
    """What a Region has of a set: nothing, a reserved place, a live member, or the tombstone of a former one."""

    NONE = "none"
    RESERVED = "reserved"
    LIVE = "live"
    GONE = "gone"


class OperatorWord(StrEnum):
    """What an operator may say about another Region. LOST stays until it is withdrawn, the others until they are done."""

    LOST = "lost"
    TAKE_OVER = "take_over"
    DETACH = "detach"
    TAKE_BACK = "take_back"


class Term(NamedTuple):
    """A reign of one primary. Ordered left to right, Region names as bytes."""

    generation: int
    origin: str
    number: int

    @property
    def reign(self) -> tuple[int, str]:
        """The generation: terms of two generations do not follow from each other."""
        return self.generation, self.origin


class Stamp(NamedTuple):
    """Orders set states; the primary raises the version in each transaction that changes the set."""

    term: Term
    version: int


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One membership. The serial tells a Region's present membership from an earlier one."""

    region: str
    serial: str
    status: MemberStatus


class SetMaterial(NamedTuple):
    """What all members know about one material; times in microseconds since 1970, 0 for none."""

    material_id: str
    rotation_number: int
    rotated_us: int = 0
    rotation_type: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class SetState:
    """What the members of a set agree on."""

    term: Term
    version: int
    primary: str
    issuer: str
    """The Region that committed version 0 of the term."""
    members: tuple[Member, ...]
    """Sorted by Region."""
    materials: tuple[SetMaterial, ...]
    """In rotation order."""
    current: str
    """Material id; empty while the set has none."""
    pending: str = ""
    rotation_period_in_days: int = 0
    """0 while automatic rotation is off."""
    next_rotation_us: int = 0
    on_demand_started_us: int = 0
    on_demand_rotations: int = 0

    @property
    def material_ids(self) -> frozenset[str]:
        return frozenset(m.material_id for m in self.materials)

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.term, self.version)

    def find_member(self, region: str) -> Member | None:
        return next((m for m in self.members if m.region == region), None)

    @property
    def replica_regions(self) -> tuple[str, ...]:
        return tuple(sorted(m.region for m in self.members if m.region != self.primary))

    def without_member(self, region: str) -> SetState:
        """The next version of this state, without the membership of this Region."""
        return replace(self, version=self.version + 1, members=tuple(m for m in self.members if m.region != region))

    def with_member(self, member: Member) -> SetState:
        """The next version of this state, with this member in place of any other membership of its Region."""
        others = tuple(m for m in self.members if m.region != member.region)
        return replace(self, version=self.version + 1, members=tuple(sorted((*others, member))))


class Held(NamedTuple):
    """An acknowledgement: this membership of this Region has this material in its store."""

    region: str
    serial: str
    material_id: str


class TermLink(NamedTuple):
    """Version 0 of a term in its signed form, and the transport key of its issuer: proof of one handover."""

    signed: bytes
    public_key: bytes


class ToldLost(NamedTuple):
    """A Region with which a set goes on without this one; `generation` is that of its signed state."""

    region: str
    generation: int


@dataclass(frozen=True, slots=True)
class SetRow:
    """What one Region keeps about one set. One row per set and Region, never deleted."""

    account: str
    key_id: str
    status: RowStatus
    serial: str
    view: SetState | None = None
    """Of a place that is not live: what the membership that ended here knew last."""
    signed_view: bytes = b""
    """The view in its signed form, exactly as its issuer signed it; passed on unchanged."""
    signed_key: bytes = b""
    """Transport public key of the Region that signed the view."""
    held: frozenset[Held] = frozenset()
    """At the primary: what members have acknowledged in this term."""
    links: tuple[TermLink, ...] = ()
    """How the role came to where it is, oldest first; passed on to members that missed a handover."""
    stale: bool = False
    """This Region was restored and has not reconciled this set."""
    lost: frozenset[str] = frozenset()
    """Regions that the operator has declared lost here, until this set has moved on without them."""
    successor: str = ""
    """Region that the operator has named to succeed them; one for all."""
    rejoin: str = ""
    """Region whose later generation the operator lets this member join; nothing else is adopted until then."""
    told_lost: frozenset[ToldLost] = frozenset()
    """Regions that have gone on without this one, as signed states have shown: kept for the operator's `rejoin`, no more."""
    prepared_by: str = ""
    """While reserved: the Region that prepared this place."""
    reserved_at: datetime | None = None
    request_id: str = ""
    """The caller's request that began this membership; correlates the audit records of both Regions."""
    refused_serials: frozenset[str] = frozenset()
    """Serials that this Region, asked as the preparing one, has refused for ever."""
    version: int = 1
    """Row version; each write says which one it saw."""

    def acts_as_primary(self, region: str) -> bool:
        """Whether this row's Region may change the set."""
        in_the_set = self.status is RowStatus.LIVE and not (self.stale or self.rejoin)
        return in_the_set and self.view is not None and self.view.primary == region

    @property
    def led_on_by(self) -> tuple[str, ...]:
        """Members counted here whose signed states, by a chain, begin a later generation: they have given this Region up."""
        if self.view is None or self.rejoin:
            return ()
        counted = {member.region for member in self.view.members if member.status is not MemberStatus.OFF}
        later = {told.region for told in self.told_lost if told.generation > self.view.term.generation}
        return tuple(sorted(counted & later))

    def takes_changes(self, region: str) -> bool:
        """Whether callers may change the set here: its primary, and no member has shown that it leads it on without this Region. Then
        what is changed here would be lost, so it waits for the operator's `rejoin`, or `detach` of a member that he does not follow."""
        return self.acts_as_primary(region) and not self.led_on_by
