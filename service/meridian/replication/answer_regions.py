"""What this Region answers to others that ask about a set, or for its materials."""

from __future__ import annotations

from collections.abc import Collection

from meridian.domain.key import Origin
from meridian.domain.multi_region import OperatorWord, RowStatus
from meridian.domain.peer_message import MaterialsShown, SetShown
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException
from meridian.ports.clock import Clock
from meridian.ports.crypto.region_envelopes import RegionEnvelopes
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store
from meridian.replication.admit_sender import require_heard
from meridian.replication.query_regions import MATERIALS_PER_CALL
from meridian.replication.refusals import Refusals
from meridian.replication.seal_material import SealMaterials
from meridian.replication.sets.authority import may_ask_of_set, require_reader_of_material
from meridian.replication.sets.claims import NO_MEMBERSHIP, NotBelieved, Rule
from meridian.replication.sets.loss import forget_held


class AnswerRegions:
    """Shows what is kept here to Regions that are members."""

    def __init__(
        self, *, store: Store, envelopes: RegionEnvelopes, identity: RegionIdentity, peer: RegionPeer, clock: Clock, refusals: Refusals
    ) -> None:
        self._store = store
        self._envelopes = envelopes
        self._identity = identity
        self._peer = peer
        self._clock = clock
        self._refusals = refusals
        self._seal = SealMaterials(envelopes, identity)

    async def get_set(self, peer: PeerRegion, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        """What is kept here about this set, for a Region that its row lists; for any other as if there were no set.

        A restored Region is forgotten as it was. Raises: AccessDeniedException.
        """
        with self._refusals.telling(peer.region, account, key_id):
            is_news = is_reconciling and await self._is_news(peer, account, key_id, incarnation)
            # A question must keep nobody from writing, whoever asks.
            async with self._store.transaction() if is_news else self._store.reading() as uow:
                row = await uow.key_sets.find(account, key_id)
                await require_heard(uow, row, peer, account, incarnation)
                if is_news:
                    await uow.inbox.learn_incarnation(peer.region, incarnation)
                if row is None or not may_ask_of_set(row, peer.region):
                    if row is not None and row.status in (RowStatus.RESERVED, RowStatus.LIVE):
                        self._refusals.tell(peer.region, account, key_id, NotBelieved(Rule.MEMBERS, "a question about a set of others"))
                    lost = await uow.operator_words.regions(OperatorWord.LOST)
                    successor = await uow.operator_words.successor()
                    return SetShown(RowStatus.NONE, "", b"", b"", (), lost, False, "", frozenset(), successor)
                forgetting = forget_held(row, peer.region) if is_news else row
                if forgetting != row:
                    await uow.key_sets.update(forgetting)
                key = await uow.keys.find(account, key_id)
        present = frozenset(m.material_id for m in key.materials if m.is_present) if key is not None else frozenset()
        return SetShown(
            row.status, row.serial, row.signed_view, row.signed_key, row.links, row.lost, row.stale, row.rejoin, present, row.successor
        )

    async def _is_news(self, peer: PeerRegion, account: str, key_id: str, incarnation: int) -> bool:
        """Whether a restored Region is to be forgotten as it was; not again with each of its questions."""
        async with self._store.reading() as uow:
            row = await uow.key_sets.find(account, key_id)
            return incarnation > await uow.inbox.highest_incarnation(peer.region) or (
                row is not None and may_ask_of_set(row, peer.region) and forget_held(row, peer.region) != row
            )

    async def get_materials(
        self, peer: PeerRegion, account: str, key_id: str, material_ids: Collection[str], sequence: int, incarnation: int
    ) -> MaterialsShown:
        """Materials of this set, sealed for the asking Region. Raises: AccessDeniedException unless it is a member that counts."""
        with self._refusals.telling(peer.region, account, key_id):
            async with self._store.reading() as uow:
                row = await uow.key_sets.find(account, key_id)
                await require_heard(uow, row, peer, account, incarnation)
                require_reader_of_material(row, peer.region)
                key = await uow.keys.find(account, key_id)
        if key is None or key.origin is not Origin.AWS_KMS or len(material_ids) > MATERIALS_PER_CALL:
            raise AccessDeniedException(NO_MEMBERSHIP)
        offer = await self._peer.transport_offer(peer.region)
        created_ms = round(self._clock.now().timestamp() * 1000)
        envelopes = tuple(
            self._seal.envelope(key, material, offer, sequence, created_ms)
            for material in key.materials
            if material.is_present and material.material_id in material_ids
        )
        return MaterialsShown(envelopes, self._envelopes.transport_public_key(), self._identity.incarnation)
