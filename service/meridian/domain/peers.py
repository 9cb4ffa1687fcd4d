"""The other Regions of a deployment, as this one is configured to know them. Nothing is learned on first use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class PeerContact:
    """How one process has found another Region to answer."""

    heard_at: datetime | None = None
    """When it last answered; None where it never did."""
    trouble: str = ""
    """Why its last answer was none; empty where it was one."""
    release: str = ""
    """Of Meridian there; empty where it has not told it yet."""


def region_server_name(region: str) -> str:
    """The DNS name in a Region's peer certificate."""
    return f"{region}.region.meridian.internal"
