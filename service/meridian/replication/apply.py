"""What arrives from another Region: checked against what this Region knows, then applied once, in one transaction.

Source: docs/spec/multi-region.md §3; docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest

from meridian.domain.key import Key, KeyState
from meridian.domain.multi_region import SetRow, SetState
from meridian.domain.peer_message import DeliverHeld, DeliverSetState, SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, KMSInvalidStateException, ValidationException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.crypto_engine import CryptoEngine, EnvelopeMeta
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store import RegionIdentity, Store, UnitOfWork
from meridian.replication.codec import decode_set_state
from meridian.replication.publish import HELD, signed_by, tell_members, with_view
from meridian.replication.set_state import SetRefusal, acknowledge, adopt, resolve

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
    ) -> None:
        self._store = store
        self._engine = engine
        self._identity = identity
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._wake_outbox = wake_outbox

    # ---- a newer state of a set

    async def set_state(self, peer: PeerRegion, message: DeliverSetState) -> bool:
        """Whether this Region has the state now, or a higher one.

        Raises: AccessDeniedException for a sender who may not say this; ValidationException for what cannot be read or does not
        verify; KMSInvalidStateException for what does not fit the set.
        """
        signed = self._verified(peer, message)
        async with self._store.transaction() as uow:
            if message.incarnation < await uow.inbox.highest_incarnation(peer.region):
                raise AccessDeniedException("The sender speaks from an earlier incarnation.")
            row = await uow.key_sets.find(signed.account, signed.key_id)
            key = await uow.keys.find(signed.account, signed.key_id)
            if row is None or key is None:
                raise KMSInvalidStateException("No membership of this set is here.")
            digest = sha256(message.signed_state + message.serial.encode()).digest()
            now = self._clock.now()
            await uow.inbox.record(peer.region, message.incarnation, message.sequence, digest, now=now)
            grown = self._with_materials(peer, message, signed, key)
            adopted = self._adopt(row, signed.state, message, grown)
            if adopted is None:
                return True
            await self._store_adopted(uow, adopted, grown, key, signed.state)
            await uow.outbox.put(HELD, signed.state.primary, key.account, key.key_id, request_id=message.request_id, now=now)
            await self._trail.record_service_event(uow, SYNCHRONISED, grown, request_id=message.request_id)
            reach(FaultPoint.REPLICATE_KEY_APPLY_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_APPLY_AFTER_COMMIT)
        self._directory.forget(key.account, key.key_id)
        self._wake_outbox()
        return True

    def _verified(self, peer: PeerRegion, message: DeliverSetState) -> SignedSetState:
        if not compare_digest(sha256(message.transport_public_key).hexdigest(), peer.transport_fingerprint):
            raise AccessDeniedException("The transport key is not the one that is configured for the sender.")
        try:
            signed = decode_set_state(self._engine.verify_set_state(message.signed_state, message.transport_public_key))
        except ValueError as fault:
            raise ValidationException("The set state cannot be verified.", fields=[("signedState", str(fault))]) from fault
        own = self._identity
        if (signed.deployment, signed.partition) != (own.deployment, own.partition):
            raise AccessDeniedException("The set belongs to another deployment.")
        if signed.issuing_region != peer.region or signed.issuing_incarnation != message.incarnation:
            raise AccessDeniedException("The set state was not issued by the sender.")
        if signed.account not in peer.accounts:
            raise AccessDeniedException("The sender may not speak for this account.")
        return signed

    def _with_materials(self, peer: PeerRegion, message: DeliverSetState, signed: SignedSetState, key: Key) -> Key:
        numbers = dict(signed.state.materials)
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

    def _adopt(self, row: SetRow, state: SetState, message: DeliverSetState, key: Key) -> SetRow | None:
        stored = [m.material_id for m in key.materials]
        try:
            return adopt(row, self._identity.region, state, message.signed_state, message.serial, stored)
        except SetRefusal as refusal:
            raise KMSInvalidStateException(f"The set state is refused: {refusal}.") from refusal

    async def _store_adopted(self, uow: UnitOfWork, row: SetRow, grown: Key, key: Key, state: SetState) -> None:
        changed = replace(with_view(grown, state), current_material_id=state.current)
        if changed.state is KeyState.CREATING:
            changed = changed.with_state(KeyState.ENABLED)
        await uow.key_sets.update(row)
        if changed != key:
            await uow.keys.update(changed)

    # ---- what a member holds

    async def held(self, peer: PeerRegion, message: DeliverHeld) -> None:
        """Note what a member has stored; a member that has everything is a full member from then on."""
        if message.account not in peer.accounts:
            raise AccessDeniedException("The sender may not speak for this account.")
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(message.account, message.key_id)
            if row is None or row.view is None:
                return
            noted = acknowledge(row, self._identity.region, peer.region, message.serial, message.term, message.material_ids)
            if noted is None or noted.view is None:
                return
            if noted.view is not row.view:
                noted = signed_by(self._engine, self._identity, noted, noted.view)
                now = self._clock.now()
                await tell_members(uow, noted, self._identity.region, request_id=message.request_id, now=now)
            await uow.key_sets.update(noted)
            reach(FaultPoint.REPLICATE_KEY_HELD_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_HELD_AFTER_COMMIT)
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
