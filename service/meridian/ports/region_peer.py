"""Another Region of the deployment, as this one sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meridian.domain.peer_message import (
    DeliverGone,
    DeliverHeld,
    DeliverSetState,
    MaterialsShown,
    Prepare,
    PrepareHandover,
    SetComparison,
    SetDigest,
    SetShown,
)
from meridian.domain.peers import PeerContact
from meridian.ports.crypto.region_envelopes import TransportOffer


class RegionPeer(Protocol):
    """Calls to other Regions over mutual TLS.

    Every method raises DependencyTimeoutException when the Region is out of reach, does not answer in time, or is not who it
    should be; and the KmsError that the Region answered with.
    """

    async def transport_offer(self, region: str) -> TransportOffer:
        """The Region's newest HPKE key, verified against its configured fingerprint; at most ten minutes old."""
        ...

    async def prepare(self, region: str, message: Prepare) -> bytes:
        """What the Region says is the replica's serialised KeyMetadata, once it has allowed and reserved it."""
        ...

    async def prepare_handover(self, region: str, message: PrepareHandover) -> None:
        """Return once the Region has allowed that it becomes primary."""
        ...

    async def foretell(self, region: str, message: Prepare | PrepareHandover) -> None:
        """Return if the Region would allow this; nothing is reserved."""
        ...

    async def deliver_gone(self, region: str, message: DeliverGone) -> None:
        """Tell a member that this Region's membership has ended."""
        ...

    async def deliver_set_state(self, region: str, message: DeliverSetState) -> bool:
        """Whether the Region has the state now, or a higher one."""
        ...

    async def deliver_held(self, region: str, message: DeliverHeld) -> None:
        """Tell the primary what is stored here."""
        ...

    async def resolve(self, region: str, account: str, key_id: str, serial: str) -> bool:
        """Whether the membership was committed."""
        ...

    async def compare(self, region: str, incarnation: int, digests: Sequence[SetDigest]) -> Sequence[SetComparison]:
        """How the Region stands to each of at most 200 sets, in the same order."""
        ...

    async def get_set(self, region: str, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        """What the Region keeps about this set, nothing of it verified yet."""
        ...

    async def get_materials(
        self, region: str, account: str, key_id: str, material_ids: Sequence[str], sequence: int, incarnation: int
    ) -> MaterialsShown:
        """Those of at most 100 materials that the Region has, sealed for this one, nothing verified yet."""
        ...

    def contact(self, region: str) -> PeerContact:
        """How this process has found the Region to answer so far."""
        ...

    async def close(self) -> None:
        """Close every channel."""
        ...
