"""Connections to PostgreSQL that are open: kept so that, once one has lost its way, the idle ones are not tried one after another.

A half-open connection looks sound from here. The kernel is told to find it out within seconds; whoever is faster, a statement that
meets its limit, ends every idle connection at once, and the next callers open new ones.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

KEEPALIVE_IDLE_SECONDS: Final = 15
KEEPALIVE_INTERVAL_SECONDS: Final = 5
KEEPALIVE_COUNT: Final = 3
USER_TIMEOUT_MS: Final = 5000
"""How long sent data may stay unacknowledged before the kernel gives the connection up."""


class LiveConnections:
    """The connections of one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._idle: dict[Any, Any] = {}
        self._busy: dict[Any, Any] = {}
        self.lost = 0
        """How many connections were ended because they, or one beside them, did not answer."""
        pool = engine.sync_engine.pool
        event.listen(pool, "connect", self._on_connect)
        event.listen(pool, "checkout", self._on_checkout)
        event.listen(pool, "checkin", self._on_checkin)
        event.listen(pool, "invalidate", self._on_invalidate)
        event.listen(pool, "close", self._on_close)

    @property
    def busy(self) -> int:
        """How many are at work."""
        return len(self._busy)

    def end_idle(self) -> None:
        """End every connection that nobody uses; each is opened anew when it is wanted."""
        for record, driver in self._idle.items():
            record.invalidate(soft=True)
            driver.terminate()
            self.lost += 1
        self._idle.clear()

    def end(self, driver: Any) -> None:
        """End this connection without a word to the other side."""
        driver.terminate()
        self.lost += 1

    def _on_connect(self, adapted: Any, record: Any) -> None:
        self._idle[record] = adapted.driver_connection
        # asyncpg offers no other way to its socket.
        transport = adapted.driver_connection._transport  # noqa: SLF001 - asyncpg shows its transport nowhere else
        found = transport.get_extra_info("socket") if transport is not None else None
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            _keep_alive(found)

    def _on_checkout(self, adapted: Any, record: Any, _: Any) -> None:
        self._idle.pop(record, None)
        self._busy[record] = adapted.driver_connection

    def _on_checkin(self, adapted: Any, record: Any) -> None:
        self._busy.pop(record, None)
        if adapted is not None:
            self._idle[record] = adapted.driver_connection

    def _on_invalidate(self, adapted: Any, _: Any, __: Any) -> None:
        """What is given up gets no goodbye, which would wait two seconds for an answer."""
        if not adapted.driver_connection.is_closed():
            self.end(adapted.driver_connection)

    def _on_close(self, _: Any, record: Any) -> None:
        self._busy.pop(record, None)
        self._idle.pop(record, None)


def _keep_alive(found: socket.socket) -> None:
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
    ):
        option = getattr(socket, name, None)  # not every system has each
        if option is not None:
            found.setsockopt(socket.IPPROTO_TCP, option, value)
