"""What other Regions keep about a set, and materials that only they have: asked of each that counts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import SetMaterial, SetRow
from meridian.domain.peer_message import SetShown
from meridian.errors import AccessDeniedException, KmsError, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.store.region import RegionIdentity
from meridian.replication.other_regions import OtherRegions
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import is_member
from meridian.replication.sets.claims import Answer, NotBelieved, Rule, Told
from meridian.replication.silent_regions import Question, Silence
from meridian.replication.verify_peer import Sealed, Verify

MATERIALS_PER_CALL = 100


class AskRegions:
    """Asks every other Region that counts."""

    def __init__(
        self,
        *,
        others: OtherRegions,
        verify: Verify,
        identity: RegionIdentity,
        entropy: Entropy,
        refusals: Refusals,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._peer = others.peer
        self._regions = others.names
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
