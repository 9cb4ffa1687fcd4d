"""Who of the calls of one class works, who waits, and who is refused. THE table of classes; a gate knows no clock and waits for nothing.

Where calls wait, those of a higher priority go first, accounts in turn, and no account has more than half of the places at work while
others wait. Where more wait than may, or the first has waited for too long, the newest is refused: of the account with the most waiting
calls, and of those one of the lowest priority.

Of what the event loop does itself, fewer work at once while it is late: begun sooner they would not be done sooner.

What a call needs is not always known where it enters: one that comes to a key store outside the Region goes over to the class of those that
wait there, so that a store that hangs takes no place from a key that needs none.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from math import inf
from typing import Final

from meridian.domain.waiting_line import WaitingLine

PATIENCE_SECONDS: Final = 0.1
"""How long the first may have waited before newcomers are refused."""
LINE_SECONDS: Final = PATIENCE_SECONDS / 5
"""As many wait, of what the loop makes alone, as it serves in this time: a fifth of the patience, since a call that is let in has waited
before this line as well, and waits after it, for its audit record. A longer line serves no more calls; they only wait longer."""
RETRY_SECONDS: Final = 0.5
"""When a refused call may come again."""
FEWER: Final = 0.7
MORE: Final = 4
"""How the room of a class changes with each look at the event loop: by this factor where it is late, else by so many."""


class GateName(StrEnum):
    """The classes of calls."""

    SYMMETRIC = "symmetric"
    ASYMMETRIC = "asymmetric"
    MANAGEMENT = "management"
    HEAVY = "heavy"
    OUTSIDE = "outside"


class Priority(IntEnum):
    """Who goes first; the lowest number does."""

    DECRYPT = 0
    ENCRYPT = 1
    MANAGEMENT = 2
    LIST = 3


WORK: Final[dict[str, tuple[GateName, Priority]]] = {
    "DECRYPT": (GateName.SYMMETRIC, Priority.DECRYPT),
    "ENCRYPT": (GateName.SYMMETRIC, Priority.ENCRYPT),
    "ASYMMETRIC": (GateName.ASYMMETRIC, Priority.ENCRYPT),
    "MANAGEMENT": (GateName.MANAGEMENT, Priority.MANAGEMENT),
    "LIST": (GateName.MANAGEMENT, Priority.LIST),
    "HEAVY": (GateName.HEAVY, Priority.ENCRYPT),
}
"""Where calls of each kind of the contract's option `work` enter. Work with symmetric keys that names an algorithm of RSA enters with
that of other key pairs."""

WORKING_MAX: Final[dict[GateName, Callable[[int], int]]] = {
    GateName.SYMMETRIC: lambda cores: 256,
    GateName.ASYMMETRIC: lambda cores: 2 * cores,
    GateName.MANAGEMENT: lambda cores: 64,
    GateName.HEAVY: lambda cores: 16,
    GateName.OUTSIDE: lambda cores: 512,
}
"""How many calls of a class work at once, in a process with so many cores; twice as many may wait at most. No kind of work enters with
OUTSIDE: calls go over to it; as many as four stores take that hang, and one account has no more than half while others wait."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """When the event loop has too much to do for a class, and what is left to it then."""

    late_seconds: float
    """How late the loop is then."""
    working_least: int
    """How many work at once however late it is."""
    line_seconds: float
    """How long the last of those that wait may wait, at the pace at which they are served."""


EASY: Final = Pacing(late_seconds=0.025, working_least=16, line_seconds=inf)
PACING: Final[dict[GateName, Pacing]] = {
    GateName.SYMMETRIC: Pacing(late_seconds=0.010, working_least=8, line_seconds=LINE_SECONDS),
    GateName.ASYMMETRIC: EASY,
    GateName.MANAGEMENT: EASY,
    GateName.HEAVY: EASY,
    GateName.OUTSIDE: Pacing(late_seconds=inf, working_least=0, line_seconds=inf),
}
"""Calls with symmetric keys are made by the loop alone, and wait for nothing but the audit log: eight keep it busy, and it is late sooner
than for others, though not so soon that too few share its turns and the syncs of the log. gRPC hands over one
call in each turn of the loop, so the fewer are at work, the sooner the others arrive here, where they have an order and an age; until then
they stand in a line that nobody sees, before the calls of everybody else. Calls of other classes wait for more than the loop, and those
outside for something else alone: a lateness that they have not made must not shut them out."""


class Standing(Enum):
    """What has become of a call at a gate."""

    WAITS = "waits"
    WORKS = "works"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Place:
    """One call at a gate. `told` is called when its waiting ends at the gate; who gives up himself needs no telling."""

    account: str
    priority: Priority
    since: float
    standing: Standing = Standing.WAITS
    told: Callable[[], None] | None = None


class Gate:
    """One class of calls. Moments are monotonic seconds."""

    def __init__(self, working_max: int, pacing: Pacing) -> None:
        self.working_max = working_max
        self._pacing = pacing
        self.waiting_max = 2 * working_max
        """How many may wait now."""
        self._line = WaitingLine(self.waiting_max, pacing.line_seconds)
        self._ended = 0
        """Calls that have ended since the last look."""
        self.room = working_max
        """How many calls work at once now."""
        self.refused = 0
        """How many calls were refused."""
        self._working: Counter[str] = Counter()
        self._count = 0
        self._order: OrderedDict[Place, None] = OrderedDict()
        self._waiting: Counter[str] = Counter()
        self._lines: dict[Priority, OrderedDict[str, deque[Place]]] = {priority: OrderedDict() for priority in Priority}
        """Who waits, by priority and account; of each, the account that was served longest ago first."""

    @property
    def working(self) -> int:
        """How many calls work."""
        return self._count

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._order)

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody works or waits, and as many may as ever."""
        return not self._count and not self._order and self.room == self.working_max

    def enter(self, account: str, priority: Priority, now: float) -> Place:
        """A place, whose standing says what has become of it."""
        place = Place(account, priority, now)
        if not self._order and self._count < self.room:
            self._begin(place)
            return place
        self._order[place] = None
        self._waiting[account] += 1
        self._lines[priority].setdefault(account, deque()).append(place)
        self._begin_next()
        if place.standing is Standing.WAITS and self._is_over(now):
            self._refuse(self._newest(self._longest(account)))
        return place

    def pace(self, late: float, passed: float) -> None:
        """The event loop was so many seconds late, and so many have passed since the last look."""
        wanted = int(self.room * FEWER) if late > self._pacing.late_seconds else self.room + MORE
        self.room = min(self.working_max, max(self._pacing.working_least, wanted))
        self.waiting_max = self._line.look(self._ended, passed, waits=bool(self._order))
        self._ended = 0
        self._begin_next()

    def leave(self, place: Place) -> None:
        """The call has ended, or its caller waits no more."""
        if place.standing is Standing.WORKS:
            self._count -= 1
            self._ended += 1
            _less(self._working, place.account)
        elif place.standing is Standing.WAITS:
            self._drop(place)
        place.standing = Standing.GONE
        if self._order:
            self._begin_next()

    def _begin_next(self) -> None:
        while self._order and self._count < self.room and (place := self._next()) is not None:
            self._drop(place)
            self._begin(place)
            line = self._lines[place.priority]
            if place.account in line:
                line.move_to_end(place.account)

    def _next(self) -> Place | None:
        share = (self.room + 1) // 2
        for line in self._lines.values():
            for account, places in line.items():
                if self._working[account] < share or self._waiting[account] == len(self._order):
                    return places[0]
        return None

    def _begin(self, place: Place) -> None:
        self._count += 1
        self._working[place.account] += 1
        _end_waiting(place, Standing.WORKS)

    def _is_over(self, now: float) -> bool:
        first = next(iter(self._order))
        return len(self._order) > self.waiting_max or now - first.since > PATIENCE_SECONDS

    def _longest(self, account: str) -> str:
        """The account with the most waiting calls; this one where it has as many."""
        longest = max(self._waiting, key=self._waiting.__getitem__)
        return longest if self._waiting[longest] > self._waiting[account] else account

    def _newest(self, account: str) -> Place:
        return next(self._lines[priority][account][-1] for priority in reversed(Priority) if account in self._lines[priority])

    def _refuse(self, place: Place) -> None:
        self.refused += 1
        self._drop(place)
        _end_waiting(place, Standing.REFUSED)

    def _drop(self, place: Place) -> None:
        """Out of the queue."""
        del self._order[place]
        _less(self._waiting, place.account)
        line = self._lines[place.priority]
        places = line[place.account]
        if places[0] is place:
            places.popleft()
        elif places[-1] is place:
            places.pop()
        else:
            places.remove(place)
        if not places:
            del line[place.account]


def _end_waiting(place: Place, standing: Standing) -> None:
    place.standing = standing
    if place.told is not None:
        place.told()


def _less(counter: Counter[str], account: str) -> None:
    counter[account] -= 1
    if not counter[account]:
        del counter[account]
