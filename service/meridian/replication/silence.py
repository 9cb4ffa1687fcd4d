"""Regions that do not answer, remembered for one round of work: each question that a Region left unanswered is not put to it again for
the next set, so a thousand sets wait once."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from enum import StrEnum
from typing import TypeVar

from meridian.errors import DependencyTimeoutException

T = TypeVar("T")


class Question(StrEnum):
    """What one Region asks another about a set; one may be answered where another is not."""

    SET = "its set"
    MATERIALS = "materials"


class Silence:
    """Who left which question unanswered in this round. At most two entries a configured Region."""

    def __init__(self) -> None:
        self._silent: set[tuple[str, Question]] = set()

    def require_heard(self, regions: Collection[str], question: Question) -> None:
        """Raises: DependencyTimeoutException where one of these Regions has left the question unanswered in this round."""
        for region in regions:
            if (region, question) in self._silent:
                raise DependencyTimeoutException(f"Region {region} did not answer when asked for {question}.")

    async def note(self, region: str, question: Question, answer: Awaitable[T]) -> T:
        """The answer, where there is one. Raises: KmsError."""
        try:
            return await answer
        except DependencyTimeoutException:
            self._silent.add((region, question))
            raise
