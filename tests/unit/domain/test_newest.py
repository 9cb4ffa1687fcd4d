"""The newest values by name, and no more of them than asked for."""

from __future__ import annotations

from meridian.domain.newest import Newest


def test_the_oldest_goes_where_there_are_too_many_and_looking_makes_nothing_newer() -> None:
    kept: Newest[str, int] = Newest(2)
    assert kept.get("a") is None
    assert [kept.put("a", 1), kept.put("b", 2)] == [1, 2]
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert [kept.get(name) for name in "abc"] == [None, 2, 3]
    assert len(kept) == 2


def test_what_is_put_again_is_new_again() -> None:
    kept: Newest[str, int] = Newest(2)
    for name, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        kept.put(name, value)
    assert [kept.get(name) for name in "abc"] == [3, None, 4]
    kept.clear()
    assert (len(kept), kept.get("a")) == (0, None)
