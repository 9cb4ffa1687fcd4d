"""What a Region asks the database by time, whether somebody calls or not. Built once: to build a statement costs as much as to ask it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    TextClause,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    text,
    tuple_,
    union,
    union_all,
    update,
)

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.database_clock import SecondsNow
from meridian.domain.multi_region import RowStatus
from meridian.ports.store.audit_events import LEASE_SECONDS, STEADY_SECONDS

E, K, S, SETS = t.audit_events.c, t.keys.c, t.key_stores.c, t.key_sets.c
MICROSECONDS: Final = 1_000_000
RENEWED_SECONDS: Final = (LEASE_SECONDS + STEADY_SECONDS) / 2

_MOST: Final[BindParameter[int]] = bindparam("most", type_=Integer)
_MOMENT: Final[BindParameter[Any]] = bindparam("moment", type_=t.Moment)
_OWNER: Final[BindParameter[str]] = bindparam("owner", type_=E.lease_owner.type)

NOW: Final = select(SecondsNow())
CHANGES_AFTER: Final = (
    select(t.changes.c.number, t.changes.c.account, t.changes.c.key_id)
    .where(t.changes.c.number > bindparam("after"))
    .order_by(t.changes.c.number)
    .limit(_MOST)
)
AUDIT_KEYS: Final = select(*t.audit_keys.c).order_by(t.audit_keys.c.number)


def _beyond(account: ColumnElement[str], name: ColumnElement[str]) -> ColumnElement[bool]:
    """The page behind this name."""
    return tuple_(account, name) > tuple_(bindparam("after_account", type_=account.type), bindparam("after_name", type_=name.type))


STORES_IN: Final = (
    select(*S)
    .where(S.state.in_(bindparam("states", expanding=True)), _beyond(S.account, S.store_id))
    .order_by(S.account, S.store_id)
    .limit(_MOST)
)
RESERVED: Final = (
    select(*SETS)
    .where(SETS.status == str(RowStatus.RESERVED), SETS.prepared_by == bindparam("prepared_by"), SETS.reserved_at < _MOMENT)
    .order_by(SETS.reserved_at)
    .limit(_MOST)
)

# ------------------------------------------------------------ what comes to a key by time

TIMES: Final[tuple[tuple[Column[Any], tuple[ColumnElement[bool] | TextClause, ...]], ...]] = (
    (K.deletion_at, ()),
    (K.updating_until, ()),
    (K.next_rotation_at, (text(t.ROTATES_HERE),)),
    (K.on_demand_started_at, (text(t.STARTS_HERE),)),
    (t.materials.c.expires_at, ()),
)
"""What comes to a key by time: when, and of which keys."""
_due = union(*[select(at.table.c.account, at.table.c.key_id).where(at <= _MOMENT, *where) for at, where in TIMES]).subquery()
_earliest = union_all(*[select(func.min(at).label("at")).where(*where) for at, where in TIMES]).subquery()

DUE: Final = select(_due).where(_beyond(_due.c.account, _due.c.key_id)).order_by(_due.c.account, _due.c.key_id).limit(_MOST)
NEXT_DUE: Final = select(func.min(_earliest.c.at))

# ------------------------------------------------------------ audit events, and who holds them


def later(seconds: float) -> ColumnElement[Any]:
    """The database's clock in microseconds, so many seconds later."""
    return cast((SecondsNow() + seconds) * MICROSECONDS, BigInteger)


def lease(*where: ColumnElement[bool]) -> Update:
    """Lease these to the `owner`."""
    taken_from = case((E.lease_owner == _OWNER, E.taken_from), else_=E.lease_owner)
    values = {"taken_from": taken_from, "lease_owner": _OWNER, "lease_until": later(LEASE_SECONDS)}
    return update(t.audit_events).where(*where).values(values)


_is_ending = and_(E.lease_owner == _OWNER, E.lease_until <= later(RENEWED_SECONDS))
_free = select(E.number).where(or_(_is_ending, E.lease_until <= later(0))).order_by(E.number).limit(_MOST)

ANY_EVENT: Final = select(E.number).limit(1)
HELD: Final = select(E.event_id).where(E.lease_owner == _OWNER).order_by(E.number)
HELD_STEADILY: Final = HELD.where(E.lease_until > later(STEADY_SECONDS))
# No lease ends later than one that begins now, but where the database's clock has gone back.
SHORTEN: Final = update(t.audit_events).where(E.lease_until > later(LEASE_SECONDS)).values(lease_until=later(LEASE_SECONDS))
# Writers come one at a time, so a row is free or it is not; the lock is for whoever would write beside that rule.
CLAIM: Final = lease(E.number.in_(_free.with_for_update(skip_locked=True)))
