"""Each configured Region has a share of the connections of the peer listener, and those that have carried no call have one together, so
that none takes the places of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.domain.addresses import network_of
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.connection_shares import Closed, ConnectionShares, Owner, Share
from meridian.transport.open_sockets import Far

CALL_SECONDS: Final = 10.0
"""A connection that has carried no call of a configured Region for so long is closed: a Region connects when it calls."""
NOBODY: Final = ""
"""Whose connections those are that have carried no call."""


class PeerConnections:
    """Counts the connections of a listener for so many. `regions` are the configured ones, by the SPIFFE id of their certificate."""

    def __init__(
        self, regions: Mapping[str, str], connections: int, *, clock: Clock, events: SecurityEvents, wake: Callable[[], None]
    ) -> None:
        self.share = max(1, connections // (len(regions) + 1))
        self._events = events
        self._regions = {spiffe_id: Owner(region, (Share(region, self.share),), inf) for spiffe_id, region in regions.items()}
        self.shares = ConnectionShares(connections, nobody=self._nobody, clock=clock, tell=self._tell, wake=wake)

    def note(self, spiffe_id: str, peer: str) -> None:
        """A call came over this connection, under this certificate."""
        owner = self._regions.get(spiffe_id)
        if owner is not None:
            self.shares.note(peer, owner)

    def collect(self) -> Iterator[Metric]:
        """Connections by Region, as of the last look, for Prometheus."""
        family = GaugeMetricFamily("meridian_peer_connections", "Connections of other Regions.", labels=["region"])
        for region in (NOBODY, *sorted(owner.subject for owner in self._regions.values())):
            family.add_metric([region], self.shares.count(region))
        yield family

    def _nobody(self, far: Far) -> Owner:
        return Owner(network_of(far.address), (Share(NOBODY, self.share),), CALL_SECONDS)

    def _tell(self, closed: Closed) -> None:
        address = closed.far.address
        self._events.report(SecurityEvent.PEER_CONNECTION_CLOSED, subject=closed.owner.subject, address=address, reason=closed.reason)
