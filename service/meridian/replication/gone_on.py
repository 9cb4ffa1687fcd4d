"""What signed states show that this Region does not adopt: that a set goes on without it, kept for its operator's `rejoin`; or that a
Region has said two things of one stamp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

from meridian.domain.multi_region import RowStatus, SetRow, TermLink, ToldLost
from meridian.domain.peer_message import SignedSetState
from meridian.ports.store.store import Store
from meridian.replication.refusals import Refusals
from meridian.replication.sets.chain import signed_twice
from meridian.replication.sets.claims import NotBelieved, Told
from meridian.replication.sets.successors import split_from
from meridian.replication.verify_peer import Verify


async def note_gone_on(store: Store, refusals: Refusals, row: SetRow, shown: ToldLost) -> None:
    """Keep it, if the row is still the one that it was shown about; the latest of each Region. The operator is told once of each."""
    told_lost = frozenset(each for each in row.told_lost if each.region != shown.region) | {shown}
    if told_lost == row.told_lost:
        return
    async with store.transaction() as uow:
        current = await uow.key_sets.find(row.account, row.key_id)
        if current is not None and current.version == row.version:
            await uow.key_sets.update(replace(row, told_lost=told_lost))
    refusals.tell_gone_on(row.account, row.key_id, shown)


@dataclass(frozen=True, slots=True)
class NotAdopted:
    """Looks at what is refused, and at what is no news."""

    store: Store
    verify: Verify
    refusals: Refusals
    region: str

    async def note_after(self, applying: Awaitable[bool], signed: SignedSetState, told: Told, earlier: Sequence[Told]) -> None:
        """Wait for it, and look at the state if it is refused or, as the answer says, no news."""
        try:
            if await applying:
                return
        except NotBelieved:
            await self._note(signed, told, earlier)
            raise
        await self._note(signed, told, earlier)

    async def _note(self, signed: SignedSetState, told: Told, earlier: Sequence[Told]) -> None:
        """Keep and tell what the state proves. A state of the Region that the operator has named shows that this set is to follow it at
        his `rejoin`; two states under one stamp show that their signer is not to be trusted, whoever passes them on."""
        async with self.store.reading() as uow:
            row = await uow.key_sets.find(signed.account, signed.key_id)
        if row is None or row.status is not RowStatus.LIVE:
            return
        shown = split_from(row, self.region, told)
        if shown is not None:
            await note_gone_on(self.store, self.refusals, row, shown)
        known = await asyncio.to_thread(self._known, row)
        twice = signed_twice(known, (told, *earlier))
        if twice is not None:
            self.refusals.tell_signed_twice(row.account, row.key_id, twice)

    def _known(self, row: SetRow) -> list[Told]:
        own = TermLink(row.signed_view, row.signed_key)
        return self.verify.read_links([own, *row.links], row.account, row.key_id)
