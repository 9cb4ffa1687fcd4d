"""An HTTP listener: a budget of connections, each with a place in the order in which they are given up.

Where the budget is spent, a newcomer takes the place of the connection that has waited longest of those whose callers never proved
who they are, then of those that rest between two requests, then of those whose request has not arrived as a whole, or that end. So
nobody is kept out by connections that do nothing, and a known caller whose request has arrived is never cut off.

Bodies that arrive have a budget too: no signature is proven before the last byte. Where it is spent, the request that has been
arriving for longest is refused, that of a caller who never proved who he is first.

Of both a known caller has a half. Where he has more, what he does not work with gives way before all others, newcomers too.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.ports.security_events import SecurityEvents
from meridian.transport.http1.application import Application
from meridian.transport.http1.connection import ConnectionBounds, HttpConnection, Place
from meridian.transport.http1.owners import Owners
from meridian.transport.http1.trust import Trust

LOOK_SECONDS: Final = 1.0
DRAIN_LOOK_SECONDS: Final = 0.05
ACCEPT_AGAIN_SECONDS: Final = 0.1
HERE: Final = "127.0.0.1"
"""Who connects through the file system is on this machine."""


class HttpServer:
    """One listener. Runs in the Region's own loop."""

    def __init__(
        self,
        application: Application,
        *,
        name: str,
        bounds: ConnectionBounds,
        trust: Trust,
        events: SecurityEvents,
    ) -> None:
        self.application = application
        self.name = name
        self.bounds = bounds
        self.trust = trust
        self.events = events
        self.given_up = 0
        self.turned_away = 0
        self.refused_names = 0
        """How many clients were sent away because their certificates had other names."""
        self.overloaded = 0
        """How many requests were refused because too many bytes of bodies were arriving."""
        self._open: set[HttpConnection] = set()
        self._unproven: dict[HttpConnection, None] = {}
        self._owners = Owners(bounds.connections, bounds.arriving_bytes)
        self._waiting: dict[Place, dict[HttpConnection, None]] = {place: {} for place in Place}
        self._arriving: dict[HttpConnection, int] = {}
        self._arriving_bytes = 0
        self._accepting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self, listening: socket.socket) -> None:
        """Serve what connects to this socket, until `stop`."""
        self.start(listening)
        if self._accepting is not None:
            await self._accepting

    def start(self, listening: socket.socket) -> None:
        """The same, in a task of its own."""
        listening.setblocking(False)
        loop = asyncio.get_running_loop()
        self._accepting = loop.create_task(self._accept(listening, loop))
        self._timer = loop.call_later(LOOK_SECONDS, self._look)

    async def stop(self, grace_seconds: float) -> None:
        """Take no new connection, let answers under way be written, end all others."""
        if self._accepting is None:
            return
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        for connection in tuple(self._open):
            connection.finish()
        loop = asyncio.get_running_loop()
        until = loop.time() + grace_seconds
        while self._open and loop.time() < until:  # noqa: ASYNC110 - a look now and then, bounded in time, costs connections nothing while they work
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
        for connection in tuple(self._open):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._open)

    async def _accept(self, listening: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        with listening:
            while True:
                try:
                    accepted, address = await loop.sock_accept(listening)
                    self._admit(accepted, HttpConnection(self, loop, address[0] if address else HERE))
                    await asyncio.sleep(0)  # a flood of newcomers is not all that the loop does
                except OSError:  # gone before it was taken, or no open files are left
                    await asyncio.sleep(ACCEPT_AGAIN_SECONDS)
                except Exception as fault:
                    self.events.report_fault(fault, during=f"accepting on {self.name}")
                    await asyncio.sleep(ACCEPT_AGAIN_SECONDS)

    def _admit(self, accepted: socket.socket, connection: HttpConnection) -> None:
        """Give a new connection a place, if there is one or one can be made."""
        if len(self._open) >= self.bounds.connections:
            given_up = next(chain(self._waiting_of_greedy(), self._unproven, *self._waiting.values()), None)
            if given_up is None:
                self.turned_away += 1
                accepted.close()
                return
            self.given_up += 1
            self.forget(given_up)
            given_up.abort()
        self._open.add(connection)
        self._unproven[connection] = None
        connection.open(accepted)

    def _waiting_of_greedy(self) -> Iterator[HttpConnection]:
        greedy = self._owners.with_most_connections()
        if greedy is not None:
            yield from (each for each in chain(*self._waiting.values()) if self._owners.is_of(each, greedy))

    # ---- what connections ask

    def prove(self, connection: HttpConnection, caller: str) -> None:
        """Its caller is known from now on."""
        self._unproven.pop(connection, None)
        if connection in self._open:  # it may have ended meanwhile, and would be owned for ever
            self._owners.own(connection, caller)

    def place(self, connection: HttpConnection, place: Place | None) -> None:
        """What a connection waits for from now on; None while its request is answered."""
        for each in self._waiting.values():
            each.pop(connection, None)
        if place is not None:
            self._waiting[place][connection] = None

    def keep(self, connection: HttpConnection, size: int) -> None:
        """So many bytes of its body have arrived by now; 0 where they are an application's, or nobody's."""
        more = size - self._arriving.get(connection, 0)
        self._arriving_bytes += more
        self._owners.keep(connection, more)
        if size:
            self._arriving[connection] = size
        else:
            self._arriving.pop(connection, None)
        while self._arriving_bytes > self.bounds.arriving_bytes:
            self.overloaded += 1
            self._longest_arriving().overload()

    def _longest_arriving(self) -> HttpConnection:
        greedy = self._owners.with_most_bytes()
        if greedy is not None:
            return next(each for each in self._arriving if self._owners.is_of(each, greedy))
        return next((each for each in self._arriving if each in self._unproven), next(iter(self._arriving)))

    def forget(self, connection: HttpConnection) -> None:
        """It has ended."""
        self._open.discard(connection)
        self._unproven.pop(connection, None)
        self.place(connection, None)
        self.keep(connection, 0)
        self._owners.forget(connection)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self._open):
            if connection.deadline < now:
                connection.expire()
        self._timer = loop.call_later(LOOK_SECONDS, self._look)


class HttpMetrics:
    """Connections of the listeners, as Prometheus wants them."""

    def __init__(self, servers: list[HttpServer], overloaded: Mapping[str, Callable[[], int]]) -> None:
        """`overloaded`: how many requests other listeners refused so, by name."""
        self._servers = servers
        self._overloaded = overloaded

    def collect(self) -> Iterator[Metric]:
        """The metrics of every listener."""
        is_open = GaugeMetricFamily("meridian_http_connections", "Open connections by listener.", labels=["listener"])
        ended = CounterMetricFamily(
            "meridian_http_connections_over_budget", "Connections given up for newcomers, or turned away.", labels=["listener", "what"]
        )
        for server in self._servers:
            is_open.add_metric([server.name], server.connections)
            ended.add_metric([server.name, "given_up"], server.given_up)
            ended.add_metric([server.name, "turned_away"], server.turned_away)
        refused = CounterMetricFamily(
            "meridian_http_requests_overloaded", "Requests refused because too many bytes of bodies were arriving.", labels=["listener"]
        )
        for server in self._servers:
            refused.add_metric([server.name], server.overloaded)
        for name, count in self._overloaded.items():
            refused.add_metric([name], count())
        others = CounterMetricFamily(
            "meridian_http_clients_refused", "Clients sent away because their certificates have other names.", labels=["listener"]
        )
        for server in self._servers:
            others.add_metric([server.name], server.refused_names)
        yield is_open
        yield ended
        yield refused
        yield others
