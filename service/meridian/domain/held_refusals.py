"""Which refusals are answered late. Who does not heed the advice of a refusal is made to."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Final

from meridian.domain.gates import RETRY_SECONDS

PROMPT_MAX: Final = 50
"""Refusals of one account within `RETRY_SECONDS` that are answered at once. Each further so many are held back for as long again."""
HELD_TIMES_MAX: Final = 4
"""How often `RETRY_SECONDS` a refusal is held back at most."""
SPREAD: Final = 0.25
"""Of that time, by so much at most a refusal is answered sooner: those that came together do not come back together, all before the next
call of somebody else."""
GOLDEN: Final = 0.618034
"""Its multiples, whole numbers taken off, lie evenly however many they are."""
TOGETHER_SECONDS: Final = 0.05
"""Refusals that are held back are answered at whole multiples of this: a turn of the loop for each would cost as much as the answers."""
ADVISED_TIMES: Final = 2
"""Whose refusal was held back may come again after so many times as long: where a crowd is refused, all that it costs is that it comes."""
HELD_MAX: Final = 2_000
"""Refusals that are held back at once, of all accounts."""


class HeldRefusals:
    """Which refusals are answered late. Who does not heed the advice of a refusal is made to: a refusal costs the transport as much as an
    answer, and a connection has a bounded number of calls under way. The more refusals an account gets, the longer each is held back."""

    def __init__(self) -> None:
        self._window = -1
        self._counts: Counter[str] = Counter()
        self._held = 0

    def begin(self, account: str, now: float) -> float:
        """Another call of the account is refused; for how many seconds its answer is held back. Where it is, `end` follows."""
        window = int(now / RETRY_SECONDS)
        if window != self._window:
            self._window = window
            self._counts.clear()
        self._counts[account] += 1
        if self._counts[account] <= PROMPT_MAX or self._held >= HELD_MAX:
            return 0.0
        self._held += 1
        longest = min(self._counts[account] // PROMPT_MAX, HELD_TIMES_MAX) * RETRY_SECONDS
        until = now + longest * (1 - SPREAD * (self._counts[account] * GOLDEN % 1))
        return min(longest, ceil(until / TOGETHER_SECONDS) * TOGETHER_SECONDS - now)

    def end(self) -> None:
        """One is held back no more."""
        self._held -= 1


def advice_after(held_seconds: float) -> float:
    """When a call may come again whose refusal was held back for so long: a few values alone, since callers spread themselves."""
    return ADVISED_TIMES * RETRY_SECONDS * ceil(held_seconds / RETRY_SECONDS)
