"""Whether what clients saw of one key can be told as one story, in which each call happens at one moment while it was under way.

The search of Wing and Gong, with the memory of Lowe: depth first over the calls that may come next, each set of calls that have happened
and the state that they lead to tried once. A call of unknown outcome may have happened at any time after it began, or never. Of those
with the same effect the first begun stands for all, so that they cost no more than their number; and where a place led nowhere, the same
place with more of them used up leads nowhere either, since whatever was left there was left before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def find_story(operations: Sequence[Operation], first: State) -> list[Operation] | None:
    """The calls in an order that explains every sight, beginning with the state `first`; None where there is none."""
    certain = sorted((o for o in operations if o.ended < math.inf), key=lambda o: o.began)
    unknown: dict[tuple[str, object], list[Operation]] = {}
    for each in sorted((o for o in operations if o.ended == math.inf), key=lambda o: o.began):
        if isinstance(each, Change):
            unknown.setdefault((each.name, each.value), []).append(each)
    effects = sorted(unknown, key=str)
    everything = (1 << len(certain)) - 1

    def next_ones(done: int, used: tuple[int, ...]) -> list[tuple[Operation, int, tuple[int, ...]]]:
        until, found = math.inf, []
        at = (~done & (done + 1)).bit_length() - 1
        while at < len(certain) and certain[at].began <= until:
            if not done >> at & 1:
                until = min(until, certain[at].ended)
                found.append((certain[at], done | 1 << at, used))
            at += 1
        candidates = [each for each in found if each[0].began <= until]
        for number, effect in enumerate(effects):
            if used[number] < len(unknown[effect]) and unknown[effect][used[number]].began <= until:
                more = (*used[:number], used[number] + 1, *used[number + 1 :])
                candidates.append((unknown[effect][used[number]], done, more))
        return candidates

    begin = (0, (0,) * len(effects), first)
    seen = {(begin[0], begin[2]): [begin[1]]}
    path: list[Operation] = []
    stack = [(begin, iter(next_ones(begin[0], begin[1])))]
    while stack:
        (done, _, state), candidates = stack[-1]
        if done == everything:
            return path
        for operation, then_done, then_used in candidates:
            state_then = _after(state, operation)
            if state_then is None:
                continue
            place = (then_done, then_used, state_then)
            fewer = seen.setdefault((then_done, state_then), [])
            if not any(all(map(le, used, then_used)) for used in fewer):
                fewer[:] = [used for used in fewer if not all(map(le, then_used, used))]
                fewer.append(then_used)
                path.append(operation)
                stack.append((place, iter(next_ones(then_done, then_used))))
                break
        else:
            stack.pop()
            if path:
                path.pop()
    return None


def _after(state: State, operation: Operation) -> State | None:
    if isinstance(operation, Sight):
        return state if state == operation.shown else None
    return tuple(sorted({**dict(state), operation.name: operation.value}.items()))
