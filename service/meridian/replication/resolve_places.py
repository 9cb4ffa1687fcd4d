"""What became of a place that this Region prepared in another one."""

from __future__ import annotations

from meridian.domain.peers import PeerRegion
from meridian.ports.crypto.membership_serials import MembershipSerials
from meridian.ports.store.store import Store
from meridian.replication.admit_sender import require_heard
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import require_own_serial
from meridian.replication.sets.state import resolve


class ResolvePlaces:
    """Answers Regions whose place waits."""

    def __init__(self, store: Store, serials: MembershipSerials, refusals: Refusals) -> None:
        self._store = store
        self._serials = serials
        self._refusals = refusals

    async def resolve(self, peer: PeerRegion, account: str, key_id: str, serial: str) -> bool:
        """Whether a membership of the asking Region was committed here; if not, it never will be.

        Raises: AccessDeniedException for a serial that this Region never made; nothing is written then.
        """
        with self._refusals.telling(peer.region, account, key_id):
            is_own = self._serials.is_own_membership_serial(account, key_id, peer.region, serial)
            async with self._store.transaction() as uow:
                row = await uow.key_sets.find(account, key_id)
                await require_heard(uow, row, peer, account, await uow.inbox.highest_incarnation(peer.region))
                require_own_serial(row, peer.region, serial, is_own=is_own)
                if row is None:
                    return False
                answered, committed = resolve(row, peer.region, serial)
                if answered != row:
                    await uow.key_sets.update(answered)
        return committed
