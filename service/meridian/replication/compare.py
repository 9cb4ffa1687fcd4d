"""What two Regions know of the sets they share, compared every minute and after a cut has healed: whoever is ahead passes it on.

Source: docs/spec/multi-region.md, digests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetRow
from meridian.domain.peer_message import DeliverGone, SetComparison, SetDigest
from meridian.domain.peers import PeerRegion
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.admit_sender import require_account
from meridian.replication.digests import UNKNOWN, Known, digest_for, materials_hash, says_another
from meridian.replication.gone_on import note_gone_on
from meridian.replication.publish import HELD, SET_STATE
from meridian.replication.query_regions import AskRegions
from meridian.replication.receive import ApplyMessages
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import gone_on_with, hear, is_member, is_older_than_its_word
from meridian.replication.sets.claims import NotBelieved, Rule

DIGESTS_PER_CALL: Final = 200
DIGESTS_PER_ROUND: Final = 400
"""What one round asks for at most; less than half of the burst that the other Region allows, so that deliveries go on."""
QUESTIONS_PER_ROUND: Final = 16
"""Sets that one round asks for because the other Region quotes a newer state of this one."""
START: Final = ("", "")
ENTRIES_PER_TRANSACTION: Final = 16
"""So that other writers come in between."""
REQUEST_ID: Final = "00000000-0000-0000-0000-000000000000"
"""What a comparison finds was asked for by nobody."""

SetRowAside = Callable[[tuple[str, str], BaseException], None]
"""Told of a set whose rows cannot be read; the others go on."""


class RestoredUnannounced(Exception):
    """Another Region shows a state that this one has signed and does not know: its database is an older one."""


class Round(NamedTuple):
    """How far a comparison with one Region came."""

    found: bool
    """Whether it gave anybody something to send."""
    is_cut_short: bool = False
    """Whether there are more sets to compare now."""


class Answered(NamedTuple):
    """The answer to one digest, and whether the one who asked is to be sent the state that is here."""

    comparison: SetComparison
    is_passed_on: bool = False


class Compare:
    """Both sides of the comparison."""

    def __init__(  # noqa: PLR0913 - both sides of one comparison, by the same rules
        self,
        *,
        store: Store,
        identity: RegionIdentity,
        peer: RegionPeer,
        peers: Mapping[str, PeerRegion],
        directory: KeyDirectory,
        messages: ApplyMessages,
        ask: AskRegions,
        refusals: Refusals,
        set_aside: SetRowAside,
    ) -> None:
        self._set_aside = set_aside
        self._store = store
        self._peers = peers
        self._messages = messages
        self._ask = ask
        self._refusals = refusals
        self._identity = identity
        self._peer = peer
        self._directory = directory
        self._left_at: dict[str, tuple[str, str]] = {}

    # ---- asking

    async def with_region(self, region: str) -> Round:
        """Compare some of the sets that both Regions are in, from where the last round ended.

        A round that fails goes on from its last good call; where there was none the next begins with the first set, so that no call
        that always fails hides the sets before it. Raises: KmsError if the Region is out of reach; RestoredUnannounced.
        """
        after, found, asked, questions = self._left_at.pop(region, START), False, 0, QUESTIONS_PER_ROUND
        while True:
            async with self._store.reading() as uow:
                page = await uow.key_sets.list_members(after=after, limit=DIGESTS_PER_CALL)
                known = [each for row in page.rows if _counts(row, region) and (each := await self._read(uow, row)) is not None]
            for account, key_id, fault in page.unreadable:
                self._set_aside((account, key_id), ValueError(fault))
            if known:
                comparisons = await self._peer.compare(region, self._identity.incarnation, [digest_for(each, region) for each in known])
                for each, answer in zip(known, comparisons, strict=True):
                    is_quoted, is_later = self._is_quoted(each.row, answer), _quotes_generation(each.row, answer)
                    if (is_quoted or is_later) and not questions:
                        self._left_at[region] = after
                        return Round(found)
                    is_proven = is_later and await self._learn_generation(region, each.row)
                    questions -= is_quoted or (is_later and not is_proven)
                    found = await self._note(region, each, answer) or found
                    after = each.row.account, each.row.key_id
            if page.next is None:
                self._left_at.pop(region, None)
                return Round(found)
            after = self._left_at[region] = page.next
            asked += len(known)
            if asked >= DIGESTS_PER_ROUND:
                return Round(found, is_cut_short=True)

    async def _read(self, uow: UnitOfWork, row: SetRow) -> Known | None:
        try:
            return Known(row, await uow.keys.find(row.account, row.key_id))
        except (ValueError, TypeError, KeyError) as fault:  # what is stored of this key was written by no release
            self._set_aside((row.account, row.key_id), fault)
            return None

    async def _note(self, region: str, each: Known, answer: SetComparison) -> bool:
        if answer.is_gone:
            return await self._note_gone(region, each, answer)
        if self._is_quoted(each.row, answer):
            await self._require_not_restored(region, each.row)
        if answer.declared_lost:
            self._refuse(region, each.row.account, each.row.key_id, Rule.OWN_BYTES, "says that this Region is lost")
        if not (answer.is_behind or answer.tell_held):
            return False
        async with self._store.transaction() as uow:
            await self._act_on(uow, region, each.row, answer)
        self._directory.forget(each.row.account, each.row.key_id)
        return True

    async def _note_gone(self, region: str, known: Known, answer: SetComparison) -> bool:
        row = known.row
        member = row.view.find_member(region) if row.view is not None else None
        if member is None:
            return False
        # Of a Region that has forgotten everything nobody knows whether it ever took a role: it counts as one that did.
        term = answer.stamp.term if answer.stamp != UNKNOWN else known.stamp.term
        message = DeliverGone(row.account, row.key_id, member.serial, term, REQUEST_ID, None, b"", b"")
        await self._messages.gone(self._peers[region], message)
        return True

    async def _act_on(self, uow: UnitOfWork, region: str, row: SetRow, answer: SetComparison) -> None:
        now = await uow.region.now()
        for kind, is_due in ((SET_STATE, answer.is_behind), (HELD, answer.tell_held)):
            if is_due:
                await uow.outbox.put(kind, region, row.account, row.key_id, request_id=REQUEST_ID, now=now)

    async def _learn_generation(self, region: str, row: SetRow) -> bool:
        """A later generation that is quoted is asked for: what signed states prove of it is kept for the operator."""
        gone_on = gone_on_with(row, self._identity.region, self._ask.links_of(row), await self._ask.alone(region, row))
        if gone_on is not None:
            await note_gone_on(self._store, self._refusals, row, gone_on)
        return gone_on is not None

    def _is_quoted(self, row: SetRow, answer: SetComparison) -> bool:
        """Whether the other Region quotes a newer version of a term that is this Region's own."""
        view, theirs = row.view, answer.stamp
        if view is None or row.stale or row.rejoin or answer.is_gone:
            return False
        return view.primary == self._identity.region and theirs.term == view.term and theirs.version > view.version > 0

    async def _require_not_restored(self, region: str, row: SetRow) -> None:
        """What is quoted is asked for: only the bytes count. Raises: RestoredUnannounced where the other Region shows them."""
        answer = await self._ask.alone(region, row)
        shown = (*answer.earlier, *([answer.told] if answer.told is not None else ()))
        is_older = partial(is_older_than_its_word, region=self._identity.region, incarnation=self._identity.incarnation, shown=shown)
        # Read only now. What this Region signed since `row` was read was committed before anybody was shown it.
        async with self._store.reading() as uow:
            known = await uow.key_sets.find(row.account, row.key_id)
        if known is not None and is_older(known):
            raise RestoredUnannounced(row.key_id)
        if not is_older(row):
            self._refuse(region, row.account, row.key_id, Rule.OWN_BYTES, "quotes a state of this Region and does not show it")

    def _refuse(self, region: str, account: str, key_id: str, rule: Rule, reason: str) -> None:
        self._refusals.tell(region, account, key_id, NotBelieved(rule, reason))

    # ---- answering

    async def answer(self, peer: PeerRegion, incarnation: int, digests: Sequence[SetDigest]) -> list[SetComparison]:
        """How this Region stands to each digest; to a Region that a set does not list as if the set were not there.

        Raises: AccessDeniedException.
        """
        with self._refusals.telling(peer.region, "", ""):
            for digest in digests:
                require_account(peer, digest.account)
            if len(digests) > DIGESTS_PER_CALL:
                raise NotBelieved(Rule.BOUNDS, "more digests than a call may carry")
            # A question must not keep anybody from writing, however long it is and whoever asks.
            async with self._store.reading() as uow:
                hear(None, peer.region, (), incarnation, await uow.inbox.highest_incarnation(peer.region))
                answered = [await self._compared(uow, peer.region, digest) for digest in digests]
        await self._pass_on(peer.region, [digest for digest, each in zip(digests, answered, strict=True) if each.is_passed_on])
        return [each.comparison for each in answered]

    async def _pass_on(self, region: str, digests: Sequence[SetDigest]) -> None:
        for start in range(0, len(digests), ENTRIES_PER_TRANSACTION):
            async with self._store.transaction() as uow:
                now = await uow.region.now()
                for digest in digests[start : start + ENTRIES_PER_TRANSACTION]:
                    await uow.outbox.put(SET_STATE, region, digest.account, digest.key_id, request_id=REQUEST_ID, now=now)

    async def _compared(self, uow: UnitOfWork, region: str, digest: SetDigest) -> Answered:
        row = await uow.key_sets.find(digest.account, digest.key_id)
        shown = row.view.stamp if row is not None and row.view is not None and is_member(row, region) else UNKNOWN
        if row is None or row.status in (RowStatus.NONE, RowStatus.GONE):
            # A place is durable here before it can be listed anywhere, so whatever the sender knows of has ended.
            return Answered(SetComparison(shown, is_gone=True))
        if row.status is RowStatus.RESERVED or not is_member(row, region):
            # A member that this Region has not heard of names the membership here, which nobody else can; any other that is named ended.
            is_named = digest.receiver_serial == row.serial
            if not is_named and not is_member(row, region):
                self._refuse(region, row.account, row.key_id, Rule.MEMBERS, "a question about a set of others")
            return Answered(SetComparison(shown, is_gone=not is_named))
        mine = Known(row, await uow.keys.find(row.account, row.key_id)).stamp
        if region in row.lost:
            return Answered(SetComparison(mine, declared_lost=True))
        member = row.view.find_member(region) if row.view is not None else None
        if member is None or member.serial != digest.serial or row.stale:
            return Answered(SetComparison(mine))
        if mine > digest.stamp:
            same_reign = mine.term.reign == digest.stamp.term.reign
            joins = same_reign or digest.joins_later_generation
            return Answered(SetComparison(mine), is_passed_on=joins and member.status is not MemberStatus.OFF)
        is_passed_on = says_another(row, digest) and member.status is not MemberStatus.OFF  # whoever is shown both hears who signed twice
        joins = bool(row.lost or row.rejoin)
        behind = mine < digest.stamp and (mine.term.reign == digest.stamp.term.reign or joins)
        tell_held = mine == digest.stamp and self._lacks_word(row, member, digest)
        return Answered(SetComparison(mine, is_behind=behind, tell_held=tell_held), is_passed_on)

    def _lacks_word(self, row: SetRow, member: Member, digest: SetDigest) -> bool:
        """Whether this Region, as primary, has not heard what the member holds."""
        heard = [h.material_id for h in row.held if (h.region, h.serial) == (member.region, member.serial)]
        return row.acts_as_primary(self._identity.region) and materials_hash(heard) != digest.materials_hash


def _quotes_generation(row: SetRow, answer: SetComparison) -> bool:
    """Whether the other Region quotes a later generation than any that this row knows of."""
    theirs = answer.stamp.term.generation
    known = max((told.generation for told in row.told_lost), default=0)
    is_told = answer.is_gone or answer.declared_lost or row.lost
    return not is_told and row.view is not None and theirs > max(known, row.view.term.generation)


def _counts(row: SetRow, region: str) -> bool:
    """Whether this live row's set has a member in that Region, detached or not."""
    is_live = row.status is RowStatus.LIVE and not row.stale and region not in row.lost
    return is_live and row.view is not None and row.view.find_member(region) is not None
