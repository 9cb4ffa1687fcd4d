"""What arrives from another Region: checked against what this Region knows, then applied once, in one transaction.

Source: docs/spec/multi-region.md §3; docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from meridian.domain.deletion import with_window_begun
from meridian.domain.key import Key, KeyState, Origin
from meridian.domain.multi_region import SetRow, SetState
from meridian.domain.peer_message import DeliverGone, DeliverHeld, DeliverSetState, SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.errors import KMSInternalException, KMSInvalidStateException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.crypto.membership_serials import MembershipSerials
from meridian.ports.crypto.region_envelopes import RegionEnvelopes
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.admit_sender import require_ended_here, require_heard, require_member
from meridian.replication.change_rate import ChangeRate
from meridian.replication.gone_on import NotAdopted
from meridian.replication.publish import GONE, HELD, as_primary, publish, with_shared_part, with_view
from meridian.replication.record_news import record_news
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import has_place, is_member, may_ask_of_set, membership, require_own_serial, require_signer_heard
from meridian.replication.sets.claims import NO_MEMBERSHIP, NotBelieved, Rule, SetRefusal, Told
from meridian.replication.sets.state import acknowledge, adopt, awaits_role_of, part, require_adoptable, resolve, take_role, takes_role
from meridian.replication.switch_material import switched
from meridian.replication.verify_peer import Sealed, Verify


class ApplyMessages:
    """The receiving side of replication."""

    def __init__(
        self,
        *,
        store: Store,
        envelopes: RegionEnvelopes,
        serials: MembershipSerials,
        identity: RegionIdentity,
        directory: KeyDirectory,
        trail: AuditTrail,
        clock: Clock,
        wake_outbox: Callable[[], None],
        verify: Verify,
        refusals: Refusals,
        day_seconds: float,
    ) -> None:
        self._store = store
        self._envelopes = envelopes
        self._serials = serials
        self._identity = identity
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._verify = verify
        self._refusals = refusals
        self._day_seconds = day_seconds
        self._not_adopted = NotAdopted(store, verify, refusals, identity.region)
        self._changes = ChangeRate(clock, refusals)

    # ---- a newer state of a set

    async def set_state(self, peer: PeerRegion, message: DeliverSetState) -> bool:
        """Whether this Region has the state now, or a higher one.

        Raises: AccessDeniedException for a sender who may not say this; ValidationException for what cannot be read or does not
        verify; KMSInvalidStateException for what does not fit the set; ThrottlingException for changes that come too often.
        """
        with self._refusals.telling(peer.region, "", ""):
            # Here and below: a signature and a thousand materials are milliseconds of work, not for the event loop.
            signed, told = await asyncio.to_thread(self._verified, peer, message)
        with self._refusals.telling(peer.region, signed.account, signed.key_id):
            self._verify.require_known_primary(told)
            links = message.links if await self._has_place(peer, message, signed) else ()
            earlier = await asyncio.to_thread(self._verify.read_links, links, signed.account, signed.key_id)
            await self._not_adopted.note_after(self._apply(peer, message, signed, told, earlier), signed, told, earlier)
        return True

    async def _has_place(self, peer: PeerRegion, message: DeliverSetState, signed: SignedSetState) -> bool:
        """Whether there is a place that the state may be meant for, before anything that came along is opened. Raises: NotBelieved."""
        async with self._store.reading() as uow:
            row = await uow.key_sets.find(signed.account, signed.key_id)
            await require_heard(uow, row, peer, signed.account, message.incarnation)
        if has_place(row, peer.region, message.serial):
            return True
        require_ended_here(row, peer, message.serial)  # nobody else's message begins a write
        return False

    async def _apply(self, peer: PeerRegion, message: DeliverSetState, signed: SignedSetState, told: Told, earlier: list[Told]) -> bool:
        """Returns false for a state that is no news."""
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(signed.account, signed.key_id)
            await require_heard(uow, row, peer, signed.account, message.incarnation)
            key = await uow.keys.find(signed.account, signed.key_id)
            if row is None or key is None:
                await self._answer_gone(uow, row, peer, message)
                return True
            known = self._verify.read_links(row.links, row.account, row.key_id) if row.rejoin else []
            shown = [*earlier, *known]
            if not await self._is_news(uow, row, peer, told, shown, message.serial):
                return False
            self._changes.draw(peer.region, row.account, row.key_id)
            grown = self._with_materials(peer, message, signed, key)
            adopted = self._adopt(row, told, shown, message.serial, grown)
            digest = sha256(message.signed_state + message.serial.encode()).digest()
            await uow.inbox.record(peer.region, message.incarnation, message.sequence, digest, now=self._clock.now())
            await self._store_news(uow, adopted, grown, key, message.request_id)
            await record_news(uow, self._trail, row, adopted, key, grown, request_id=message.request_id)
            reach(FaultPoint.REPLICATE_KEY_APPLY_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_APPLY_AFTER_COMMIT)
        if takes_role(adopted, self._identity.region):
            reach(FaultPoint.HANDOVER_TAKE_AFTER_COMMIT)
        self._directory.forget(key.account, key.key_id)
        self._wake_outbox()
        return True

    async def _is_news(self, uow: UnitOfWork, row: SetRow, peer: PeerRegion, told: Told, shown: list[Told], serial: str) -> bool:
        """Whether the state is believed and newer than what is here, before anything that came with it is opened."""
        try:
            is_news = require_adoptable(row, self._identity.region, told, shown, serial) is not None
        except NotBelieved:
            raise
        except SetRefusal as refusal:
            if not may_ask_of_set(row, peer.region):
                raise NotBelieved(Rule.MEMBERS, f"The set state is refused: {refusal}.") from refusal
            raise KMSInvalidStateException(f"The set state is refused: {refusal}.") from refusal
        if is_news:
            require_signer_heard(row, peer.region, told, await uow.inbox.highest_incarnation(told.signer))
        elif not is_member(row, peer.region):
            raise NotBelieved(Rule.MEMBERS, NO_MEMBERSHIP)
        return is_news

    def _verified(self, peer: PeerRegion, message: DeliverSetState) -> tuple[SignedSetState, Told]:
        signed, told = self._verify.read(message.signed_state, message.issuer_public_key or message.transport_public_key)
        if signed.issuing_region == peer.region and signed.issuing_incarnation != message.incarnation:
            raise NotBelieved(Rule.ROW, "The set state was issued in another incarnation of the sender.")
        return signed, told

    def _with_materials(self, peer: PeerRegion, message: DeliverSetState, signed: SignedSetState, key: Key) -> Key:
        sealed = Sealed(message.envelopes, peer.region, message.transport_public_key, message.incarnation, message.sequence)
        return self._verify.with_materials(key, sealed, signed.state.materials)

    def _adopt(self, row: SetRow, told: Told, shown: list[Told], serial: str, key: Key) -> SetRow:
        stored = [m.material_id for m in key.materials if m.is_present] if key.origin is Origin.AWS_KMS else None
        try:
            adopted = adopt(row, self._identity.region, told, shown, serial, stored)
        except SetRefusal as refusal:
            raise KMSInvalidStateException(f"The set state is refused: {refusal}.") from refusal
        if adopted is None:
            raise KMSInternalException(reason="news that is no news")
        return adopted

    async def _store_news(self, uow: UnitOfWork, adopted: SetRow, grown: Key, key: Key, request_id: str) -> None:
        state = adopted.view
        if state is None:
            raise KMSInternalException(reason="a set without a state")
        if takes_role(adopted, self._identity.region):
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

    async def _publish(self, uow: UnitOfWork, row: SetRow, view: SetState, request_id: str) -> None:
        await publish(uow, self._envelopes, self._trail, self._identity, row, view, request_id=request_id, now=self._clock.now())

    async def _answer_gone(self, uow: UnitOfWork, row: SetRow | None, peer: PeerRegion, message: DeliverSetState) -> None:
        """A membership that has ended here is news for a member that still counts it; nobody else is told, and nothing is written."""
        ended = require_ended_here(row, peer, message.serial)
        await uow.outbox.put(GONE, peer.region, ended.account, ended.key_id, request_id=message.request_id, now=self._clock.now())

    # ---- what a member holds

    async def held(self, peer: PeerRegion, message: DeliverHeld) -> None:
        """Note what a member has stored; a member that has everything is a full member from then on."""
        with self._refusals.telling(peer.region, message.account, message.key_id):
            await self._note_held(peer, message)

    async def _note_held(self, peer: PeerRegion, message: DeliverHeld) -> None:
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(message.account, message.key_id)
            await require_heard(uow, row, peer, message.account, message.incarnation)
            key = await uow.keys.find(message.account, message.key_id)
            row = require_member(row, peer)
            if row.view is None or row.stale or key is None:
                return
            may_lose, held = key.origin is Origin.EXTERNAL, message.material_ids
            noted = acknowledge(row, self._identity.region, peer.region, message.serial, message.term, held, may_lose=may_lose)
            if noted is None:
                return
            self._changes.draw(peer.region, row.account, row.key_id)
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
        changed = await switched(uow, self._trail, row, changed, request_id=request_id)
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

    # ---- a member is gone

    async def gone(self, peer: PeerRegion, message: DeliverGone) -> None:
        """Strike a member that has left for good; nothing happens where this Region is not concerned."""
        with self._refusals.telling(peer.region, message.account, message.key_id):
            word = await asyncio.to_thread(self._verify.read_farewell, message)
            await self._strike(peer, message, word)

    async def _strike(self, peer: PeerRegion, message: DeliverGone, word: Told | None) -> None:
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(message.account, message.key_id)
            await require_heard(uow, row, peer, message.account, message.incarnation)
            key = await uow.keys.find(message.account, message.key_id)
            if row is None or row.view is None or row.stale or key is None:
                return
            # The end of a membership is told to every member, and late; only one that this Region cannot have heard of is a lie.
            # It is answered like the end of a membership of a set that is not here.
            if not is_member(row, peer.region) and message.term > row.view.term:
                self._refusals.tell(peer.region, message.account, message.key_id, NotBelieved(Rule.MEMBERS, NO_MEMBERSHIP))
                return
            left = part(row, self._identity.region, peer.region, message.serial, word)
            if left is None:
                was_said = message.incarnation is not None  # not only found by comparing
                if was_said and membership(row, peer.region, message.serial) and awaits_role_of(row, self._identity.region, peer.region):
                    raise NotBelieved(Rule.CHAIN, "The sender has this Region's role, and no farewell of it shows that it never took it.")
                return
            await self._moved(uow, row, left, key, message.request_id)
        self._directory.forget(message.account, message.key_id)
        self._wake_outbox()

    # ---- what became of a place

    async def resolve(self, peer: PeerRegion, account: str, key_id: str, serial: str) -> bool:
        """Whether a membership of the asking Region was committed here; if not, it never will be.

        Raises: AccessDeniedException for a serial that this Region never made; nothing is written then.
        """
        with self._refusals.telling(peer.region, account, key_id):
            is_own = self._serials.is_own_membership_serial(account, key_id, peer.region, serial)
            async with self._store.transaction() as uow:
                row = await uow.key_sets.find(account, key_id)
                await require_heard(uow, row, peer, account, await uow.inbox.highest_incarnation(peer.region))
                require_own_serial(row, peer.region, serial, is_own=is_own)
                if row is None:
                    return False
                answered, committed = resolve(row, peer.region, serial)
                if answered != row:
                    await uow.key_sets.update(answered)
        return committed
