"""How a set of related keys moves: pure functions from (row, message) to the next row.

What is refused and what is ignored is exactly docs/spec/multi-region.md §1 to §3, as far as replication of a key needs it.

INVARIANT: within one stamp the content of a set state never changes, and a member's stamp never falls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetRow, SetState, Term


class SetRefusal(Exception):
    """The message or change does not fit what this Region knows of the set; nothing changes."""


def found_set(account: str, key_id: str, region: str, serial: str, materials: tuple[tuple[str, int], ...]) -> SetRow:
    """The set of a new primary: one member, term (0, its Region, 0), version 0."""
    state = SetState(
        term=Term(0, region, 0),
        version=0,
        primary=region,
        issuer=region,
        members=(Member(region, serial, MemberStatus.ON),),
        materials=materials,
        current=materials[-1][0] if materials else "",
    )
    return SetRow(account=account, key_id=key_id, status=RowStatus.LIVE, serial=serial, view=state)


def reserve(row: SetRow | None, account: str, key_id: str, serial: str, prepared_by: str, request_id: str, now: datetime) -> SetRow:
    """A reserved place for a member to be. Raises: SetRefusal if this Region has one, reserved or live."""
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
    return replace(fresh, refused_serials=row.refused_serials, version=row.version)


def add_member(row: SetRow, region: str, member_region: str, serial: str) -> SetRow:
    """The set with a member that is being created. Raises: SetRefusal unless this Region acts as primary and the place is free."""
    view = _acting_view(row, region)
    if view.find_member(member_region) is not None:
        raise SetRefusal("the set has a member in that Region")
    if serial in row.refused_serials:
        raise SetRefusal("the place was refused before it was committed")
    return replace(row, view=view.with_member(Member(member_region, serial, MemberStatus.NEW)))


def adopt(row: SetRow, region: str, state: SetState, signed: bytes, serial: str, stored: Iterable[str]) -> SetRow | None:
    """The row after a state has arrived; None when it is one this Region has, or an older one.

    `stored` names the materials in this Region's store, those that came along included. Raises: SetRefusal.
    """
    member = state.find_member(region)
    if row.stale:
        raise SetRefusal("this Region was restored and has not reconciled")
    if row.status not in (RowStatus.RESERVED, RowStatus.LIVE) or row.serial != serial:
        raise SetRefusal("no membership with this serial")
    if member is None or member.serial != serial:
        raise SetRefusal("the state does not list this membership")
    if row.view is not None:
        if state.term[:2] != row.view.term[:2]:
            raise SetRefusal("the state is of another generation")
        if state.stamp <= row.view.stamp:
            return None
    if not {material_id for material_id, _ in state.materials} <= set(stored):
        raise SetRefusal("a listed material is neither stored nor enclosed")
    return replace(row, status=RowStatus.LIVE, view=state, signed_view=signed, prepared_by="", reserved_at=None)


def acknowledge(row: SetRow, region: str, sender: str, serial: str, term: Term, material_ids: Iterable[str]) -> SetRow | None:
    """The primary's row after a member said what it holds; None when it is of no consequence.

    A member that holds every material of the set stops being new; that is the next version.
    """
    if not row.acts_as_primary(region) or row.view is None or row.view.term != term:
        return None
    member = row.view.find_member(sender)
    if member is None or member.serial != serial:
        return None
    held = row.held | {Held(sender, serial, material_id) for material_id in material_ids}
    view = row.view
    complete = all(Held(sender, serial, material_id) in held for material_id, _ in view.materials)
    if complete and member.status is MemberStatus.NEW:
        view = view.with_member(replace(member, status=MemberStatus.ON))
    if held == row.held and view is row.view:
        return None
    return replace(row, view=view, held=held)


def resolve(row: SetRow, sender: str, serial: str) -> tuple[SetRow, bool]:
    """What became of a place that this Region prepared: (row, committed). A place not committed is refused for ever."""
    member = row.view.find_member(sender) if row.view is not None else None
    if member is not None and member.serial == serial:
        return row, True
    return replace(row, refused_serials=row.refused_serials | {serial}), False


def release(row: SetRow) -> SetRow:
    """The row after its reserved place was refused."""
    return replace(row, status=RowStatus.NONE, prepared_by="", reserved_at=None)


def _acting_view(row: SetRow, region: str) -> SetState:
    if not row.acts_as_primary(region) or row.view is None:
        raise SetRefusal("this Region does not act as primary")
    return row.view
