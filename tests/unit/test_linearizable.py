"""The judge of histories, judged: stories that are possible and stories that are not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.histories.linearizable import Change, Operation, Sight, State, find_story

OFF: State = (("on", False), ("text", ""))
ON: State = (("on", True), ("text", ""))

POSSIBLE: dict[str, list[Operation]] = {
    "nothing": [],
    "a change, then a sight of it": [Change(0, 1, "on", True), Sight(2, 3, ON)],
    "a sight while the change is under way, either way": [Change(0, 9, "on", True), Sight(1, 2, OFF), Sight(3, 4, ON)],
    "an unknown change that came late": [Change(0, math.inf, "on", True), Sight(1, 2, OFF), Sight(3, 4, ON)],
    "an unknown change that never came": [Change(0, math.inf, "on", True), Sight(1, 2, OFF), Sight(3, 4, OFF)],
    "two unknown changes of one effect, with its opposite between": [
        Change(0, math.inf, "on", True),
        Change(0, math.inf, "on", True),
        Sight(1, 2, ON),
        Change(3, 4, "on", False),
        Sight(5, 6, OFF),
        Sight(7, 8, ON),
    ],
    "two at once, seen in the order of their ends": [
        Change(0, 5, "text", "a"),
        Change(0, 5, "text", "b"),
        Sight(6, 7, (("on", False), ("text", "a"))),
    ],
}
IMPOSSIBLE: dict[str, list[Operation]] = {
    "an acknowledged change is not seen": [Change(0, 1, "on", True), Sight(2, 3, OFF)],
    "it is seen before it began": [Sight(0, 1, ON), Change(2, 3, "on", True)],
    "an unknown change is seen before it began": [Sight(0, 1, ON), Change(2, math.inf, "on", True)],
    "it is seen, then not, with nothing between": [Change(0, 9, "on", True), Sight(1, 2, ON), Sight(3, 4, OFF)],
    "an unknown change comes twice": [
        Change(0, math.inf, "on", True),
        Sight(1, 2, ON),
        Change(3, 4, "on", False),
        Sight(5, 6, ON),
    ],
    "two sights that disagree about the order": [
        Change(0, 9, "text", "a"),
        Change(0, 9, "text", "b"),
        Sight(1, 2, (("on", False), ("text", "a"))),
        Sight(3, 4, (("on", False), ("text", "b"))),
        Sight(5, 6, (("on", False), ("text", "a"))),
    ],
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_what_can_have_happened_is_told_as_a_story(name: str) -> None:
    story = find_story(POSSIBLE[name], OFF)
    assert story is not None
    assert {o for o in POSSIBLE[name] if o.ended < math.inf} <= set(story)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_have_happened_has_no_story(name: str) -> None:
    assert find_story(IMPOSSIBLE[name], OFF) is None


def test_a_long_history_with_many_unknown_changes_is_judged_in_bounded_steps() -> None:
    history: list[Operation] = []
    for number in range(600):
        at = 10.0 * number
        history.append(Change(at, at + 1, "on", bool(number % 2)))
        history.append(Change(at + 0.5, math.inf, "on", bool(number % 3)))
        history.append(Sight(at + 2, at + 3, (("on", bool(number % 2)), ("text", ""))))
    assert find_story(history, OFF) is not None


@pytest.mark.timeout(60)
def test_many_unknown_changes_cost_no_more_than_their_number() -> None:
    """As after fifty kills: eight effects, a dozen unknown changes of each, and a sight that nothing explains at the very end."""
    unknown: list[Operation] = [Change(0, math.inf, f"tag{each % 4}", each % 8) for each in range(96)]
    first: State = tuple((f"tag{number}", None) for number in range(4))
    certain: list[Operation] = []
    for each in range(40):
        certain.append(Change(10 * each + 1, 10 * each + 2, f"tag{each % 4}", each))
        seen: dict[str, int | None] = {f"tag{tag}": None for tag in range(4)} | {f"tag{at % 4}": at for at in range(each + 1)}
        certain.append(Sight(10 * each + 3, 10 * each + 4, tuple(sorted(seen.items()))))
    assert find_story([*unknown, *certain], first) is not None
    nowhere = Sight(1_000, 1_001, tuple((f"tag{number}", "never") for number in range(4)))
    assert find_story([*unknown, *certain, nowhere], first) is None


def is_told_by_some_order(history: list[Operation]) -> bool:
    """The same question, answered by trying every order of every choice of the unknown calls."""
    certain = [each for each in history if each.ended < math.inf]
    unknown = [each for each in history if each.ended == math.inf]
    for count in range(len(unknown) + 1):
        for happened in itertools.combinations(unknown, count):
            for order in itertools.permutations([*certain, *happened]):
                in_time = all(early.began <= late.ended for early, late in itertools.combinations(order, 2))
                if in_time and explains(order):
                    return True
    return False


def explains(order: Sequence[Operation]) -> bool:
    state = dict(OFF)
    for each in order:
        if isinstance(each, Change):
            state[each.name] = each.value
        elif tuple(sorted(state.items())) != each.shown:
            return False
    return True


changes = st.tuples(st.just("on"), st.booleans()) | st.tuples(st.just("text"), st.sampled_from(["a", "b"]))
sights = st.tuples(st.booleans(), st.sampled_from(["", "a", "b"])).map(lambda seen: (("on", seen[0]), ("text", seen[1])))


@st.composite
def operation(draw: st.DrawFn) -> Operation:
    began = draw(st.integers(0, 6))
    ended = began + draw(st.integers(0, 4))
    if draw(st.booleans()):
        return Sight(began, ended, draw(sights))
    name, value = draw(changes)
    return Change(began, draw(st.sampled_from([ended, math.inf])), name, value)


@examples(300, 5_000)
@given(st.lists(operation(), max_size=6))
def test_it_finds_a_story_exactly_where_some_order_of_the_calls_is_one(history: list[Operation]) -> None:
    story = find_story(history, OFF)
    assert (story is not None) == is_told_by_some_order(history)
    if story is not None:
        assert explains(story)
        assert all(early.began <= late.ended for early, late in itertools.combinations(story, 2))
