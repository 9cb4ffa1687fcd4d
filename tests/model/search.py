"""A protocol as a graph of states, searched to its end or to the first fault."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


class Search(ABC, Generic[S]):
    """One protocol: where it starts, what happens in it, and what must hold."""

    start: S

    @abstractmethod
    def begins(self, s: S) -> Iterator[S]:
        """What callers and operators begin."""

    @abstractmethod
    def goes_on(self, s: S) -> Iterator[S]:
        """What goes on by itself, or is finished by an operator."""

    @abstractmethod
    def broken(self, s: S) -> str | None:
        """What does not hold, if anything."""

    @abstractmethod
    def settled(self, s: S) -> bool:
        """Whether nothing is left to do."""

    @abstractmethod
    def prune(self, s: S) -> S:
        """The state without what can never act again."""

    def search(self) -> tuple[int, str | None, list[S]]:
        """Returns (number of states, None or what is wrong, the shortest path to it)."""
        parent: dict[S, S | None] = {self.start: None}
        back: dict[S, list[S]] = {}
        queue = [self.start]

        def path(s: S | None) -> list[S]:
            return [] if s is None else [*path(parent[s]), s]

        for s in queue:
            if fault := self.broken(s):
                return len(parent), fault, path(s)
            for by_itself, steps in ((True, self.goes_on(s)), (False, self.begins(s))):
                for t in map(self.prune, steps):
                    if t not in parent:
                        parent[t] = s
                        queue.append(t)
                    if by_itself and t != s:
                        back.setdefault(t, []).append(s)
        good = {s for s in queue if self.settled(s)}
        todo = list(good)
        while todo:
            new = set(back.get(todo.pop(), ())) - good
            good |= new
            todo += new
        stuck = next((s for s in queue if s not in good), None)
        return len(parent), None if stuck is None else f"{len(queue) - len(good)} states never settle", path(stuck)
