"""Whether what clients saw of one key can be told as one story, in which each call happens at one moment while it was under way.

The search of Wing and Gong, with the memory of Lowe: depth first over the calls that may come next, each set of calls that have happened
and the state that they lead to tried once. What shows the state as it is can come at once, as it changes nothing. A call of unknown outcome
may have happened at any time after it began, or never: one that nobody saw need not have happened, and one that somebody saw may as well
have happened just before that, so it is tried there and nowhere else. Of those with the same effect the first begun stands for all; and
where a place led nowhere, the same place with more of them used up leads nowhere either, since whatever was left there was left before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import le

State = tuple[tuple[str, object], ...]
"""What a description of the key shows: names with values, sorted by name."""


@dataclass(frozen=True, slots=True)
class Change:
    """A call that sets one thing. `ended` is infinite where nobody knows what became of it."""

    began: float
    ended: float
    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Sight:
    """A call that showed the whole state."""

    began: float
    ended: float
    shown: State


Operation = Change | Sight


Used = tuple[int, ...]
"""Of each effect, how many calls of unknown outcome have happened."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a story has come: which of the certain calls it has told, as bits, and where that has led."""

    done: int
    used: Used
    state: State


def find_story(operations: Sequence[Operation], first: State) -> list[Operation] | None:
    """The calls in an order that explains every sight, beginning with the state `first`; None where there is none."""
    certain = sorted((o for o in operations if o.ended < math.inf), key=lambda o: o.began)
    unknown: dict[tuple[str, object], list[Operation]] = {}
    for each in sorted((o for o in operations if o.ended == math.inf), key=lambda o: o.began):
        if isinstance(each, Change):
            unknown.setdefault((each.name, each.value), []).append(each)
    numbers = {effect: number for number, effect in enumerate(unknown)}
    everything = (1 << len(certain)) - 1

    def unseen(effect: tuple[str, object], used: Used, until: float) -> Operation | None:
        """A call of unknown outcome that may have done this by now."""
        number = numbers.get(effect)
        if number is None or used[number] == len(unknown[effect]):
            return None
        found = unknown[effect][used[number]]
        return found if found.began <= until else None

    def told(place: Place, at: int, until: float) -> tuple[list[Operation], Place] | None:
        """The story with this call as its next, and what must have happened for it to be shown."""
        operation, done = certain[at], place.done | 1 << at
        if isinstance(operation, Change):
            return [operation], Place(done, place.used, _after(place.state, operation))
        steps, used, state = list[Operation](), list(place.used), place.state
        for effect in set(operation.shown) - set(place.state):
            change = unseen(effect, place.used, until)
            if not isinstance(change, Change):
                return None
            steps.append(change)
            used[numbers[effect]] += 1
            state = _after(state, change)
        return ([*steps, operation], Place(done, tuple(used), state)) if state == operation.shown else None

    def next_ones(place: Place) -> Iterator[tuple[list[Operation], Place]]:
        until, found = math.inf, list[int]()
        at = (~place.done & (place.done + 1)).bit_length() - 1
        while at < len(certain) and certain[at].began <= until:
            if not place.done >> at & 1:
                until = min(until, certain[at].ended)
                found.append(at)
            at += 1
        found = [each for each in found if certain[each].began <= until]
        plain = next((each for each in found if getattr(certain[each], "shown", None) == place.state), None)
        for each in found if plain is None else [plain]:
            if step := told(place, each, until):
                yield step

    begin = Place(0, (0,) * len(numbers), first)
    seen: dict[tuple[int, State], list[Used]] = {(begin.done, begin.state): [begin.used]}
    path: list[list[Operation]] = []
    stack = [(begin, next_ones(begin))]
    while stack:
        place, candidates = stack[-1]
        if place.done == everything:
            return [operation for steps in path for operation in steps]
        for steps, then in candidates:
            fewer = seen.setdefault((then.done, then.state), [])
            if not any(all(map(le, used, then.used)) for used in fewer):
                fewer[:] = [used for used in fewer if not all(map(le, then.used, used))]
                fewer.append(then.used)
                path.append(steps)
                stack.append((then, next_ones(then)))
                break
        else:
            stack.pop()
            if path:
                path.pop()
    return None


def _after(state: State, change: Change) -> State:
    return tuple(sorted({**dict(state), change.name: change.value}.items()))
