"""Many requests, decided under one policy set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from meridian.authorization.decision.sweep import Asked
from meridian.authorization.language.entities import Surroundings
from meridian.domain.policy_decision import PolicyDecision
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.policy_set import PolicySet

T = TypeVar("T")

PART: Final = 1_024
"""Requests that go to a process together."""
Progress = Callable[[int], None]
"""Told how much more is done."""


def unseen(_more: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """The work of deciding; its parts are requests."""

    policies: PolicySet
    around: Surroundings

    def begin(self) -> Callable[[list[Asked]], list[PolicyDecision]]:
        sweep = self.policies.sweep(self.around)
        return lambda asked: list(sweep.decide(asked))


def decide_all(deciding: Deciding, asked: Iterable[Asked], cores: Cores, progress: Progress = unseen) -> Iterator[PolicyDecision]:
    """The decision of each request, in order. On other cores only what can be pickled is decided."""
    for decided in cores.each(deciding, parts_of(asked)):
        progress(len(decided))
        yield from decided


def parts_of(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of at most `PART`."""
    left = iter(items)
    while part := list(islice(left, PART)):
        yield part
