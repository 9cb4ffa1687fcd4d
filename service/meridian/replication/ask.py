"""What other Regions keep about a set, and materials that only they have; and this Region's answers to the same questions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import OperatorWord, RowStatus, SetMaterial, SetRow
from meridian.domain.peer_message import MaterialsShown, SetShown
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.crypto_engine import CryptoEngine
from meridian.ports.entropy import Entropy
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store import Store
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.apply import require_heard
from meridian.replication.seal import SealMaterials
from meridian.replication.set_loss import Answer, forget_held
from meridian.replication.verify import Sealed, Verify

MATERIALS_PER_CALL = 100


class AskRegions:
    """Asks every other Region that counts."""

    def __init__(self, *, peer: RegionPeer, peers: Mapping[str, PeerRegion], verify: Verify, identity: RegionIdentity, entropy: Entropy):
        self._peer = peer
        self._regions = frozenset(peers)
        self._verify = verify
        self._identity = identity
        self._entropy = entropy

    async def everybody(self, row: SetRow, *, is_reconciling: bool = False) -> list[Answer]:
        """What each configured Region answers that is not declared lost. Raises: KmsError where one does not."""
        regions = sorted(self._regions - row.lost)
        return list(await asyncio.gather(*[self.one(region, row, is_reconciling=is_reconciling) for region in regions]))

    async def one(self, region: str, row: SetRow, *, is_reconciling: bool = False) -> Answer:
        """What this Region answers, its state verified. Raises: KmsError."""
        shown = await self._peer.get_set(region, row.account, row.key_id, self._identity.incarnation, is_reconciling=is_reconciling)
        told = None
        if shown.signed_state:
            signed, told = self._verify.read(shown.signed_state, shown.issuer_public_key)
            if (signed.account, signed.key_id) != (row.account, row.key_id):
                raise ValidationException("The state of another set was shown.", fields=[("signedState", "is of another set")])
            self._verify.read_links(shown.links, row.account, row.key_id)
        return Answer(region, shown.status, shown.serial, told, shown.links, shown.lost, shown.stale, shown.rejoin, shown.material_ids)

    async def with_materials(self, key: Key, wanted: Collection[SetMaterial], answers: Sequence[Answer]) -> Key:
        """The key with every wanted material that some Region has and this one lacks. Raises: KmsError."""
        if key.origin is not Origin.AWS_KMS:
            return key  # imported material is never copied
        for answer in answers:
            stored = {m.material_id for m in key.materials if m.is_present}
            lacking = [m.material_id for m in wanted if m.material_id in answer.material_ids - stored]
            for start in range(0, len(lacking), MATERIALS_PER_CALL):
                key = await self._fetch(answer.region, key, lacking[start : start + MATERIALS_PER_CALL], wanted)
        return key

    async def _fetch(self, region: str, key: Key, material_ids: Sequence[str], wanted: Collection[SetMaterial]) -> Key:
        sequence = int.from_bytes(self._entropy.random_bytes(7), "big")
        shown = await self._peer.get_materials(region, key.account, key.key_id, material_ids, sequence, self._identity.incarnation)
        sealed = Sealed(shown.envelopes, region, shown.transport_public_key, shown.incarnation, sequence)
        return self._verify.with_materials(key, sealed, wanted)


class AnswerRegions:
    """Shows what is kept here to Regions that are members."""

    def __init__(self, *, store: Store, engine: CryptoEngine, identity: RegionIdentity, peer: RegionPeer, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._identity = identity
        self._peer = peer
        self._clock = clock
        self._seal = SealMaterials(engine, identity)

    async def get_set(self, peer: PeerRegion, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        """What is kept here about this set. A restored Region is forgotten as it was. Raises: AccessDeniedException."""
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(account, key_id)
            await require_heard(uow, row, peer, account, incarnation)
            if is_reconciling:
                await uow.inbox.learn_incarnation(peer.region, incarnation)
            if row is None:
                lost = await uow.operator_words.regions(OperatorWord.LOST)
                return SetShown(RowStatus.NONE, "", b"", b"", (), lost, False, "", frozenset())
            forgetting = forget_held(row, peer.region) if is_reconciling else row
            if forgetting != row:
                await uow.key_sets.update(forgetting)
            key = await uow.keys.find(account, key_id)
        present = frozenset(m.material_id for m in key.materials if m.is_present) if key is not None else frozenset()
        return SetShown(row.status, row.serial, row.signed_view, row.signed_key, row.links, row.lost, row.stale, row.rejoin, present)

    async def get_materials(
        self, peer: PeerRegion, account: str, key_id: str, material_ids: Collection[str], sequence: int, incarnation: int
    ) -> MaterialsShown:
        """Materials of this set, sealed for the asking Region. Raises: AccessDeniedException unless it is a member."""
        async with self._store.transaction() as uow:
            row = await uow.key_sets.find(account, key_id)
            await require_heard(uow, row, peer, account, incarnation)
            key = await uow.keys.find(account, key_id)
        is_member = row is not None and row.view is not None and row.view.find_member(peer.region) is not None
        if key is None or not is_member or key.origin is not Origin.AWS_KMS or len(material_ids) > MATERIALS_PER_CALL:
            raise AccessDeniedException("The sender has no membership of this set.")
        offer = await self._peer.transport_offer(peer.region)
        created_ms = round(self._clock.now().timestamp() * 1000)
        envelopes = tuple(
            self._seal.envelope(key, material, offer, sequence, created_ms)
            for material in key.materials
            if material.is_present and material.material_id in material_ids
        )
        return MaterialsShown(envelopes, self._engine.transport_public_key(), self._identity.incarnation)
