"""The other Regions of a deployment, as this one is configured to know them. Nothing is learned on first use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerRegion:
    """One other Region."""

    region: str
    address: str
    spiffe_id: str
    transport_fingerprint: str
    """SHA-256 of its transport public key, lower-case hex."""
    accounts: frozenset[str]
    """Accounts that it may speak for."""

    @property
    def server_name(self) -> str:
        """The DNS name that its peer certificate must carry."""
        return region_server_name(self.region)


def region_server_name(region: str) -> str:
    """The DNS name in a Region's peer certificate."""
    return f"{region}.region.meridian.internal"
