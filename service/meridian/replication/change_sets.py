"""How a set that another Region spoke of is stored: its row, its key, and what others are to be told of it.

Whoever spoke was believed before.
"""

from __future__ import annotations

from dataclasses import replace

from meridian.domain.deletion import with_window_begun
from meridian.domain.key import Key, KeyState, Origin
from meridian.domain.multi_region import SetRow, SetState
from meridian.errors import KMSInternalException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.clock import Clock
from meridian.ports.store.store import UnitOfWork
from meridian.replication.publish import HELD, SetIssuer, as_primary, with_shared_part, with_view
from meridian.replication.record_news import News
from meridian.replication.sets.state import take_role, takes_role
from meridian.replication.switch_material import switched


class ChangeSets:
    """Works in the transactions of others."""

    def __init__(self, issuer: SetIssuer, clock: Clock, day_seconds: float) -> None:
        self.issuer = issuer
        self._clock = clock
        self._day_seconds = day_seconds

    async def store(self, uow: UnitOfWork, news: News) -> None:
        """A newer state: adopted as a member has it, or as whom it makes primary."""
        adopted, grown, key, request_id = news.adopted, news.grown, news.key, news.request_id
        state = adopted.view
        if state is None:
            raise KMSInternalException(reason="a set without a state")
        if takes_role(adopted, self.issuer.identity.region):
            await self._take_role(uow, adopted, grown, request_id)
        else:
            await self._store_adopted(uow, adopted, grown, key, state)
            await uow.outbox.put(HELD, state.primary, key.account, key.key_id, request_id=request_id, now=self._clock.now())

    async def _store_adopted(self, uow: UnitOfWork, row: SetRow, grown: Key, key: Key, state: SetState) -> None:
        changed = with_view(grown, state)
        if changed.state is KeyState.CREATING:
            changed = changed.with_state(KeyState.ENABLED)
        if changed.updating_until is not None and state.version > 0:
            changed = changed.with_updating_ended()
        if changed.origin is Origin.EXTERNAL:
            changed = changed.with_material_lost()
        if changed.state is KeyState.PENDING_REPLICA_DELETION:  # a former primary, of a generation that has ended
            changed = with_window_begun(changed, await uow.region.now(), self._day_seconds)
        await uow.key_sets.update(row)
        if changed != key:
            await uow.keys.update(changed)

    async def _take_role(self, uow: UnitOfWork, row: SetRow, grown: Key, request_id: str) -> None:
        """Publish version 1 of the term that names this Region: from this commit it is primary, whatever its key's state."""
        taken = take_role(row)
        if taken.view is None:
            raise KMSInternalException(reason="a role without a state")
        await self._publish(uow, taken, taken.view, request_id)
        await uow.keys.update(as_primary(grown, taken.view))
        reach(FaultPoint.HANDOVER_TAKE_BEFORE_COMMIT)

    async def move(self, uow: UnitOfWork, before: SetRow, row: SetRow, key: Key, request_id: str) -> None:
        """At the primary: store what a member's word changed, and switch to pending material that now is everywhere."""
        if row.view is None:
            raise KMSInternalException(reason="a set without a state")
        changed = with_view(key, row.view)
        if row.view.version == 0 and changed.updating_until is not None:
            changed = changed.with_updating_ended()  # the role came back
        changed = await switched(uow, self.issuer.trail, row, changed, request_id=request_id)
        if changed.state is KeyState.PENDING_REPLICA_DELETION and not row.view.replica_regions:
            changed = with_window_begun(changed, await uow.region.now(), self._day_seconds)
        view = with_shared_part(row.view, changed)
        if view != row.view and before.view is not None and view.stamp == before.view.stamp:  # what is published stays as it is
            view = replace(view, version=row.view.version + 1)
        if before.view is None or view.stamp != before.view.stamp:
            await self._publish(uow, row, view, request_id)
        else:
            await uow.key_sets.update(row)
        if changed != key:
            await uow.keys.update(changed)

    async def _publish(self, uow: UnitOfWork, row: SetRow, view: SetState, request_id: str) -> None:
        await self.issuer.publish(uow, row, view, request_id=request_id, now=self._clock.now())
