"""A key whose waiting period is over is erased; where it was a member of a set, the others are told and a tombstone stays.

Source: docs/spec/multi-region.md, members that leave.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from meridian.domain.key import Key
from meridian.domain.multi_region import MemberStatus, RowStatus, SetRow
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditTrail
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork
from meridian.replication.erase_key import erase_key
from meridian.replication.publish import GONE


class Leave:
    """Erases keys."""

    def __init__(self, *, identity: RegionIdentity, trail: AuditTrail) -> None:
        self._identity = identity
        self._trail = trail

    async def erase(self, uow: UnitOfWork, key: Key, *, request_id: str, now: datetime) -> bool:
        """Whether the key, its material and everything attached to it are gone; a member waits until it has told what it must."""
        row = await uow.key_sets.find(key.account, key.key_id) if key.multi_region is not None else None
        if row is not None:
            if not await self._may_leave(uow, row):
                return False
            await self._part_from_set(uow, row, request_id=request_id, now=now)
        await erase_key(uow, self._trail, key, request_id=request_id)
        reach(FaultPoint.DELETE_KEY_BEFORE_COMMIT)
        return True

    async def _may_leave(self, uow: UnitOfWork, row: SetRow) -> bool:
        """A primary leaves last; a former one only when its successor has taken the role; nobody with something left to say. Members
        that an operator detached or declared lost are waited for by nobody."""
        view, region = row.view, self._identity.region
        if view is None:
            return True
        left_out = row.lost | {m.region for m in view.members if m.status is MemberStatus.OFF}
        if view.primary == region:
            return {m.region for m in view.members} - left_out <= {region}
        awaits_successor = view.issuer == region and view.version == 0 and view.primary not in left_out
        return not awaits_successor and await uow.outbox.is_empty_for(row.account, row.key_id, left_out=left_out)

    async def _part_from_set(self, uow: UnitOfWork, row: SetRow, *, request_id: str, now: datetime) -> None:
        await uow.key_sets.update(replace(row, status=RowStatus.GONE, held=frozenset()))
        for member in row.view.members if row.view else ():
            if member.region != self._identity.region and member.status is not MemberStatus.OFF:
                await uow.outbox.put(GONE, member.region, row.account, row.key_id, request_id=request_id, now=now)
