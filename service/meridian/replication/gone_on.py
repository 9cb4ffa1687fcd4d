"""What signed states have shown of a set that goes on without this Region, kept for its operator's `rejoin`."""

from __future__ import annotations

from dataclasses import replace

from meridian.domain.multi_region import SetRow, ToldLost
from meridian.domain.peer_message import SignedSetState
from meridian.ports.store.store import Store
from meridian.replication.refusals import Refusals
from meridian.replication.sets.claims import Told
from meridian.replication.sets.successors import split_from


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


async def note_split(store: Store, refusals: Refusals, region: str, signed: SignedSetState, told: Told) -> None:
    """A refused state of the Region that the operator has named shows that this set is to follow it at his `rejoin`."""
    async with store.reading() as uow:
        row = await uow.key_sets.find(signed.account, signed.key_id)
    shown = split_from(row, region, told) if row is not None else None
    if row is not None and shown is not None:
        await note_gone_on(store, refusals, row, shown)
