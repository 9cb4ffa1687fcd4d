"""How many calls may wait, by how fast they are served."""

from __future__ import annotations

from math import inf

import pytest

from meridian.domain.gates import LINE_SECONDS, MORE, PACING, Gate, GateName, Place, Priority, Standing
from meridian.domain.waiting_line import LEAST, WaitingLine

MOST = 512
LOOK = 0.05
"""Seconds from one look to the next."""
WAIT = 0.05
LOOKS = 30
"""After so many nothing is left of what was before."""


def line_at(per_second: float, seconds: float = WAIT) -> int:
    """How many may wait where so many calls are served a second and somebody always waits."""
    line = WaitingLine(MOST, seconds)
    return [line.look(round(per_second * LOOK), LOOK, waits=True) for _ in range(LOOKS)][-1]


def test_as_many_wait_as_are_served_in_the_time() -> None:
    assert line_at(4_000) == pytest.approx(4_000 * WAIT, abs=1)


def test_never_more_than_the_most_nor_fewer_than_a_part_of_them() -> None:
    assert (line_at(100_000), line_at(0)) == (MOST, MOST // LEAST)


def test_where_no_time_is_said_the_most_alone_counts() -> None:
    assert line_at(10, inf) == MOST


def test_nothing_is_learnt_where_nobody_waits_or_somebody_only_now() -> None:
    line = WaitingLine(MOST, WAIT)
    assert [line.look(1, LOOK, waits=waits) for waits in (False, True, False, False)] == [MOST] * 4
    line.look(1, LOOK, waits=True)
    assert line.look(1, LOOK, waits=True) < MOST


def test_one_look_that_a_slow_disk_spoilt_is_no_pace() -> None:
    line = WaitingLine(MOST, WAIT)
    usual = [line.look(200, LOOK, waits=True) for _ in range(LOOKS)][-1]
    assert line.look(0, LOOK, waits=True) >= 0.7 * usual


def test_a_crowd_that_comes_at_once_is_let_in_as_far_as_it_is_served_in_time() -> None:
    gate, per_look, now = Gate(256, PACING[GateName.SYMMETRIC]), 180, 100.0
    at_work = list[Place]()
    while gate.waiting < 64:
        at_work.append(gate.enter("a", Priority.ENCRYPT, now))
    for _ in range(LOOKS):
        gate.pace(1.0, LOOK)
        for _ in range(per_look):
            at_work.append(gate.enter("a", Priority.ENCRYPT, now))
            gate.leave(next(place for place in at_work if place.standing is Standing.WORKS))
            at_work = [place for place in at_work if place.standing in {Standing.WORKS, Standing.WAITS}]
    crowd = [gate.enter("a", Priority.ENCRYPT, now) for _ in range(1000)]
    assert gate.waiting == pytest.approx(per_look / LOOK * LINE_SECONDS, rel=0.02)
    assert [place.standing for place in crowd].count(Standing.REFUSED) >= 1000 - gate.waiting - MORE
