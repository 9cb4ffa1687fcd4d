"""How a set of related keys moves: pure functions from (row, message) to the next row.

What is refused and what is ignored is exactly docs/spec/multi-region.md §1 to §3, as far as replication of a key needs it.

INVARIANT: within one stamp the content of a set state never changes, and a member's stamp never falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term, TermLink
from meridian.replication.sets.authority import LINKS_MAX, believe_state, membership, require_known_preparer
from meridian.replication.sets.chain import kept_links, left_unheard
from meridian.replication.sets.claims import NotBelieved, Rule, SetRefusal, Told
from meridian.replication.sets.successors import joins_the_named

__all__ = [
    "SetRefusal", "Told", "acknowledge", "acting_view", "add_member", "adopt", "awaits_role_of", "farewell", "found_set", "hand_over",
    "is_held_by_all", "next_term", "part", "release", "reserve", "resolve", "take_role", "takes_role",
]  # fmt: skip


def found_set(account: str, key_id: str, region: str, serial: str, materials: tuple[SetMaterial, ...]) -> SetRow:
    """The set of a new primary: one member, term (0, its Region, 0), version 0."""
    state = SetState(
        term=Term(0, region, 0),
        version=0,
        primary=region,
        issuer=region,
        members=(Member(region, serial, MemberStatus.ON),),
        materials=materials,
        current=materials[-1].material_id if materials else "",
    )
    return SetRow(account=account, key_id=key_id, status=RowStatus.LIVE, serial=serial, view=state)


def reserve(row: SetRow | None, account: str, key_id: str, serial: str, prepared_by: str, request_id: str, now: datetime) -> SetRow:  # noqa: PLR0913 - compared with the model argument by argument
    """A reserved place for a member to be. What a membership that ended here knew of the set stays: a new one begins above it.

    Raises: SetRefusal if this Region has a place, reserved or live; NotBelieved for a preparer that the ended membership did not know.
    """
    fresh = SetRow(
        account=account,
        key_id=key_id,
        status=RowStatus.RESERVED,
        serial=serial,
        prepared_by=prepared_by,
        reserved_at=now,
        request_id=request_id,
    )
    if row is None:
        return fresh
    if row.status in (RowStatus.RESERVED, RowStatus.LIVE):
        raise SetRefusal("this Region has a member or a reserved place")
    require_known_preparer(row, prepared_by)
    return replace(
        fresh,
        view=row.view,
        signed_view=row.signed_view,
        signed_key=row.signed_key,
        links=row.links,
        refused_serials=row.refused_serials,
        version=row.version,
    )


def add_member(row: SetRow, region: str, member_region: str, serial: str) -> SetRow:
    """The set with a member that is being created. Raises: SetRefusal unless this Region acts as primary and the place is free."""
    view = acting_view(row, region)
    if view.find_member(member_region) is not None:
        raise SetRefusal("the set has a member in that Region")
    if serial in row.refused_serials:
        raise SetRefusal("the place was refused before it was committed")
    return replace(row, view=view.with_member(Member(member_region, serial, MemberStatus.NEW)))


def adopt(row: SetRow, region: str, told: Told, earlier: Sequence[Told], serial: str, stored: Iterable[str] | None) -> SetRow | None:
    """The row after a state has arrived; None when it is one this Region has, or an older one.

    `earlier` are the states that came along, and those that this row's own links say. `stored` names the materials in this Region's
    store, those that came along included; None for imported material, which each Region gets from its owner. Raises: SetRefusal.
    """
    links = require_adoptable(row, region, told, earlier, serial)
    if links is None:
        return None
    state = told.state
    if stored is not None and not state.material_ids <= set(stored):
        raise SetRefusal("a listed material is neither stored nor enclosed")
    goes_on_elsewhere = bool(row.rejoin) or (row.view is not None and state.term.reign != row.view.term.reign)
    is_same_term = row.view is not None and row.view.term == state.term
    return replace(
        row,
        status=RowStatus.LIVE,
        view=state,
        signed_view=told.signed,
        signed_key=told.public_key,
        links=links,
        held=row.held if is_same_term else frozenset(),
        lost=frozenset() if goes_on_elsewhere else row.lost,
        successor="" if goes_on_elsewhere else row.successor,
        told_lost=frozenset() if goes_on_elsewhere else row.told_lost,
        rejoin="",
        prepared_by="",
        reserved_at=None,
    )


def require_adoptable(row: SetRow, region: str, told: Told, earlier: Sequence[Told], serial: str) -> tuple[TermLink, ...] | None:
    """The links that the row keeps with this state, its materials not looked at yet; None for a state that is no news.

    Raises: SetRefusal.
    """
    state = told.state
    member = state.find_member(region)
    if row.stale:
        raise SetRefusal("this Region was restored and has not reconciled")
    if row.status not in (RowStatus.RESERVED, RowStatus.LIVE) or row.serial != serial:
        raise SetRefusal("no membership with this serial")
    if member is None or member.serial != serial:
        raise SetRefusal("the state does not list this membership")
    if row.view is not None and state.stamp <= row.view.stamp:
        if row.status is RowStatus.RESERVED:
            raise NotBelieved(Rule.FIRST_STATE, "the state is older than what this Region knew when its membership ended")
        return None
    links = believe_state(row, region, told, earlier)
    if row.rejoin and row.view is not None and state.term.reign == row.view.term.reign and not joins_the_named(row, told):
        raise SetRefusal("this Region waits for a later generation")
    return links


def hand_over(row: SetRow, region: str, successor: str) -> SetRow:
    """Version 0 of the next term, which names another member primary. From its commit this Region is a replica.

    Raises: SetRefusal unless this Region acts as primary and the successor is a full member.
    """
    view = acting_view(row, region)
    member = view.find_member(successor)
    if member is None or member.status is not MemberStatus.ON:
        raise SetRefusal("the successor is not a full member")
    return next_term(row, view, issuer=region, primary=successor)


def takes_role(row: SetRow, region: str) -> bool:
    """Whether the state just adopted makes this Region primary and waits for its first version."""
    return row.view is not None and row.view.primary == region and row.view.version == 0 and row.view.issuer != region


def take_role(row: SetRow) -> SetRow:
    """Version 1 of the term that names this Region primary: publishing it is taking the role."""
    if row.view is None:
        raise SetRefusal("no state")
    return replace(row, view=replace(row.view, version=1), held=frozenset())


def farewell(row: SetRow, region: str) -> SetState | None:
    """What a Region whose membership has ended signs of it; None where it was the one to speak for its last term."""
    view = row.view
    own = view.find_member(region) if view is not None else None
    if view is None or own is None or region in (view.primary, view.issuer if view.version == 0 else ""):
        return None
    members = tuple(replace(m, status=MemberStatus.OFF) if m == own else m for m in view.members)
    return replace(view, members=members)


def awaits_role_of(row: SetRow, region: str, sender: str) -> bool:
    """Whether this Region has handed its role to the sender and has not heard that it was taken."""
    view = row.view
    return view is not None and view.issuer == region != view.primary == sender and view.version == 0


def part(row: SetRow, region: str, sender: str, serial: str, word: Told | None) -> SetRow | None:
    """The row after a member said that it is gone for good; None when it is of no consequence.

    The Region that named the sender primary takes the role again if the sender never heard of it, as its signed farewell shows: whom the
    sender has told otherwise follows that too.
    """
    view = row.view
    if view is None or row.stale or membership(row, sender, serial) is None:
        return None
    if view.primary == region:
        held = frozenset(h for h in row.held if h.region != sender)
        return replace(row, view=view.without_member(sender), held=held)
    if awaits_role_of(row, region, sender) and word is not None and left_unheard(view, word):
        kept = replace(row, links=kept_links(row.links, [word])[-LINKS_MAX:])
        return next_term(kept, view.without_member(sender), issuer=region, primary=region)
    return None


def next_term(row: SetRow, view: SetState, *, issuer: str, primary: str) -> SetRow:
    """The row with version 0 of the term after this view's."""
    term = view.term._replace(number=view.term.number + 1)
    return replace(row, view=replace(view, term=term, version=0, primary=primary, issuer=issuer), held=frozenset())


