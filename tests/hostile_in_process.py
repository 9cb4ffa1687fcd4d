"""A hostile Region inside a test's process: what it signs is its own, what it says is false, and it answers as it likes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from typing import Any

from tests.network_in_process import Line, Network
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Stamp, Term
from meridian.domain.peer_message import DeliverGone, DeliverHeld, DeliverSetState, SetComparison, SetDigest, SetShown, SignedSetState
from meridian.domain.peers import PeerRegion
from meridian.errors import KmsError
from meridian.replication.wire.set_state import encode_set_state

EVIL = "e" * 64
SERIAL = "c" * 64


def forged(liar: InProcessRegion, row: SetRow, term: Term, version: int, members: Sequence[Member]) -> bytes:
    """A state that names the liar primary and a material of its own current, under the liar's own signature."""
    known = row.view.materials if row.view else ()
    materials = (*known, SetMaterial(EVIL, len(known)))
    issuer = liar.name if version == 0 or row.view is None else row.view.issuer
    state = SetState(term, version, liar.name, issuer, tuple(sorted(members)), materials, EVIL)
    own = liar.identity
    signed = SignedSetState(own.deployment, own.partition, ACCOUNT, KEY_ID, liar.name, own.incarnation, state)
    return liar.engine.envelopes.sign_set_state(encode_set_state(signed))


def forged_terms(row: SetRow, liar: str) -> list[tuple[Term, int]]:
    """The terms that a rule looks at: the present, the next, the next generation, a far one."""
    if row.view is None:
        return [(Term(0, liar, 0), 0), (Term(9, liar, 0), 0)]
    term = row.view.term
    return [
        (term, row.view.version + 1),
        (term._replace(number=term.number + 1), 0),
        (Term(term.generation + 1, liar, 0), 0),
        (Term(term.generation + 9, liar, 0), 0),
    ]


async def tell_lies(liar: InProcessRegion, victim: InProcessRegion, sequence: int) -> int:
    """Deliver every forged state that the victim could take for news; the answer counts those that it acknowledged."""
    row = await victim.row()
    if row is None or row.status not in (RowStatus.RESERVED, RowStatus.LIVE):
        return 0
    place = Member(victim.name, row.serial, MemberStatus.ON)
    members = {m for m in row.view.members if m.region != liar.name} if row.view is not None else {place}
    taken = 0
    for number, (term, version) in enumerate(forged_terms(row, liar.name)):
        signed = forged(liar, row, term, version, [*members, Member(liar.name, SERIAL, MemberStatus.ON)])
        public = liar.engine.envelopes.transport_public_key()
        links = row.links  # whatever was ever signed is known to it
        message = DeliverSetState(signed, row.serial, (), sequence * 10 + number, liar.identity.incarnation, "lie", public, links, public)
        with contextlib.suppress(KmsError):
            taken += await victim.messages.set_state(victim.peers[liar.name], message)
    return taken


class HostileRegion(InProcessRegion):
    """Configured everywhere, listed nowhere. Its database stays empty; only its keys are used."""

    def wire(self) -> None:
        self.line = Line(self.network, self.name)
        self.compare = self.answers = self.messages = self.places = self  # type: ignore[assignment]  # it answers all that is asked, itself
        self.peers = {
            name: PeerRegion(name, "", "", region.engine.envelopes.transport_fingerprint(), frozenset({ACCOUNT}))
            for name, region in self.network.regions.items()
        }
        self.quoted = 0

    # ---- what it answers

    async def answer(self, peer: PeerRegion, incarnation: int, digests: Sequence[SetDigest]) -> list[SetComparison]:
        self.quoted += 1
        stamps = [Stamp(digest.stamp.term, digest.stamp.version + 100) for digest in digests]
        return [SetComparison(stamp, declared_lost=True, is_behind=True) for stamp in stamps]

    async def get_set(self, peer: PeerRegion, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        row = await self.network.regions[peer.region].row()
        signed = forged(self, row, Term(9, self.name, 0), 0, [Member(self.name, SERIAL, MemberStatus.ON)])
        public = self.engine.envelopes.transport_public_key()
        return SetShown(RowStatus.LIVE, SERIAL, signed, public, (), frozenset(), True, "", frozenset({EVIL}), self.name)

    async def resolve(self, peer: PeerRegion, account: str, key_id: str, serial: str) -> bool:
        return True

    async def set_state(self, peer: PeerRegion, message: Any) -> bool:
        return True

    async def held(self, peer: PeerRegion, message: Any) -> None: ...

    async def gone(self, peer: PeerRegion, message: Any) -> None: ...

    # ---- what it asks

    async def pry(self, victim: InProcessRegion) -> list[str]:
        """Ask for all that there is; the answer names what was given."""
        row, given, peer = await victim.row(), [], victim.peers[self.name]
        if row is None:
            return []
        shown = await victim.answers.get_set(peer, ACCOUNT, KEY_ID, 0, is_reconciling=False)
        if shown.status is not RowStatus.NONE or shown.serial or shown.signed_state or shown.material_ids:
            given.append("the set")
        with contextlib.suppress(KmsError):
            await victim.answers.get_materials(peer, ACCOUNT, KEY_ID, [m.material_id for m in row.view.materials] if row.view else [], 1, 0)
            given.append("material")
        with contextlib.suppress(KmsError):
            await victim.places.resolve(peer, ACCOUNT, KEY_ID, row.serial)
            given.append("a place")
        digest = SetDigest(ACCOUNT, KEY_ID, SERIAL, Stamp(Term(99, "", 0), 0), b"", True, SERIAL, b"")
        if (await victim.compare.answer(peer, 0, [digest]))[0] != SetComparison(Stamp(Term(0, "", 0), 0), is_gone=True):
            given.append("a comparison")
        term = row.view.term if row.view is not None else Term(0, self.name, 0)
        with contextlib.suppress(KmsError):
            await victim.messages.held(peer, DeliverHeld(ACCOUNT, KEY_ID, row.serial, term, (EVIL,), 0, "lie"))
        with contextlib.suppress(KmsError):
            await victim.messages.gone(peer, DeliverGone(ACCOUNT, KEY_ID, row.serial, Term(0, "", 0), "lie", 0, b"", b""))
        after = await victim.row()
        return given if after == row else [*given, "a change of the row"]


async def add_hostile(network: Network, folder: Any, empty: Any, name: str) -> HostileRegion:
    """A hostile Region, configured in every other."""
    place = folder / name
    place.mkdir()
    shutil.copy(empty, place / "region.sqlite3")
    (place / "seal").write_bytes(name.encode().ljust(32, b"s"))
    (place / "seal").chmod(0o600)
    hostile = HostileRegion(place, name, network)
    network.hostile[name] = hostile
    await hostile.open()
    hostile.wire()
    for region in network.regions.values():
        region.wire()
    return hostile
