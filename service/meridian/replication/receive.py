"""What arrives from another Region: checked against what this Region knows, then applied once, in one transaction.

Source: docs/spec/multi-region.md §3; docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import SetRow
from meridian.domain.peer_message import DeliverGone, DeliverHeld, DeliverSetState, SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.errors import KMSInternalException, KMSInvalidStateException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.clock import Clock
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.admit_sender import require_ended_here, require_heard, require_member
from meridian.replication.change_rate import ChangeRate
from meridian.replication.change_sets import ChangeSets
from meridian.replication.gone_on import NotAdopted
from meridian.replication.publish import GONE
from meridian.replication.record_news import News, record_news
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import has_place, is_member, may_ask_of_set, membership, require_signer_heard
from meridian.replication.sets.claims import NO_MEMBERSHIP, NotBelieved, Rule, SetRefusal, Told
from meridian.replication.sets.state import acknowledge, adopt, awaits_role_of, part, require_adoptable, takes_role
from meridian.replication.verify_peer import Sealed, Verify


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """What follows a change of a set once it is committed: memory forgets the key, and what waits for others is sent."""

    directory: KeyDirectory
    wake_outbox: Callable[[], None]

    def changed(self, account: str, key_id: str) -> None:
        self.directory.forget(account, key_id)
        self.wake_outbox()


class ApplyMessages:
    """The receiving side of replication."""

    def __init__(
        self,
        *,
        store: Store,
        sets: ChangeSets,
        verify: Verify,
        refusals: Refusals,
        clock: Clock,
        after_commit: AfterCommit,
    ) -> None:
        self._store = store
        self._sets = sets
        self._identity = sets.issuer.identity
        self._clock = clock
        self._verify = verify
        self._refusals = refusals
        self._after_commit = after_commit
        self._not_adopted = NotAdopted(store, verify, refusals, self._identity.region)
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
            news = News(row, adopted, key, grown, message.request_id)
            await self._sets.store(uow, news)
            await record_news(uow, self._sets.issuer.trail, news)
            reach(FaultPoint.REPLICATE_KEY_APPLY_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_APPLY_AFTER_COMMIT)
        if takes_role(adopted, self._identity.region):
            reach(FaultPoint.HANDOVER_TAKE_AFTER_COMMIT)
        self._after_commit.changed(key.account, key.key_id)
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
            await self._sets.move(uow, row, noted, key, message.request_id)
            reach(FaultPoint.REPLICATE_KEY_HELD_BEFORE_COMMIT)
        reach(FaultPoint.REPLICATE_KEY_HELD_AFTER_COMMIT)
        self._after_commit.changed(message.account, message.key_id)

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
            await self._sets.move(uow, row, left, key, message.request_id)
        self._after_commit.changed(message.account, message.key_id)
