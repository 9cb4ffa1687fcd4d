"""What other Regions keep about a set, and materials that only they have; and this Region's answers to the same questions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import OperatorWord, RowStatus, SetMaterial, SetRow
from meridian.domain.peer_message import MaterialsShown, SetShown
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException, KmsError, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.crypto_engine import CryptoEngine
from meridian.ports.entropy import Entropy
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store import Store
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.heard import require_heard
from meridian.replication.refusals import Refusals
from meridian.replication.seal import SealMaterials
from meridian.replication.set_loss import forget_held
from meridian.replication.sets.authority import is_member, may_ask_of_set, require_reader_of_material
from meridian.replication.sets.told import Answer, NotBelieved, Rule, Told
from meridian.replication.silence import Question, Silence
from meridian.replication.verify import Sealed, Verify

MATERIALS_PER_CALL = 100


class AskRegions:
    """Asks every other Region that counts."""

    def __init__(
        self,
        *,
        peer: RegionPeer,
        peers: Mapping[str, PeerRegion],
        verify: Verify,
        identity: RegionIdentity,
        entropy: Entropy,
        refusals: Refusals,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._peer = peer
        self._regions = frozenset(peers)
        self._verify = verify
        self._identity = identity
        self._entropy = entropy
        self._refusals = refusals

    def require_answering(self, row: SetRow, silence: Silence) -> None:
        """Raises: DependencyTimeoutException where a Region that `everybody` asks has left this question unanswered in this round."""
        silence.require_heard(self._regions - row.lost, Question.SET)

    async def everybody(self, row: SetRow, silence: Silence, *, is_reconciling: bool) -> list[Answer]:
        """What each configured Region answers that is not declared lost. Raises: KmsError where one does not."""
        regions = sorted(self._regions - row.lost)
        silence.require_heard(regions, Question.SET)
        asked = [self.one(region, row, silence, is_reconciling=is_reconciling) for region in regions]
        answers: list[Answer] = []
        for answer in await asyncio.gather(*asked, return_exceptions=True):  # nothing goes on unheard
            if isinstance(answer, BaseException):
                raise answer
            answers.append(answer)
        return answers

    async def alone(self, region: str, row: SetRow) -> Answer:
        """The same as `one`, for a single question outside a round. Raises: KmsError."""
        return await self.one(region, row, Silence(self._clock))

    async def one(self, region: str, row: SetRow, silence: Silence, *, is_reconciling: bool = False) -> Answer:
        """What this Region answers, its signatures verified. What a Region shows that this one's row does not list, and that does not
        verify, is nothing. Raises: KmsError.
        """
        silence.require_heard([region], Question.SET)
        asked = self._peer.get_set(region, row.account, row.key_id, self._identity.incarnation, is_reconciling=is_reconciling)
        shown = await silence.note(region, Question.SET, asked)
        told: Told | None = None
        earlier: tuple[Told, ...] = ()
        try:
            if shown.signed_state:
                told, earlier = await asyncio.to_thread(self._read, row, shown)
        except NotBelieved as refusal:
            self._refusals.tell(region, row.account, row.key_id, refusal)
            if is_member(row, region):
                raise AccessDeniedException(f"Region {region} shows what does not verify.", reason=str(refusal)) from refusal
        return Answer(
            region=region,
            status=shown.status,
            serial=shown.serial,
            told=told,
            earlier=earlier,
            lost=shown.lost,
            successor=shown.successor,
            stale=shown.stale,
            rejoin=shown.rejoin,
            material_ids=shown.material_ids,
        )

    def _read(self, row: SetRow, shown: SetShown) -> tuple[Told, tuple[Told, ...]]:
        told = self._verify.read_of(shown.signed_state, shown.issuer_public_key, row.account, row.key_id)
        self._verify.require_known_primary(told)
        return told, tuple(self._verify.read_links(shown.links, row.account, row.key_id))

    def links_of(self, row: SetRow) -> list[Told]:
        """What this Region's own row has kept of how the role came to where it is."""
        return self._verify.read_links(row.links, row.account, row.key_id)

    async def with_materials(self, key: Key, wanted: Collection[SetMaterial], answers: Sequence[Answer], silence: Silence) -> Key:
        """The key with every wanted material that some Region has and this one lacks. A Region that refuses has none.

        Raises: KmsError where one that shows a material did not give it, and in the end nobody did.
        """
        if key.origin is not Origin.AWS_KMS:
            return key  # imported material is never copied
        unanswered: list[tuple[Answer, KmsError]] = []
        for answer in answers:
            lacking = _lacking(key, wanted, answer)
            for start in range(0, len(lacking), MATERIALS_PER_CALL):
                try:
                    key = await self._fetch(answer.region, key, lacking[start : start + MATERIALS_PER_CALL], wanted, silence)
                except (NotBelieved, AccessDeniedException, ValidationException) as fault:
                    refusal = fault if isinstance(fault, NotBelieved) else NotBelieved(Rule.ANSWERS, f"no material: {fault}")
                    self._refusals.tell(answer.region, key.account, key.key_id, refusal)
                    break
                except KmsError as fault:
                    unanswered.append((answer, fault))
                    break
        for answer, unheard in unanswered:
            if _lacking(key, wanted, answer):
                raise unheard
        return key

    async def _fetch(self, region: str, key: Key, material_ids: Sequence[str], wanted: Collection[SetMaterial], silence: Silence) -> Key:
        silence.require_heard([region], Question.MATERIALS)
        sequence = int.from_bytes(self._entropy.random_bytes(7), "big")
        asked = self._peer.get_materials(region, key.account, key.key_id, material_ids, sequence, self._identity.incarnation)
        shown = await silence.note(region, Question.MATERIALS, asked)
        sealed = Sealed(shown.envelopes, region, shown.transport_public_key, shown.incarnation, sequence)
        return self._verify.with_materials(key, sealed, wanted)


def _lacking(key: Key, wanted: Collection[SetMaterial], answer: Answer) -> list[str]:
    """The wanted materials that this Region shows and the key lacks."""
    stored = {m.material_id for m in key.materials if m.is_present}
    return [m.material_id for m in wanted if m.material_id in answer.material_ids - stored]


class AnswerRegions:
    """Shows what is kept here to Regions that are members."""

    def __init__(
        self, *, store: Store, engine: CryptoEngine, identity: RegionIdentity, peer: RegionPeer, clock: Clock, refusals: Refusals
    ) -> None:
        self._store = store
        self._engine = engine
        self._identity = identity
        self._peer = peer
        self._clock = clock
        self._refusals = refusals
        self._seal = SealMaterials(engine, identity)

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
            raise AccessDeniedException("The sender has no membership of this set.")
        offer = await self._peer.transport_offer(peer.region)
        created_ms = round(self._clock.now().timestamp() * 1000)
        envelopes = tuple(
            self._seal.envelope(key, material, offer, sequence, created_ms)
            for material in key.materials
            if material.is_present and material.material_id in material_ids
        )
        return MaterialsShown(envelopes, self._engine.transport_public_key(), self._identity.incarnation)
