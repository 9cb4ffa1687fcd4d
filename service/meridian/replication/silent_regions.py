"""Regions that do not answer, or too slowly, remembered for one round of work: a question that a Region left unanswered is not put to it
again for the next set, and one that is slow is waited for some seconds in all, so a thousand sets wait once.

Nothing is decided without an answer that it needs: such a set is tried again in the next round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from enum import StrEnum
from typing import Final, TypeVar

from meridian.errors import DependencyTimeoutException
from meridian.log import structlog
from meridian.ports.clock import Clock

SLOW_ANSWER_SECONDS: Final = 1.0
"""An answer that takes longer is slow: an honest Region reads one row for it."""
SLOW_SECONDS_MAX: Final = 8.0
"""So long a round waits for the slow answers of one Region, those given at the same time counted once."""

T = TypeVar("T")


class Question(StrEnum):
    """What one Region asks another about a set; one may be answered where another is not."""

    SET = "its set"
    MATERIALS = "materials"


class Silence:
    """Who left which question unanswered in this round, and who was slow for how long. A few entries for each configured Region."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._silent: set[tuple[str, Question]] = set()
        self._slow: dict[str, float] = {}
        self._waited_until: dict[str, float] = {}

    def require_heard(self, regions: Collection[str], question: Question) -> None:
        """Raises: DependencyTimeoutException where one of these Regions has left the question unanswered in this round."""
        for region in regions:
            if (region, question) in self._silent:
                raise DependencyTimeoutException(f"Region {region} did not answer when asked for {question}.")

    async def note(self, region: str, question: Question, answer: Awaitable[T]) -> T:
        """The answer, where there is one. Raises: KmsError."""
        began = self._clock.monotonic()
        try:
            return await answer
        except DependencyTimeoutException:
            self._silent.add((region, question))
            raise
        finally:
            self._note_time(region, began, self._clock.monotonic())

    def _note_time(self, region: str, began: float, ended: float) -> None:
        if ended - began <= SLOW_ANSWER_SECONDS:
            return
        waited = ended - max(began, self._waited_until.get(region, began))
        self._waited_until[region] = ended
        before = self._slow.get(region, 0.0)
        after = self._slow[region] = before + waited
        if before < SLOW_SECONDS_MAX <= after:
            self._silent.update((region, question) for question in Question)
            structlog.get_logger("meridian.membership").warning("slow Region is asked no more in this round", region=region, seconds=after)
