"""How a set goes on when a member is detached, lost or restored: pure functions from (row, what others answered) to the next row.

Source: docs/spec/multi-region.md, lost and restored Regions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState
from meridian.replication.sets.authority import LINKS_MAX
from meridian.replication.sets.chain import own_view
from meridian.replication.sets.claims import Answer, Believed, SetRefusal
from meridian.replication.sets.state import acting_view, next_term


def declare_lost(row: SetRow, region: str, successor: str) -> SetRow:
    """The row after the operator has given a Region up and named who goes on; a place that it prepared here is free again."""
    if row.status is RowStatus.RESERVED and row.prepared_by == region:
        row = replace(row, status=RowStatus.NONE, prepared_by="", reserved_at=None)
    return replace(row, lost=row.lost | {region}, successor=successor)


def withdraw(row: SetRow, region: str) -> SetRow:
    """The row after the operator has taken back what was said about this Region."""
    left = row.lost - {region}
    return replace(row, lost=left, successor=row.successor if left else "", rejoin="" if row.rejoin == region else row.rejoin)


def detach(row: SetRow, region: str, member_region: str) -> SetRow:
    """The set goes on without waiting for this member. Raises: SetRefusal unless this Region acts as primary."""
    view = acting_view(row, region)
    member = view.find_member(member_region)
    if member is None or member_region == region or member.status is MemberStatus.OFF:
        raise SetRefusal("no member of that Region is counted")
    return replace(row, view=view.with_member(replace(member, status=MemberStatus.OFF)), held=_without(row, member_region))


def material_to_take(row: SetRow, theirs: SetState | None) -> tuple[SetMaterial, ...]:
    """What a member may have encrypted under and the set does not list: its materials but a pending one.

    `theirs` is its state, where it is believed.
    """
    known = row.view.material_ids if row.view is not None else frozenset()
    if theirs is None:
        return ()
    return tuple(m for m in theirs.materials if m.material_id not in known and m.material_id != theirs.pending)


def take_back(row: SetRow, region: str, answer: Answer, theirs: SetState | None) -> SetRow:
    """The set counts a detached member again, with the materials that only it had as earlier ones.

    `theirs` is the member's state, where it is believed. Raises: SetRefusal unless this Region acts as primary and the member is one
    that may come back.
    """
    view = acting_view(row, region)
    member = view.find_member(answer.region)
    if member is not None and answer.status is RowStatus.RESERVED and member.serial == answer.serial:
        return replace(row, view=view.with_member(replace(member, status=MemberStatus.NEW)))  # detached while it was being created
    shown = answer.told.state if answer.told is not None and answer.status is RowStatus.LIVE else None
    if member is None or shown is None or member.serial != answer.serial:
        raise SetRefusal("the Region has no such membership")
    if shown.term.reign != view.term.reign:
        if shown.term.generation > view.term.generation or not (answer.rejoin or answer.lost):
            raise SetRefusal("the Region's operator has not let it join this generation")
    elif member.status is not MemberStatus.OFF:
        raise SetRefusal("the member is counted already")
    grown = view.with_member(replace(member, status=MemberStatus.BACK))
    taken = material_to_take(row, theirs)
    return replace(row, view=replace(grown, materials=(*view.materials, *taken)), held=_without(row, answer.region))


def take_over(row: SetRow, region: str, believed: Believed, stored: Collection[str] | None) -> SetRow:
    """The set under this Region, in a new generation, without the Regions that are lost; or the declaration withdrawn where a
    Region that stays is primary. This Region goes on from its own role, where a lost one led other members elsewhere.

    `believed` is of answers from every configured Region that is not declared lost. `stored` names the materials that are here now;
    None for imported material. Pending material that was lost with its Region is given up: nothing was ever encrypted under it.
    Raises: SetRefusal where a Region that stays has not the same word, or has to reconcile first.
    """
    state = believed.newest
    if row.status is not RowStatus.LIVE or row.stale or not row.lost or row.successor != region:
        raise SetRefusal("this Region is no member, has to reconcile first, has given nobody up, or is not the named successor")
    for answer in believed.answers:
        if answer.lost != row.lost or answer.successor != region:
            raise SetRefusal(f"{answer.region} has not declared the same Regions lost, with the same successor")
        if answer.stale:
            raise SetRefusal(f"{answer.region} has to reconcile first")
    own = state.find_member(region)
    if own is None or own.serial != row.serial:
        raise SetRefusal("the set does not list this membership any more")
    if state.primary not in row.lost and not (state.primary == region and believed.is_apart):
        return replace(row, lost=frozenset(), successor="")
    if state.pending and stored is not None and state.pending not in stored:
        kept = tuple(m for m in state.materials if m.material_id != state.pending)
        state = replace(state, pending="", materials=kept)
    end = believed.told.link if believed.told is not None else own_view(row).link
    taken_over = replace(
        state,
        term=state.term._replace(generation=state.term.generation + 1, origin=region, number=0),
        version=0,
        primary=region,
        issuer=region,
        members=_members(believed, region, row),
        materials=_materials(state, believed.views),
    )
    links = tuple(dict.fromkeys((*believed.links, end)))[-LINKS_MAX:]
    return replace(row, view=taken_over, held=frozenset(), lost=frozenset(), successor="", told_lost=frozenset(), rejoin="", links=links)


def _members(believed: Believed, region: str, row: SetRow) -> tuple[Member, ...]:
    known = {member.region: member for member in believed.newest.members}
    for answer in believed.answers:
        member = known.get(answer.region)
        is_here = member is not None and answer.status is RowStatus.LIVE and answer.serial == member.serial
        if member is not None and is_here and member.status is not MemberStatus.OFF:  # whom an operator detached, he takes back
            known[answer.region] = replace(member, status=MemberStatus.BACK)
    known[region] = Member(region, row.serial, MemberStatus.ON)
    return tuple(sorted(replace(m, status=MemberStatus.OFF) if m.region in row.lost else m for m in known.values()))


def _materials(state: SetState, views: Iterable[SetState]) -> tuple[SetMaterial, ...]:
    materials = {m.material_id: m for m in state.materials}
    for view in views:
        for material in view.materials:
            if material.material_id != view.pending:
                materials.setdefault(material.material_id, material)
    return tuple(materials.values())


def reconcile(row: SetRow, region: str, believed: Believed) -> SetRow:
    """A restored Region's row, level with the others again. Where it is primary it begins a new term: versions that it issued after
    the backup may still be on their way.

    `believed` is of answers from every configured Region that is not declared lost. Raises: SetRefusal where the set has gone on
    without it.
    """
    state, told = believed.newest, believed.told
    member = state.find_member(region)
    if member is None or member.serial != row.serial:
        raise SetRefusal("the set does not list this membership any more")
    known = replace(row, view=state, links=believed.links, held=frozenset(), stale=False, rejoin="")
    if told is not None:
        known = replace(known, signed_view=told.signed, signed_key=told.public_key)
    if row.view is not None and state.term.reign != row.view.term.reign:
        known = replace(known, lost=frozenset(), successor="", told_lost=frozenset())
    return next_term(known, state, issuer=region, primary=region) if state.primary == region else known


def forget_held(row: SetRow, region: str) -> SetRow:
    """The row without what a Region acknowledged before it was restored."""
    return replace(row, held=_without(row, region))


def _without(row: SetRow, region: str) -> frozenset[Held]:
    return frozenset(h for h in row.held if h.region != region)
