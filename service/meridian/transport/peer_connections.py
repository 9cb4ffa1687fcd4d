"""Each configured Region has a share of the connections of the peer listener, and those that have carried no call have one together, so
that none takes the places of the others. What is too many is closed, the longest silent first.

gRPC neither asks before it accepts a connection nor tells who it is of, so this comes a moment after: when a call names its Region, and
when the open connections are looked at.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.domain.addresses import network_of
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.transport.open_sockets import Far, close_connections, far_end, far_ends

LOOK_SECONDS: Final = 5.0
CROWDED_SECONDS: Final = 0.2
"""Between two looks while there are too many."""
CALL_SECONDS: Final = 10.0
"""A connection that has carried no call of a configured Region for so long is closed: a Region connects when it calls."""
NOBODY: Final = ""
"""Whose connections those are that have carried no call."""


class Owned(NamedTuple):
    """A connection that is open, or was at the last look."""

    region: str
    heard_at: float
    """Monotonic seconds of its last call; of its first look where there was none."""


class PeerConnections:
    """Counts the connections of a listener for so many. `regions` are the configured ones, by the SPIFFE id of their certificate."""

    def __init__(
        self, regions: Mapping[str, str], connections: int, *, clock: Clock, events: SecurityEvents, wake: Callable[[], None]
    ) -> None:
        self._regions = regions
        self._most = connections
        self.share = max(1, connections // (len(regions) + 1))
        self._clock = clock
        self._events = events
        self._wake = wake
        self._port = 0
        self._owned: OrderedDict[Far, Owned] = OrderedDict()
        """In the order in which they were heard. What is closed stays until the next look."""
        self._counts: Counter[str] = Counter()
        self._closed: set[Far] = set()
        """Closed here, and not yet by gRPC."""

    def listen_on(self, port: int) -> None:
        """The listener has this port."""
        self._port = port

    def note(self, spiffe_id: str, peer: str) -> None:
        """A call came over this connection, under this certificate."""
        region, far = self._regions.get(spiffe_id), far_end(peer)
        if region is None or far is None:
            return
        self._own(far, Owned(region, self._clock.monotonic()))
        if self._counts[region] > self.share:
            self._wake()

    async def look(self) -> bool:
        """Close what is too many; true where there was anything, and another look is due. Raises: OSError."""
        began = self._clock.monotonic()
        open_ends = await asyncio.to_thread(far_ends, self._port)
        now = self._clock.monotonic()
        for far in [far for far, owned in self._owned.items() if far not in open_ends and owned.heard_at < began]:
            self._forget(far)
        self._closed &= open_ends
        for far in open_ends - self._owned.keys() - self._closed:
            self._own(far, Owned(NOBODY, now))
        ending = self._too_many(now)
        if not ending:
            return False
        self._closed |= ending.keys()
        await asyncio.to_thread(close_connections, self._port, ending.keys())
        for far, why in ending.items():
            region = self._owned[far].region if far in self._owned else NOBODY
            subject = region or network_of(far.address)
            self._events.report(SecurityEvent.PEER_CONNECTION_CLOSED, subject=subject, address=far.address, reason=why)
            self._forget(far)
        await asyncio.sleep(CROWDED_SECONDS)
        return True

    def collect(self) -> Iterator[Metric]:
        """Connections by Region, as of the last look, for Prometheus."""
        family = GaugeMetricFamily("meridian_peer_connections", "Connections of other Regions.", labels=["region"])
        for region in (NOBODY, *sorted(self._regions.values())):
            family.add_metric([region], self._counts[region])
        yield family

    def _too_many(self, now: float) -> dict[Far, str]:
        """Which connections end, and why."""
        ending: dict[Far, str] = {}
        over = {region: count - self.share for region, count in self._counts.items()}
        for far, owned in self._owned.items():
            if over[owned.region] > 0:
                ending[far] = f"more than a share of {self.share} connections"
                over[owned.region] -= 1
            elif owned.region == NOBODY and now - owned.heard_at > CALL_SECONDS:
                ending[far] = "no call"
        return ending

    def _own(self, far: Far, owned: Owned) -> None:
        self._forget(far)
        self._owned[far] = owned
        self._counts[owned.region] += 1
        while len(self._owned) > 2 * self._most:
            self._forget(next(iter(self._owned)))

    def _forget(self, far: Far) -> None:
        owned = self._owned.pop(far, None)
        if owned is not None:
            self._counts[owned.region] -= 1
