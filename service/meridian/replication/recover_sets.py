"""Sets whose members were restored, lost, detached or come back, mended one at a time, each in one transaction.

What other Regions say is asked outside the transaction; the row's version decides whether it still applies.

Source: docs/spec/multi-region.md, lost and restored Regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meridian.audit.record import SYNCHRONISED
from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import SetRow, SetState
from meridian.errors import KMSInternalException
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.gone_on import note_gone_on
from meridian.replication.publish import HELD, SetIssuer, as_primary, signed_by, tell_members, with_shared_part, with_view
from meridian.replication.query_regions import AskRegions
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import believe_answers, believe_return, gone_on_with
from meridian.replication.sets.changed_properties import moved
from meridian.replication.sets.claims import Believed, NotBelieved, SetRefusal
from meridian.replication.sets.loss import detach, material_to_take, reconcile, take_back, take_over
from meridian.replication.silent_regions import Silence
from meridian.replication.switch_material import note_rotation, switched

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
    nothing has changed then. Whom a round found silent is not asked again in it."""

    def __init__(
        self,
        *,
        store: Store,
        issuer: SetIssuer,
        directory: KeyDirectory,
        entropy: Entropy,
        ask: AskRegions,
        refusals: Refusals,
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._identity = issuer.identity
        self._directory = directory
        self._entropy = entropy
        self._ask = ask
        self._refusals = refusals

    async def reconcile(self, row: SetRow, silence: Silence) -> None:
        """Bring a restored Region's set level with the others."""
        self._ask.require_answering(row, silence)
        found = await self._find(row)
        believed = await self._believed(found.row, silence, is_reconciling=True)
        key = await self._ask.with_materials(found.key, believed.newest.materials, believed.answers, silence)
        mended = reconcile(found.row, self._identity.region, believed)
        if key.origin is Origin.AWS_KMS and believed.newest.current not in {m.material_id for m in key.materials if m.is_present}:
            raise SetRefusal("nobody gives the current material to a member that is detached; it is taken back first")
        await self._commit(found, mended, key, SYNCHRONISED)

    async def take_over(self, row: SetRow, silence: Silence) -> None:
        """Make this Region primary of a set whose primary is lost; or withdraw the declaration where it is not."""
        self._ask.require_answering(row, silence)
        found = await self._find(row)
        believed = await self._believed(found.row, silence, is_reconciling=False)
        key = await self._ask.with_materials(found.key, believed.newest.materials, believed.answers, silence)
        stored = {m.material_id for m in key.materials if m.is_present} if key.origin is Origin.AWS_KMS else None
        await self._commit(found, take_over(found.row, self._identity.region, believed, stored), key, TAKEN_OVER)

    async def _believed(self, row: SetRow, silence: Silence, *, is_reconciling: bool) -> Believed:
        """What every Region that counts answers, as far as it is believed. Raises: KmsError, SetRefusal."""
        answers = await self._ask.everybody(row, silence, is_reconciling=is_reconciling)
        try:
            believed = believe_answers(row, self._identity.region, answers, self._ask.links_of(row))
        except NotBelieved as refusal:
            self._refusals.tell("", row.account, row.key_id, refusal)
            for answer in answers if row.stale else ():
                gone_on = gone_on_with(row, self._identity.region, self._ask.links_of(row), answer)
                if gone_on is not None:
                    await note_gone_on(self._store, self._refusals, row, gone_on)
            raise
        for region, reason in believed.refused:
            self._refusals.tell(region, row.account, row.key_id, reason)
        return believed

    async def detach(self, row: SetRow, region: str, _: Silence) -> None:
        """Let the set go on without waiting for this member."""
        found = await self._find(row)
        await self._commit(found, detach(found.row, self._identity.region, region), found.key, DETACHED)

    async def take_back(self, row: SetRow, region: str, silence: Silence) -> None:
        """Count a detached member again, after its own materials have come here."""
        found = await self._find(row)
        answer = await self._ask.one(region, found.row, silence)
        theirs = believe_return(found.row, self._ask.links_of(found.row), answer)
        returned = take_back(found.row, self._identity.region, answer, theirs)
        key = await self._ask.with_materials(found.key, material_to_take(found.row, theirs), [answer], silence)
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
            properties = moved(found.row.view, row.view)
            is_told = event == SYNCHRONISED and row.view.primary == self._identity.region  # by what publishes it
            if event != SYNCHRONISED or (properties and not is_told):
                details = {"properties": properties}
                await self._issuer.trail.record_service_event(uow, event, key, request_id=request_id, details=details)
        self._directory.forget(key.account, key.key_id)

    async def _publish(self, uow: UnitOfWork, row: SetRow, view: SetState, grown: Key, request_id: str) -> Key:
        # Who was waited for may be counted no longer: pending material may now be everywhere.
        taken = _with_loss_shown(as_primary(grown, view))
        await note_rotation(uow, self._issuer.trail, grown, taken, request_id=request_id)
        key = await switched(uow, self._issuer.trail, row, taken, request_id=request_id)
        shared = with_shared_part(view, key)
        await self._issuer.publish(uow, row, shared, request_id=request_id, now=await uow.region.now())
        return await uow.keys.update(key)

    async def _follow(self, uow: UnitOfWork, row: SetRow, view: SetState, grown: Key, request_id: str) -> Key:
        key = _with_loss_shown(with_view(grown, view).with_updating_ended())
        await note_rotation(uow, self._issuer.trail, grown, key, request_id=request_id)
        now = await uow.region.now()
        if view.version == 0 and view.issuer == self._identity.region:
            # Its own handover, signed before it was restored, is heard from nobody any more: signed again, it is the same state.
            row = signed_by(self._issuer.envelopes, self._identity, row, view)
            await tell_members(uow, row, self._identity.region, request_id=request_id, now=now)
        await uow.key_sets.update(row)
        await uow.outbox.put(HELD, view.primary, key.account, key.key_id, request_id=request_id, now=now)
        return await uow.keys.update(key)


def _with_loss_shown(key: Key) -> Key:
    """Imported material that is listed and not here leaves the key without use until its owner imports it."""
    return key.with_material_lost() if key.origin is Origin.EXTERNAL else key
