"""The connections of a gRPC listener in shares, so that none takes the places of others. What is too many is closed, longest silent first.

gRPC neither asks before it accepts a connection nor tells who it is of, so this comes a moment after: when a call names its caller, and
when the open connections are looked at.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from meridian.ports.clock import Clock
from meridian.transport.open_sockets import Far, close_connections, far_end, far_ends

LOOK_SECONDS: Final = 5.0
CROWDED_SECONDS: Final = 0.2
"""Between two looks while there are too many."""


class Share(NamedTuple):
    """Connections that are counted together, and how many there may be."""

    name: str
    most: int


class Owner(NamedTuple):
    """Whom a connection is of."""

    subject: str
    """For operators."""
    shares: tuple[Share, ...]
    """Each of those that it counts in, the narrowest first."""
    silent_seconds: float
    """It ends when it has carried no call of its owner for so long."""


class Owned(NamedTuple):
    """A connection that is open, or was at the last look."""

    owner: Owner
    heard_at: float
    """Monotonic seconds of its last call; of its first look where there was none."""


class Closed(NamedTuple):
    """A connection that was closed, and why."""

    far: Far
    owner: Owner
    reason: str


class ConnectionShares:
    """Counts the connections of a listener for so many. `nobody` owns one that has carried no call; `tell` hears of what is closed."""

    def __init__(
        self,
        connections: int,
        *,
        nobody: Callable[[Far], Owner],
        clock: Clock,
        tell: Callable[[Closed], None],
        wake: Callable[[], None],
    ) -> None:
        self._most = connections
        self._nobody = nobody
        self._clock = clock
        self._tell = tell
        self._wake = wake
        self._port = 0
        self._owned: OrderedDict[Far, Owned] = OrderedDict()
        """In the order in which they were heard. What is closed stays until the next look."""
        self._counts: Counter[str] = Counter()
        """Of each share that has any."""
        self._closed: set[Far] = set()
        """Closed here, and not yet by gRPC."""

    def listen_on(self, port: int) -> None:
        """The listener has this port."""
        self._port = port

    def note(self, peer: str, owner: Owner) -> None:
        """A call of this owner came over this connection, as gRPC names it."""
        far = far_end(peer)
        if far is None:
            return
        owned = self._owned.get(far)
        if owned is not None and owned.owner is owner:  # as nearly always: nothing is counted anew
            self._owned[far] = Owned(owner, self._clock.monotonic())
            self._owned.move_to_end(far)
            return
        self._own(far, Owned(owner, self._clock.monotonic()))
        if any(self._counts[share.name] > share.most for share in owner.shares):
            self._wake()

    def count(self, share: str) -> int:
        """How many there are, as of the last look."""
        return self._counts[share]

    async def look(self) -> bool:
        """Close what is too many; true where there was anything, and another look is due. Raises: OSError."""
        began = self._clock.monotonic()
        open_ends = await asyncio.to_thread(far_ends, self._port)
        now = self._clock.monotonic()
        for far in [far for far, owned in self._owned.items() if far not in open_ends and owned.heard_at < began]:
            self._forget(far)
        self._closed &= open_ends
        for far in open_ends - self._owned.keys() - self._closed:
            self._own(far, Owned(self._nobody(far), now))
        ending = self._too_many(now)
        if not ending:
            return False
        self._closed |= {closed.far for closed in ending}
        await asyncio.to_thread(close_connections, self._port, {closed.far for closed in ending})
        for closed in ending:
            self._tell(closed)
            self._forget(closed.far)
        await asyncio.sleep(CROWDED_SECONDS)
        return True

    def _too_many(self, now: float) -> list[Closed]:
        """Which connections end, and why. Whoever is over his own share gives way before a wider one is counted: he fills it for others."""
        ending: dict[Far, Closed] = {}
        left = self._counts.copy()
        for level in range(max((len(owned.owner.shares) for owned in self._owned.values()), default=0)):
            for far, (owner, _) in self._owned.items():
                over = next((share for share in owner.shares[: level + 1] if left[share.name] > share.most), None)
                if over is not None and far not in ending:
                    ending[far] = Closed(far, owner, f"more than a share of {over.most} connections")
                    left.subtract(share.name for share in owner.shares)
        for far, (owner, heard_at) in self._owned.items():
            if far not in ending and now - heard_at > owner.silent_seconds:
                ending[far] = Closed(far, owner, "no call")
        return list(ending.values())

    def _own(self, far: Far, owned: Owned) -> None:
        self._forget(far)
        self._owned[far] = owned
        self._counts.update(share.name for share in owned.owner.shares)
        while len(self._owned) > 2 * self._most:
            self._forget(next(iter(self._owned)))

    def _forget(self, far: Far) -> None:
        owned = self._owned.pop(far, None)
        for share in owned.owner.shares if owned is not None else ():
            self._counts[share.name] -= 1
            if not self._counts[share.name]:
                del self._counts[share.name]
