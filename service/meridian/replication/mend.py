"""Sets whose members were restored, lost, detached or come back, mended one at a time, each in one transaction.

What other Regions say is asked outside the transaction; the row's version decides whether it still applies.

Source: docs/spec/multi-region.md, lost and restored Regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import SetRow, SetState
from meridian.errors import KMSInternalException
from meridian.ports.audit import AuditTrail
from meridian.ports.crypto_engine import CryptoEngine
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store import Store, UnitOfWork, VersionConflict
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.apply import SYNCHRONISED
from meridian.replication.ask import AskRegions
from meridian.replication.publish import HELD, as_primary, publish, with_shared_part, with_view
from meridian.replication.rotate import switched
from meridian.replication.set_loss import detach, material_to_take, newest, reconcile, take_back, take_over

TAKEN_OVER: Final = "TakeOverMultiRegionKey"
DETACHED: Final = "DetachMultiRegionReplica"
TAKEN_BACK: Final = "TakeBackMultiRegionReplica"


@dataclass(frozen=True, slots=True)
class Found:
    """A set and its key as they were read, before other Regions were asked."""

    row: SetRow
    key: Key


class MendSets:
    """Every method raises SetRefusal where the set does not allow it, and KmsError where a Region that must answer does not;
    nothing has changed then."""

    def __init__(
        self,
        *,
        store: Store,
        engine: CryptoEngine,
        identity: RegionIdentity,
        directory: KeyDirectory,
        trail: AuditTrail,
        entropy: Entropy,
        ask: AskRegions,
    ) -> None:
        self._store = store
        self._engine = engine
        self._identity = identity
        self._directory = directory
        self._trail = trail
        self._entropy = entropy
        self._ask = ask

    async def reconcile(self, row: SetRow) -> None:
        """Bring a restored Region's set level with the others."""
        found = await self._find(row)
        answers = await self._ask.everybody(found.row, is_reconciling=True)
        state, _, _ = newest(found.row, answers)
        key = await self._ask.with_materials(found.key, state.materials, answers)
        await self._commit(found, reconcile(found.row, self._identity.region, answers), key, SYNCHRONISED)

    async def take_over(self, row: SetRow) -> None:
        """Make this Region primary of a set whose primary is lost; or withdraw the declaration where it is not."""
        found = await self._find(row)
        answers = await self._ask.everybody(found.row)
        stored = {m.material_id for m in found.key.materials if m.is_present}.union(*(a.material_ids for a in answers))
        is_copied = found.key.origin is Origin.AWS_KMS
        taken = take_over(found.row, self._identity.region, answers, stored if is_copied else None)
        key = await self._ask.with_materials(found.key, taken.view.materials if taken.view else (), answers)
        await self._commit(found, taken, key, TAKEN_OVER)

    async def detach(self, row: SetRow, region: str) -> None:
        """Let the set go on without waiting for this member."""
        found = await self._find(row)
        await self._commit(found, detach(found.row, self._identity.region, region), found.key, DETACHED)

    async def take_back(self, row: SetRow, region: str) -> None:
        """Count a detached member again, after its own materials have come here."""
        found = await self._find(row)
        answer = await self._ask.one(region, found.row)
        returned = take_back(found.row, self._identity.region, answer)
        key = await self._ask.with_materials(found.key, material_to_take(found.row, answer), [answer])
        await self._commit(found, returned, key, TAKEN_BACK)

    async def _find(self, row: SetRow) -> Found:
        async with self._store.reading() as uow:
            current = await uow.key_sets.find(row.account, row.key_id)
            key = await uow.keys.find(row.account, row.key_id)
        if current is None or key is None:
            raise VersionConflict("the set has gone")
        return Found(current, key)

    async def _commit(self, found: Found, row: SetRow, grown: Key, event: str) -> None:
        request_id = self._entropy.uuid()
        async with self._store.transaction() as uow:
            if row.view is None:
                raise KMSInternalException(reason="a set without a state")
            if row.view == found.row.view and row.lost != found.row.lost:
                await uow.key_sets.update(row)
                return
            if row.view.primary == self._identity.region:
                key = await self._publish(uow, row, row.view, grown, request_id)
            else:
                key = await self._follow(uow, row, row.view, grown, request_id)
            await self._trail.record_service_event(uow, event, key, request_id=request_id)
        self._directory.forget(key.account, key.key_id)

    async def _publish(self, uow: UnitOfWork, row: SetRow, view: SetState, grown: Key, request_id: str) -> Key:
        # Who was waited for may be counted no longer: pending material may now be everywhere.
        key = await switched(uow, self._trail, row, _with_loss_shown(as_primary(grown, view)), request_id=request_id)
        shared = with_shared_part(view, key)
        await publish(uow, self._engine, self._identity, row, shared, request_id=request_id, now=await uow.region.now())
        return await uow.keys.update(key)

    async def _follow(self, uow: UnitOfWork, row: SetRow, view: SetState, grown: Key, request_id: str) -> Key:
        key = _with_loss_shown(with_view(grown, view).with_updating_ended())
        await uow.key_sets.update(row)
        await uow.outbox.put(HELD, view.primary, key.account, key.key_id, request_id=request_id, now=await uow.region.now())
        return await uow.keys.update(key)


def _with_loss_shown(key: Key) -> Key:
    """Imported material that is listed and not here leaves the key without use until its owner imports it."""
    return key.with_material_lost() if key.origin is Origin.EXTERNAL else key
