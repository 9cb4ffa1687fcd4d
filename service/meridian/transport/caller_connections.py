"""No caller takes all connections of the gRPC listener: each that has proved who he is has a share of his own, whatever addresses he comes
from; connections that have carried no call of a known caller have one of each address, and one together.

Callers behind one address, as behind a NAT or in a service mesh, are told apart by their credentials; the shares are large parts of the
whole, and who has just connected is the last to be closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import inf
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.domain.addresses import network_of
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.connection_shares import Closed, ConnectionShares, Owner, Share
from meridian.transport.open_sockets import Far

CALLER_PART: Final = 0.5
"""Of the connections that there may be, for one known caller."""
ADDRESS_PART: Final = 0.25
"""For one address, of whose callers nobody is known."""
UNKNOWN_PART: Final = 0.375
"""For all of whom nobody is known. A greedy caller and all who are unknown leave room for others."""
UNKNOWN: Final = "unknown"
KNOWN: Final = "known"
OWNERS_KEPT: Final = 1024


@lru_cache(maxsize=OWNERS_KEPT)
def _owned_by(arn: str, share: int, everything: Share) -> Owner:
    """A known caller; asked for with each call."""
    return Owner(arn, (Share(arn, share), everything), inf)


class CallerConnections:
    """Counts the connections of a listener for so many."""

    def __init__(self, connections: int, *, clock: Clock, events: SecurityEvents, wake: Callable[[], None]) -> None:
        self.caller_share = max(1, int(connections * CALLER_PART))
        self.address_share = max(1, int(connections * ADDRESS_PART))
        self._all = Share(KNOWN, connections)
        self._unknown = Share(UNKNOWN, max(1, int(connections * UNKNOWN_PART)))
        self._events = events
        self.shares = ConnectionShares(connections, nobody=self._nobody, clock=clock, tell=self._tell, wake=wake)

    def note(self, arn: str, peer: str) -> None:
        """A call of this known caller came over this connection. One that carries calls of several is that of the last."""
        self.shares.note(peer, _owned_by(arn, self.caller_share, self._all))

    def collect(self) -> Iterator[Metric]:
        """Connections, as of the last look, for Prometheus."""
        family = GaugeMetricFamily("meridian_grpc_connections", "Connections of callers.", labels=["caller"])
        for whose in (KNOWN, UNKNOWN):
            family.add_metric([whose], self.shares.count(whose))
        yield family

    def _nobody(self, far: Far) -> Owner:
        network = network_of(far.address)
        return Owner(network, (Share(network, self.address_share), self._unknown), inf)

    def _tell(self, closed: Closed) -> None:
        address = network_of(closed.far.address)
        self._events.report(SecurityEvent.CALLER_CONNECTION_CLOSED, subject=closed.owner.subject, address=address, reason=closed.reason)
