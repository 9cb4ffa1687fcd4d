"""What arrives from another Region: checked against what this Region knows, then applied once, in one transaction.

Source: docs/spec/multi-region.md §3; docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest

from meridian.domain.deletion import with_window_begun
from meridian.domain.key import Key, KeyState, Origin
from meridian.domain.multi_region import RowStatus, SetRow, SetState, TermLink
from meridian.domain.peer_message import DeliverGone, DeliverHeld, DeliverSetState, SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.domain.rotation import finish
from meridian.errors import AccessDeniedException, KMSInternalException, KMSInvalidStateException, ValidationException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.crypto_engine import CryptoEngine, EnvelopeMeta
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store import Store, UnitOfWork
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.codec import decode_set_state
from meridian.replication.publish import GONE, HELD, signed_by, tell_members, with_shared_part, with_view
from meridian.replication.rotate import awaits_switch, record_rotation
from meridian.replication.set_state import SetRefusal, Told, acknowledge, adopt, is_held_by_all, part, resolve, take_role, takes_role

SYNCHRONISED = "SynchronizeMultiRegionKey"


class ApplyMessages:
    """The receiving side of replication."""

    def __init__(
        self,
        *,
        store: Store,
        engine: CryptoEngine,
        identity: RegionIdentity,
        directory: KeyDirectory,
        trail: AuditTrail,
        clock: Clock,
        wake_outbox: Callable[[], None],
        peers: Mapping[str, PeerRegion],
        day_seconds: float,
    ) -> None:
        self._store = store
        self._engine = engine
        self._identity = identity
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._fingerprints = {peer.region: peer.transport_fingerprint for peer in peers.values()}
        self._fingerprints[identity.region] = engine.transport_fingerprint()
        self._day_seconds = day_seconds

    # ---- a newer state of a set

    async def set_state(self, peer: PeerRegion, message: DeliverSetState) -> bool:
        """Whether this Region has the state now, or a higher one.

        Raises: AccessDeniedException for a sender who may not say this; ValidationException for what cannot be read or does not
        verify; KMSInvalidStateException for what does not fit the set.
        """
        signed, told = self._verified(peer, message)
        earlier = self._earlier(message, signed)
        async with self._store.transaction() as uow:
            if message.incarnation < await uow.inbox.highest_incarnation(peer.region):
                raise AccessDeniedException("The sender speaks from an earlier incarnation.")
            row = await uow.key_sets.find(signed.account, signed.key_id)
            key = await uow.keys.find(signed.account, signed.key_id)
            if row is None or key is None:
                await self._answer_gone(uow, row, peer, message)
                return True
            digest = sha256(message.signed_state + message.serial.encode()).digest()
            now = self._clock.now()
            await uow.inbox.record(peer.region, message.incarnation, message.sequence, digest, now=now)
            grown = self._with_materials(peer, message, signed, key)
            adopted = self._adopt(row, told, earlier, message, grown)
            if adopted is None:
                return True
            if takes_role(adopted, self._identity.region):
                await self._take_role(uow, adopted, grown, message.request_id)
            else:
                await self._store_adopted(uow, adopted, grown, key, signed.state)
                await uow.outbox.put(HELD, signed.state.primary, key.account, key.key_id, request_id=message.request_id, now=now)
            await self._trail.record_service_event(uow, SYNCHRONISED, grown, request_id=message.request_id)
            reach(FaultPoint.REPLICATE_KEY_APPLY_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_APPLY_AFTER_COMMIT)
        if takes_role(adopted, self._identity.region):
            reach(FaultPoint.HANDOVER_TAKE_AFTER_COMMIT)
        self._directory.forget(key.account, key.key_id)
        self._wake_outbox()
        return True

    def _verified(self, peer: PeerRegion, message: DeliverSetState) -> tuple[SignedSetState, Told]:
        signed, told = self._read(message.signed_state, message.transport_public_key)
        # The primary signs for itself; what it issued is passed on by it alone.
        if signed.issuing_region != peer.region or signed.issuing_incarnation != message.incarnation:
            raise AccessDeniedException("The set state was not issued by the sender.")
        if signed.account not in peer.accounts:
            raise AccessDeniedException("The sender may not speak for this account.")
        return signed, told

    def _earlier(self, message: DeliverSetState, of: SignedSetState) -> list[Told]:
        """The handovers that came along, each signed by a Region that is configured here, or by this one."""
        links = []
        for link in message.links:
            signed, told = self._read(link.signed, link.public_key)
            if (signed.account, signed.key_id) != (of.account, of.key_id):
                raise AccessDeniedException("A handover of another set came along.")
            links.append(told)
        return links

    def _read(self, signed_bytes: bytes, public_key: bytes) -> tuple[SignedSetState, Told]:
        try:
            signed = decode_set_state(self._engine.verify_set_state(signed_bytes, public_key))
        except ValueError as fault:
            raise ValidationException("The set state cannot be verified.", fields=[("signedState", str(fault))]) from fault
        issuer = self._fingerprints.get(signed.issuing_region, "")
        if not compare_digest(sha256(public_key).hexdigest(), issuer):
            raise AccessDeniedException("The transport key is not the one that is configured for the issuer.")
        own = self._identity
        if (signed.deployment, signed.partition) != (own.deployment, own.partition):
            raise AccessDeniedException("The set belongs to another deployment.")
        return signed, Told(signed.state, signed.issuing_region, signed_bytes, public_key)

    def _with_materials(self, peer: PeerRegion, message: DeliverSetState, signed: SignedSetState, key: Key) -> Key:
        numbers = {m.material_id: m.rotation_number for m in signed.state.materials}
        for envelope in message.envelopes:
            try:
                meta = self._engine.read_envelope_meta(envelope, message.transport_public_key)
                expected = self._expected(peer, message, key, meta.material_id, numbers.get(meta.material_id, -1), meta)
                material = self._engine.open_from_region(envelope, message.transport_public_key, expected, key)
            except ValueError as fault:
                raise ValidationException("An envelope cannot be opened.", fields=[("envelopes", str(fault))]) from fault
            key = key.with_material(material, current=False)
        return key

    def _expected(
        self, peer: PeerRegion, message: DeliverSetState, key: Key, material_id: str, rotation_number: int, meta: EnvelopeMeta
    ) -> EnvelopeMeta:
        if rotation_number < 0:
            raise ValueError("the material is not one of the set")
        return EnvelopeMeta(
            deployment=self._identity.deployment,
            partition=self._identity.partition,
            account=key.account,
            key_id=key.key_id,
            material_id=material_id,
            key_spec=key.key_spec,
            source_region=peer.region,
            target_region=self._identity.region,
            source_incarnation=message.incarnation,
            sequence=message.sequence,
            rotation_number=rotation_number,
            hpke_key_id=meta.hpke_key_id,
            created_ms=meta.created_ms,
        )

    def _adopt(self, row: SetRow, told: Told, earlier: list[Told], message: DeliverSetState, key: Key) -> SetRow | None:
        stored = [m.material_id for m in key.materials if m.is_present] if key.origin is Origin.AWS_KMS else None
        try:
            return adopt(row, self._identity.region, told, earlier, message.serial, stored)
        except SetRefusal as refusal:
            raise KMSInvalidStateException(f"The set state is refused: {refusal}.") from refusal

    async def _store_adopted(self, uow: UnitOfWork, row: SetRow, grown: Key, key: Key, state: SetState) -> None:
        changed = with_view(grown, state)
        if changed.state is KeyState.CREATING:
            changed = changed.with_state(KeyState.ENABLED)
        if changed.updating_until is not None and state.version > 0:
            changed = changed.with_updating_ended()
        if changed.origin is Origin.EXTERNAL:
            changed = changed.with_material_lost()
        await uow.key_sets.update(row)
        if changed != key:
            await uow.keys.update(changed)

    async def _take_role(self, uow: UnitOfWork, row: SetRow, grown: Key, request_id: str) -> None:
        """Publish version 1 of the term that names this Region: from this commit it is primary, whatever its key's state."""
        taken = take_role(row)
        if taken.view is None:
            raise KMSInternalException(reason="a role without a state")
        key = with_view(grown, taken.view).with_updating_ended()
        if key.state is KeyState.PENDING_DELETION and taken.view.replica_regions:
            key = replace(key, state=KeyState.PENDING_REPLICA_DELETION, deletion_at=None)
        await self._publish(uow, taken, taken.view, request_id)
        await uow.keys.update(key)
        reach(FaultPoint.HANDOVER_TAKE_BEFORE_COMMIT)

    async def _publish(self, uow: UnitOfWork, row: SetRow, view: SetState, request_id: str) -> None:
        signed = signed_by(self._engine, self._identity, row, view)
        if view.version == 0:
            signed = replace(signed, links=(*signed.links, TermLink(signed.signed_view, self._engine.transport_public_key())))
        await uow.key_sets.update(signed)
        await tell_members(uow, signed, self._identity.region, request_id=request_id, now=self._clock.now())

    async def _answer_gone(self, uow: UnitOfWork, row: SetRow | None, peer: PeerRegion, message: DeliverSetState) -> None:
        """A membership that has ended here is news for whoever still counts it."""
        if row is None or row.status is not RowStatus.GONE or row.serial != message.serial:
            raise KMSInvalidStateException("No membership of this set is here.")
        await uow.outbox.put(GONE, peer.region, row.account, row.key_id, request_id=message.request_id, now=self._clock.now())

    # ---- what a member holds

    async def held(self, peer: PeerRegion, message: DeliverHeld) -> None:
        """Note what a member has stored; a member that has everything is a full member from then on."""
        if message.account not in peer.accounts:
            raise AccessDeniedException("The sender may not speak for this account.")
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(message.account, message.key_id)
            key = await uow.keys.find(message.account, message.key_id)
            if row is None or row.view is None or key is None:
                return
            noted = acknowledge(
                row,
                self._identity.region,
                peer.region,
                message.serial,
                message.term,
                message.material_ids,
                may_lose=key.origin is Origin.EXTERNAL,
            )
            if noted is None:
                return
            await self._moved(uow, row, noted, key, message.request_id)
            reach(FaultPoint.REPLICATE_KEY_HELD_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_HELD_AFTER_COMMIT)
        self._directory.forget(message.account, message.key_id)
        self._wake_outbox()

    async def _moved(self, uow: UnitOfWork, before: SetRow, row: SetRow, key: Key, request_id: str) -> None:
        """At the primary: store what a member's word changed, and switch to pending material that now is everywhere."""
        if row.view is None:
            raise KMSInternalException(reason="a set without a state")
        changed = with_view(key, row.view)
        if row.view.version == 0 and changed.updating_until is not None:
            changed = changed.with_updating_ended()  # the role came back
        if awaits_switch(key) and is_held_by_all(row, key.pending_material_id):
            rotated = finish(changed, await uow.region.now())
            await record_rotation(uow, self._trail, key, rotated, request_id=request_id)
            changed = rotated.key
        if changed.state is KeyState.PENDING_REPLICA_DELETION and not row.view.replica_regions:
            changed = with_window_begun(changed, await uow.region.now(), self._day_seconds)
        view = with_shared_part(row.view, changed)
        if view != row.view and row.view.version > 0:
            view = replace(view, version=row.view.version + 1)
        if before.view is None or view.stamp != before.view.stamp:
            await self._publish(uow, row, view, request_id)
        else:
            await uow.key_sets.update(row)
        if changed != key:
            await uow.keys.update(changed)

    # ---- a member is gone

    async def gone(self, peer: PeerRegion, message: DeliverGone) -> None:
        """Strike a member that has left for good; nothing happens where this Region is not concerned."""
        if message.account not in peer.accounts:
            raise AccessDeniedException("The sender may not speak for this account.")
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(message.account, message.key_id)
            key = await uow.keys.find(message.account, message.key_id)
            if row is None or key is None:
                return
            left = part(row, self._identity.region, peer.region, message.serial, message.term)
            if left is None:
                return
            await self._moved(uow, row, left, key, message.request_id)
        self._directory.forget(message.account, message.key_id)
        self._wake_outbox()

    # ---- what became of a place

    async def resolve(self, peer: PeerRegion, account: str, key_id: str, serial: str) -> bool:
        """Whether a membership of the asking Region was committed here; if not, it never will be."""
        if account not in peer.accounts:
            raise AccessDeniedException("The sender may not speak for this account.")
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(account, key_id)
            if row is None:
                return False
            answered, committed = resolve(row, peer.region, serial)
            if answered != row:
                await uow.key_sets.update(answered)
        return committed
