"""How soon a process is started again."""

from __future__ import annotations

from meridian.parent.one_process import PAUSE_SECONDS_MAX, pause_after


def test_pauses_double_up_to_a_bound() -> None:
    assert [pause_after(failures) for failures in range(1, 8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert pause_after(10_000) == PAUSE_SECONDS_MAX
