"""Due outbox entries, one by one: the body is read and sealed when it is sent, so a retry carries the newest state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meridian.domain.key import Key, KeyMaterial, Origin
from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetRow, SetState, Term
from meridian.domain.peer_message import DeliverGone, DeliverHeld, DeliverSetState
from meridian.errors import KMSInternalException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.clock import Clock
from meridian.ports.crypto.region_envelopes import RegionEnvelopes, TransportOffer
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store.outbox import OutboxEntry
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork
from meridian.replication.publish import GONE, SET_STATE, signed_by
from meridian.replication.seal_material import SealMaterials
from meridian.replication.sets.state import farewell

NEVER: Final = Term(0, "", 0)
"""The last term of a member that ended before it heard of any."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An entry with what the store said when it was claimed; None when there is nothing left to tell."""

    entry: OutboxEntry
    row: SetRow | None
    key: Key | None


async def read_letter(uow: UnitOfWork, entry: OutboxEntry) -> Letter:
    """What an entry is about, read in the transaction that claimed it."""
    row = await uow.key_sets.find(entry.account, entry.key_id)
    key = await uow.keys.find(entry.account, entry.key_id)
    return Letter(entry, row, key)


class Dispatch:
    """Sends letters."""

    def __init__(self, *, identity: RegionIdentity, envelopes: RegionEnvelopes, peer: RegionPeer, clock: Clock) -> None:
        self._identity = identity
        self._envelopes = envelopes
        self._peer = peer
        self._clock = clock
        self._seal = SealMaterials(envelopes, identity)

    async def send(self, letter: Letter) -> None:
        """Return when the target has taken it, or when there was nothing to tell. Raises: KmsError."""
        row, key = letter.row, letter.key
        if row is None:
            return
        if letter.entry.kind == GONE:
            await self._send_gone(letter.entry, row)
        elif key is None or row.view is None:
            return
        elif letter.entry.kind == SET_STATE:
            await self._send_set_state(letter.entry, row, row.view, key)
        else:
            await self._send_held(letter.entry, row, row.view, key)

    async def _send_set_state(self, entry: OutboxEntry, row: SetRow, view: SetState, key: Key) -> None:
        member = view.find_member(entry.target_region)
        # Whoever is ahead passes a state on as it was signed: the primary, one that has handed over, or a replica that heard first.
        if member is None or member.status is MemberStatus.OFF or row.status is not RowStatus.LIVE or row.stale:
            return
        if entry.target_region in row.lost:
            return  # nothing is sealed for a Region that is given up
        lacking = self._lacking(row, view, member, key)
        offer = await self._peer.transport_offer(entry.target_region) if lacking else None
        envelopes = tuple(self._envelope(entry, key, material, offer) for material in lacking if offer is not None)
        reach(FaultPoint.REPLICATE_KEY_SEALED)
        message = DeliverSetState(
            signed_state=row.signed_view,
            serial=member.serial,
            envelopes=envelopes,
            sequence=entry.sequence,
            incarnation=self._identity.incarnation,
            request_id=entry.request_id,
            transport_public_key=self._envelopes.transport_public_key(),
            links=row.links,
            issuer_public_key=row.signed_key,
        )
        if not await self._peer.deliver_set_state(entry.target_region, message):
            raise KMSInternalException(reason="the target did not acknowledge")
        reach(FaultPoint.REPLICATE_KEY_ACKNOWLEDGED)

    async def _send_gone(self, entry: OutboxEntry, row: SetRow) -> None:
        if row.status is RowStatus.GONE:
            term = row.view.term if row.view is not None else NEVER
            message = DeliverGone(
                account=row.account,
                key_id=row.key_id,
                serial=row.serial,
                term=term,
                request_id=entry.request_id,
                incarnation=self._identity.incarnation,
                signed_state=self._farewell(row),
                transport_public_key=self._envelopes.transport_public_key(),
            )
            await self._peer.deliver_gone(entry.target_region, message)

    def _farewell(self, row: SetRow) -> bytes:
        state = farewell(row, self._identity.region)
        return signed_by(self._envelopes, self._identity, row, state).signed_view if state is not None else b""

    def _lacking(self, row: SetRow, view: SetState, member: Member, key: Key) -> list[KeyMaterial]:
        if key.origin is not Origin.AWS_KMS:
            return []  # imported material is never copied
        return [
            m
            for m in key.materials
            if m.is_present and m.material_id in view.material_ids and Held(member.region, member.serial, m.material_id) not in row.held
        ]

    def _envelope(self, entry: OutboxEntry, key: Key, material: KeyMaterial, offer: TransportOffer) -> bytes:
        created_ms = round(self._clock.now().timestamp() * 1000)
        return self._seal.envelope(key, material, offer, entry.sequence, created_ms)

    async def _send_held(self, entry: OutboxEntry, row: SetRow, view: SetState, key: Key) -> None:
        if view.primary != entry.target_region:
            return
        message = DeliverHeld(
            account=key.account,
            key_id=key.key_id,
            serial=row.serial,
            term=view.term,
            material_ids=tuple(m.material_id for m in key.materials if m.is_present),
            incarnation=self._identity.incarnation,
            request_id=entry.request_id,
        )
        await self._peer.deliver_held(entry.target_region, message)