def acknowledge(  # noqa: PLR0913 - compared with the model argument by argument
    row: SetRow, region: str, sender: str, serial: str, term: Term, material_ids: Iterable[str], *, may_lose: bool = False
) -> SetRow | None:
    """The primary's row after a member said what it holds; None when it is of no consequence.

    `may_lose` is for imported material, which a member can lose again: what it no longer names, it no longer holds.

    A member that holds every material of the set stops being new; that is the next version.
    """
    if not row.acts_as_primary(region) or row.view is None or row.view.term != term:
        return None
    member = membership(row, sender, serial)
    if member is None:
        return None
    before = frozenset(h for h in row.held if h.region != sender) if may_lose else row.held
    held = before | {Held(sender, serial, material_id) for material_id in row.view.material_ids.intersection(material_ids)}
    view = row.view
    complete = all(Held(sender, serial, material_id) in held for material_id in view.material_ids)
    if complete and member.status in (MemberStatus.NEW, MemberStatus.BACK):
        view = view.with_member(replace(member, status=MemberStatus.ON))
    if held == row.held and view is row.view:
        return None
    return replace(row, view=view, held=held)


def is_held_by_all(row: SetRow, material_id: str) -> bool:
    """Whether every other member that counts has acknowledged this material in this term."""
    view = row.view
    if view is None:
        return False
    others = [m for m in view.members if m.region != view.primary and m.status is not MemberStatus.OFF]
    return all(Held(m.region, m.serial, material_id) in row.held for m in others)


def resolve(row: SetRow, sender: str, serial: str) -> tuple[SetRow, bool]:
    """What became of a place that this Region prepared: (row, committed). A place not committed is refused for ever."""
    member = row.view.find_member(sender) if row.view is not None else None
    if member is not None and member.serial == serial:
        return row, True
    return replace(row, refused_serials=row.refused_serials | {serial}), False


def release(row: SetRow) -> SetRow:
    """The row after its reserved place was refused."""
    return replace(row, status=RowStatus.NONE, prepared_by="", reserved_at=None)


def acting_view(row: SetRow, region: str) -> SetState:
    """The view of a Region that acts as primary. Raises: SetRefusal."""
    if not row.acts_as_primary(region) or row.view is None:
        raise SetRefusal("this Region does not act as primary")
    return row.view
