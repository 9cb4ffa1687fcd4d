"""How a set goes on when a member is detached, lost or restored: pure functions from (row, what others answered) to the next row.

Source: docs/spec/multi-region.md, lost and restored Regions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, TermLink
from meridian.replication.set_state import SetRefusal, Told, acting_view, next_term


@dataclass(frozen=True, slots=True)
class Answer:
    """What another Region keeps about a set, its state verified."""

    region: str
    status: RowStatus
    serial: str
    told: Told | None
    links: tuple[TermLink, ...]
    lost: frozenset[str]
    stale: bool
    rejoin: str
    material_ids: frozenset[str]

    @property
    def view(self) -> SetState | None:
        return self.told.state if self.told is not None and self.status is RowStatus.LIVE else None


def declare_lost(row: SetRow, region: str) -> SetRow:
    """The row after the operator has given a Region up; a place that it prepared here is free again."""
    if row.status is RowStatus.RESERVED and row.prepared_by == region:
        row = replace(row, status=RowStatus.NONE, prepared_by="", reserved_at=None)
    return replace(row, lost=row.lost | {region})


def withdraw(row: SetRow, region: str) -> SetRow:
    """The row after the operator has taken the declaration back."""
    return replace(row, lost=row.lost - {region})


def detach(row: SetRow, region: str, member_region: str) -> SetRow:
    """The set goes on without waiting for this member. Raises: SetRefusal unless this Region acts as primary."""
    view = acting_view(row, region)
    member = view.find_member(member_region)
    if member is None or member_region == region or member.status is MemberStatus.OFF:
        raise SetRefusal("no member of that Region is counted")
    return replace(row, view=view.with_member(replace(member, status=MemberStatus.OFF)), held=_without(row, member_region))


def material_to_take(row: SetRow, answer: Answer) -> tuple[SetMaterial, ...]:
    """What a member may have encrypted under and the set does not list: its materials but a pending one."""
    known = row.view.material_ids if row.view is not None else frozenset()
    theirs = answer.view
    if theirs is None:
        return ()
    return tuple(m for m in theirs.materials if m.material_id not in known and m.material_id != theirs.pending)


def take_back(row: SetRow, region: str, answer: Answer) -> SetRow:
    """The set counts a detached member again, with the materials that only it had as earlier ones.

    Raises: SetRefusal unless this Region acts as primary and the member is one that may come back.
    """
    view = acting_view(row, region)
    member, theirs = view.find_member(answer.region), answer.view
    if member is not None and answer.status is RowStatus.RESERVED and member.serial == answer.serial:
        return replace(row, view=view.with_member(replace(member, status=MemberStatus.NEW)))  # detached while it was being created
    if member is None or theirs is None or member.serial != answer.serial or answer.stale:
        raise SetRefusal("the Region has no such membership, or has to reconcile first")
    if theirs.term.reign != view.term.reign:
        if theirs.term.generation > view.term.generation or not answer.rejoin:
            raise SetRefusal("the Region's operator has not let it join this generation")
    elif member.status is not MemberStatus.OFF:
        raise SetRefusal("the member is counted already")
    grown = view.with_member(replace(member, status=MemberStatus.BACK))
    taken = material_to_take(row, answer)
    return replace(row, view=replace(grown, materials=(*view.materials, *taken)), held=_without(row, answer.region))


def newest(row: SetRow, answers: Iterable[Answer]) -> tuple[SetState, Told | None, tuple[TermLink, ...]]:
    """The highest state among this Region's and the answers: (state, as told by its holder or None for our own, its links)."""
    if row.view is None:
        raise SetRefusal("this Region has no state")
    best: tuple[SetState, Told | None, tuple[TermLink, ...]] = (row.view, None, row.links)
    for answer in answers:
        if answer.view is not None and answer.view.stamp > best[0].stamp:
            best = (answer.view, answer.told, answer.links)
    return best


def take_over(row: SetRow, region: str, answers: Collection[Answer], stored: Collection[str] | None) -> SetRow:
    """The set under this Region, in a new generation, without the Regions that are lost; or the declaration withdrawn where a
    Region that stays is primary.

    `answers` come from every configured Region that is not declared lost. `stored` names the materials that any of them has; None
    for imported material. Pending material that was lost with its Region is given up: nothing was ever encrypted under it.
    Raises: SetRefusal where a Region that stays has not the same word, or has to reconcile first.
    """
    if row.status is not RowStatus.LIVE or row.stale or not row.lost:
        raise SetRefusal("this Region is no member, has to reconcile first, or has given nobody up")
    for answer in answers:
        if answer.lost != row.lost:
            raise SetRefusal(f"{answer.region} has not declared the same Regions lost")
        if answer.stale:
            raise SetRefusal(f"{answer.region} has to reconcile first")
    state = newest(row, answers)[0]
    if state.primary not in row.lost:
        return replace(row, lost=frozenset())
    if state.pending and stored is not None and state.pending not in stored:
        kept = tuple(m for m in state.materials if m.material_id != state.pending)
        state = replace(state, pending="", materials=kept)
    survivors = {a.region: a.serial for a in answers if a.view is not None} | {region: row.serial}
    views = [v for v in (row.view, *(a.view for a in answers)) if v is not None]
    taken_over = replace(
        state,
        term=state.term._replace(generation=state.term.generation + 1, origin=region, number=0),
        version=0,
        primary=region,
        issuer=region,
        members=_members(views, survivors, region, row.lost),
        materials=_materials(state, views),
    )
    return replace(row, view=taken_over, held=frozenset(), lost=frozenset(), told_lost=frozenset(), rejoin="", links=())


def _members(views: Iterable[SetState], survivors: dict[str, str], region: str, lost: frozenset[str]) -> tuple[Member, ...]:
    known = {member.region: member for view in sorted(views, key=lambda v: v.stamp) for member in view.members}
    for survivor, serial in survivors.items():
        known[survivor] = Member(survivor, serial, MemberStatus.ON if survivor == region else MemberStatus.BACK)
    return tuple(sorted(replace(m, status=MemberStatus.OFF) if m.region in lost else m for m in known.values()))


def _materials(state: SetState, views: Iterable[SetState]) -> tuple[SetMaterial, ...]:
    materials = {m.material_id: m for m in state.materials}
    for view in views:
        for material in view.materials:
            if material.material_id != view.pending:
                materials.setdefault(material.material_id, material)
    return tuple(materials.values())


def reconcile(row: SetRow, region: str, answers: Collection[Answer]) -> SetRow:
    """A restored Region's row, level with the others again. Where it is primary it begins a new term: versions that it issued after
    the backup may still be on their way.

    `answers` come from every configured Region that is not declared lost. Raises: SetRefusal where the set has gone on without it.
    """
    state, told, links = newest(row, answers)
    member = state.find_member(region)
    if member is None or member.serial != row.serial:
        raise SetRefusal("the set does not list this membership any more")
    known = replace(row, view=state, links=links, held=frozenset(), stale=False)
    if told is not None:
        known = replace(known, signed_view=told.signed, signed_key=told.public_key)
    return next_term(known, state, issuer=region, primary=region) if state.primary == region else known


def forget_held(row: SetRow, region: str) -> SetRow:
    """The row without what a Region acknowledged before it was restored."""
    return replace(row, held=_without(row, region))


def _without(row: SetRow, region: str) -> frozenset[Held]:
    return frozenset(h for h in row.held if h.region != region)
