"""The other Regions of the deployment, and the way to them."""

from __future__ import annotations

from dataclasses import dataclass

from meridian.ports.region_peer import RegionPeer


@dataclass(frozen=True, slots=True)
class OtherRegions:
    """Those that are configured here."""

    peer: RegionPeer
    names: frozenset[str]
