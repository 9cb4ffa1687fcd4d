"""Whether a sender is listened to about a set, before anything that it says is looked at."""

from __future__ import annotations

from meridian.domain.multi_region import OperatorWord, SetRow
from meridian.domain.peers import PeerRegion
from meridian.ports.store import UnitOfWork
from meridian.replication.sets.authority import hear
from meridian.replication.sets.told import NotBelieved, Rule


async def require_heard(uow: UnitOfWork, row: SetRow | None, peer: PeerRegion, account: str, incarnation: int | None) -> None:
    """Raises: NotBelieved for a sender that this Region does not listen to about a set of this account."""
    if account not in peer.accounts:
        raise NotBelieved(Rule.ROW, "The sender may not speak for this account.")
    lost = await uow.operator_words.regions(OperatorWord.LOST)
    hear(row, peer.region, lost, incarnation, await uow.inbox.highest_incarnation(peer.region))
