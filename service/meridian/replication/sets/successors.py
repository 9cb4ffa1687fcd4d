"""Where an operator has named a Region twice, to succeed a lost one and to be joined: what that does for a set that the lost one led. Pure.

Source: docs/spec/multi-region.md, lost and restored Regions.
"""

from __future__ import annotations

from collections.abc import Collection

from meridian.domain.multi_region import RowStatus, SetRow, ToldLost
from meridian.replication.sets.chain import listed_in, own_view, reached
from meridian.replication.sets.claims import Answer, Told


def follows_the_lost(row: SetRow) -> bool:
    """Whether the primary that this Region's row names is declared lost here: nobody else leads the set on, as far as is known."""
    return row.view is not None and row.view.primary in row.lost


def joins_the_named(row: SetRow, told: Told) -> bool:
    """A4: whether the operator has named this Region twice, to succeed the lost one that this set follows and to be joined, and it signs
    the state as primary: no chain need lead there, for the lost Region may have led its members apart."""
    is_same = row.view is not None and told.state.term.reign == row.view.term.reign
    return is_same and row.rejoin == row.successor == told.signer == told.state.primary and follows_the_lost(row)


def split_from(row: SetRow, region: str, told: Told) -> ToldLost | None:
    """What a state that is not believed proves for the operator's `rejoin`: that the Region which he named to succeed the lost one goes on
    elsewhere in this generation."""
    view = row.view
    if view is None or row.status is not RowStatus.LIVE or not listed_in(told.state, region, row.serial):
        return None
    is_newer = told.state.term.reign == view.term.reign and told.state.stamp > view.stamp
    is_named = row.successor == told.signer == told.state.primary and follows_the_lost(row)
    return ToldLost(told.signer, told.state.term.generation) if is_newer and is_named else None


def is_led_apart(row: SetRow, pool: Collection[Told], answer: Answer) -> bool:
    """Whether a member shows what a Region that is lost here led it to, beside what this Region knows: no chain joins the two."""
    told = answer.told if answer.status is RowStatus.LIVE else None
    if row.view is None or row.stale or told is None or told.state.term.reign != row.view.term.reign:
        return False
    if not row.lost & {told.state.primary, told.state.issuer}:
        return False
    own, pool = own_view(row), frozenset(pool)
    onward = reached([own], pool | {told}), reached([told], pool | {own})
    return told not in onward[0] and row.view not in {each.state for each in onward[1]}
