"""Whether a sender is listened to about a set, before anything that it says is looked at."""

from __future__ import annotations

from meridian.domain.multi_region import OperatorWord, RowStatus, SetRow
from meridian.domain.peers import PeerRegion
from meridian.errors import AccessDeniedException
from meridian.ports.store.store import UnitOfWork
from meridian.replication.sets.authority import hear, is_member
from meridian.replication.sets.claims import NO_MEMBERSHIP, NotBelieved, Rule


def require_account(peer: PeerRegion, account: str) -> None:
    """Raises: NotBelieved for an account that the sender is not configured for."""
    if account not in peer.accounts:
        raise NotBelieved(Rule.ROW, "The sender may not speak for this account.")


async def require_heard(uow: UnitOfWork, row: SetRow | None, peer: PeerRegion, account: str, incarnation: int | None) -> None:
    """Raises: NotBelieved for a sender that this Region does not listen to about a set of this account."""
    require_account(peer, account)
    lost = await uow.operator_words.regions(OperatorWord.LOST)
    hear(row, peer.region, lost, incarnation, await uow.inbox.highest_incarnation(peer.region))


def require_ended_here(row: SetRow | None, peer: PeerRegion, serial: str) -> SetRow:
    """The row of a membership that has ended here, which is news for a member that still counts it.

    A membership of which nothing is known was lost by a restore: whoever counts it learns that when the two Regions compare. Raises:
    AccessDeniedException for everybody else.
    """
    if row is None or row.status is not RowStatus.GONE or row.serial != serial or not is_member(row, peer.region):
        raise AccessDeniedException(NO_MEMBERSHIP)
    return row


def require_member(row: SetRow | None, peer: PeerRegion) -> SetRow:
    """The row of a set that lists the sender. Nobody else learns whether there is such a set here; where there is, his word is told.

    Raises: NotBelieved where a set of others is here, AccessDeniedException of the same text where none is.
    """
    if row is not None and is_member(row, peer.region):
        return row
    if row is not None and row.status in (RowStatus.RESERVED, RowStatus.LIVE):
        raise NotBelieved(Rule.MEMBERS, NO_MEMBERSHIP)
    raise AccessDeniedException(NO_MEMBERSHIP)
