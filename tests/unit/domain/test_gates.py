"""The rules of a gate: who works, who waits, who is refused, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meridian.domain.gates import (
    EASY,
    PACING,
    PATIENCE_SECONDS,
    WORKING_MAX,
    Gate,
    GateName,
    Place,
    Priority,
    Standing,
)

DECRYPT, ENCRYPT, LIST = Priority.DECRYPT, Priority.ENCRYPT, Priority.LIST
NOW, LATER = 100.0, 100.0 + 1.01 * PATIENCE_SECONDS
LOOK = 0.05
"""Seconds from one look at the loop to the next."""


def entered(gate: Gate, accounts: str, priority: Priority = ENCRYPT, now: float = NOW) -> list[Place]:
    """A call for each letter, which is its account."""
    return [gate.enter(account, priority, now) for account in accounts]


def standings(places: list[Place]) -> list[Standing]:
    return [place.standing for place in places]


def test_so_many_work_twice_as_many_wait_and_the_newest_is_refused() -> None:
    gate = Gate(2, EASY)
    places = entered(gate, "aaaaaaa")
    assert standings(places) == [Standing.WORKS] * 2 + [Standing.WAITS] * 4 + [Standing.REFUSED]
    assert (gate.working, gate.waiting, gate.refused) == (2, 4, 1)


def test_the_first_in_the_queue_is_the_next_to_work() -> None:
    gate = Gate(1, EASY)
    works, first, second = entered(gate, "aaa")
    gate.leave(works)
    assert standings([works, first, second]) == [Standing.GONE, Standing.WORKS, Standing.WAITS]


def test_who_waits_is_told_once_what_became_of_it() -> None:
    gate, told = Gate(1, EASY), list[str]()
    works, served, newest = entered(gate, "aba")
    served.told, newest.told = lambda: told.append("served"), lambda: told.append("newest")
    (_late,) = entered(gate, "b", now=LATER)
    gate.leave(works)
    assert told == ["served"]
    gate.leave(served)
    assert told == ["served", "newest"]


def test_the_newest_is_refused_while_the_first_has_waited_for_too_long() -> None:
    gate = Gate(1, EASY)
    works, old = entered(gate, "aa")
    (newest,) = entered(gate, "a", now=LATER)
    assert standings([works, old, newest]) == [Standing.WORKS, Standing.WAITS, Standing.REFUSED]
    gate.leave(works)
    assert standings(entered(gate, "a", now=LATER)) == [Standing.WAITS], "the queue is young again"


def test_higher_priorities_go_first_and_are_refused_last() -> None:
    gate = Gate(1, EASY)
    (works,) = entered(gate, "a")
    lists, encrypts = entered(gate, "a", LIST), entered(gate, "a", ENCRYPT)
    decrypts = entered(gate, "a", DECRYPT, now=LATER)
    assert standings([*lists, *encrypts, *decrypts]) == [Standing.REFUSED, Standing.WAITS, Standing.WAITS]
    gate.leave(works)
    assert standings([*decrypts, *encrypts]) == [Standing.WORKS, Standing.WAITS]


def test_the_account_with_the_longest_queue_gives_way() -> None:
    gate = Gate(1, EASY)
    works, first, newest = entered(gate, "aaa")
    (other,) = entered(gate, "b", now=LATER)
    assert standings([works, first, newest, other]) == [Standing.WORKS, Standing.WAITS, Standing.REFUSED, Standing.WAITS]
    assert standings(entered(gate, "b", now=LATER)) == [Standing.REFUSED], "now b's own would be the longest"


def test_another_accounts_call_of_a_higher_priority_takes_no_place_of_a_shorter_queue() -> None:
    gate = Gate(1, EASY)
    entered(gate, "a")
    (lone,) = entered(gate, "b", LIST)
    flood = entered(gate, "aa", DECRYPT, now=LATER)
    assert lone.standing is Standing.WAITS
    assert Standing.REFUSED in standings(flood)


def test_an_account_alone_has_every_place_and_half_while_another_waits() -> None:
    gate = Gate(4, EASY)
    flood = entered(gate, "aaaaaa")
    assert gate.working == 4
    others = entered(gate, "bb")
    for place in flood[:3]:
        gate.leave(place)
    assert standings(others) == [Standing.WORKS] * 2
    assert [place.account for place in [*flood, *others] if place.standing is Standing.WORKS] == list("aabb")


def test_accounts_take_turns() -> None:
    gate = Gate(3, EASY)
    at_work, waiting, served = entered(gate, "xxx"), entered(gate, "aabbcc"), ""
    for place in at_work:
        gate.leave(place)
        (next_one,) = [each for each in waiting if each.standing is Standing.WORKS]
        waiting.remove(next_one)
        served += next_one.account
    assert served == "abc"


def test_a_late_loop_leaves_room_for_fewer_and_one_in_time_for_more_again() -> None:
    gate = Gate(64, EASY)
    entered(gate, "a" * 64)
    gate.pace(2 * EASY.late_seconds, LOOK)
    assert gate.room == 44
    assert gate.working == 64, "what has begun goes on"
    for _ in range(20):
        gate.pace(2 * EASY.late_seconds, LOOK)
    assert gate.room == EASY.working_least
    for _ in range(20):
        gate.pace(0.0, LOOK)
    assert gate.room == 64


def test_a_late_loop_keeps_calls_waiting_and_room_that_comes_back_is_given_at_once() -> None:
    gate = Gate(EASY.working_least + 4, EASY)
    gate.pace(2 * EASY.late_seconds, LOOK)
    places = entered(gate, "a" * (EASY.working_least + 1))
    assert (gate.working, gate.waiting) == (EASY.working_least, 1)
    gate.pace(0.0, LOOK)
    assert places[-1].standing is Standing.WORKS


def test_a_class_that_has_little_room_keeps_it() -> None:
    gate = Gate(4, EASY)
    gate.pace(2 * EASY.late_seconds, LOOK)
    assert gate.room == 4


def test_who_gives_up_leaves_his_place_in_the_queue() -> None:
    gate = Gate(1, EASY)
    works, gone, next_one = entered(gate, "aaa")
    gate.leave(gone)
    gate.leave(works)
    assert next_one.standing is Standing.WORKS


def test_who_gives_up_in_the_midst_of_his_account_s_queue_leaves_the_others_in_their_order() -> None:
    gate = Gate(1, EASY)
    gate.waiting_max = 9
    works, *waiting = entered(gate, "aaaaa")
    for gone in (waiting[1], waiting[3]):
        gate.leave(gone)
    gate.leave(works)
    assert standings(waiting) == [Standing.WORKS, Standing.GONE, Standing.WAITS, Standing.GONE]
    gate.leave(waiting[0])
    assert standings(waiting[2:]) == [Standing.WORKS, Standing.GONE]


def test_calls_that_only_the_loop_makes_are_fewer_at_work_sooner_than_those_that_wait_for_more() -> None:
    gates = {name: Gate(WORKING_MAX[name](32), PACING[name]) for name in GateName}
    late = (PACING[GateName.SYMMETRIC].late_seconds + EASY.late_seconds) / 2
    for _ in range(50):
        for gate in gates.values():
            gate.pace(late, LOOK)
    rooms = {name: gate.room for name, gate in gates.items()}
    assert rooms.pop(GateName.SYMMETRIC) == PACING[GateName.SYMMETRIC].working_least
    assert rooms == {name: WORKING_MAX[name](32) for name in rooms}


ACTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Priority), st.floats(0, 0.3), st.booleans(), st.integers(0, 50)))


@given(st.integers(1, 5), ACTS)
def test_whatever_comes_the_bounds_hold_and_no_place_stays_empty_while_somebody_waits(
    most: int, acts: list[tuple[str, Priority, float, bool, int]]
) -> None:
    gate, now, places = Gate(most, EASY), 0.0, list[Place]()
    for account, priority, pause, comes, which in acts:
        now += pause
        if comes or not places:
            places.append(gate.enter(account, priority, now))
        else:
            gate.leave(places[which % len(places)])
        works = [place for place in places if place.standing is Standing.WORKS]
        waits = [place for place in places if place.standing is Standing.WAITS]
        assert (gate.working, gate.waiting) == (len(works), len(waits))
        assert len(works) <= most
        assert len(waits) <= 2 * most
        assert not waits or len(works) == most
    for place in places:
        gate.leave(place)
    assert (gate.working, gate.waiting, gate._lines) == (0, 0, {priority: {} for priority in Priority})
    assert not gate._working
    assert not gate._waiting
