"""Caches hold no more than their bounds, and nothing about a version of a key that has a successor."""

from __future__ import annotations

import time
from collections.abc import Hashable

import pytest

from meridian.domain.bounded_cache import BoundedCache, Caches, key_owner, nobody
from meridian.domain.weights import ENTRY_BYTES

ONE, OTHER = key_owner("111122223333", "one"), key_owner("111122223333", "other")
WEIGHT = 1000


def made(caches: Caches, name: str, most: int = 100) -> BoundedCache[str, str]:
    return BoundedCache(caches, name, most=most, weigh=lambda *_: WEIGHT - ENTRY_BYTES, left=nobody)


def test_there_are_no_more_entries_than_the_bound() -> None:
    cache = made(Caches(10**9), "a", most=4)
    for number in range(20):
        cache.keep(f"{number}", "v", ())
    assert (len(cache), cache.bytes, cache.get("19")) == (4, 4 * WEIGHT, "v")


def test_all_caches_together_take_no_more_bytes_than_the_bound_and_who_has_most_gives_way() -> None:
    caches = Caches(10 * WEIGHT)
    small, large = made(caches, "small"), made(caches, "large")
    for number in range(3):
        small.keep(f"{number}", "v", ())
    for number in range(100):
        large.keep(f"{number}", "v", (ONE,))
        assert sum(taken for _, _, taken in caches.sizes()) == caches.bytes <= 10 * WEIGHT
    assert (len(small), len(large)) == (3, 7)
    assert len(large.of(ONE)) == 7


def test_what_is_too_large_for_all_the_memory_is_not_kept_and_nothing_leaves_for_it() -> None:
    caches, heard = Caches(2 * WEIGHT), list[str]()
    cache: BoundedCache[str, int] = BoundedCache(caches, "a", most=100, weigh=lambda _, size: size - ENTRY_BYTES, left=heard.append)
    cache.keep("neighbour", WEIGHT, (OTHER,))
    cache.keep("n", WEIGHT, (ONE,))
    cache.keep("n", 2 * WEIGHT + 1, (ONE,))
    assert (len(cache), caches.bytes, cache.get("neighbour"), cache.get("n"), cache.owners) == (1, WEIGHT, WEIGHT, None, [OTHER])
    assert set(heard) == {"n"}


def test_a_key_that_changes_is_forgotten_in_every_cache_and_no_other_key_is() -> None:
    caches = Caches(10**9)
    every = [made(caches, name) for name in "abc"]
    for cache in every:
        cache.keep("first", "v", (ONE,))
        cache.keep("both", "v", (ONE, OTHER))
        cache.keep("other", "v", (OTHER,))
    caches.forget(ONE)
    assert [[cache.get(name) for name in ("first", "both", "other")] for cache in every] == [[None, None, "v"]] * 3
    assert caches.bytes == 3 * WEIGHT
    caches.forget_everything_owned()
    assert (caches.bytes, [cache.owners for cache in every]) == (0, [[], [], []])


def test_what_is_asked_for_stays_and_what_is_not_leaves_first() -> None:
    cache = made(Caches(10**9), "a", most=10)
    for number in range(50):
        cache.keep(f"{number}", "v", ())
        cache.get("0")
    assert cache.get("0") == "v"
    assert cache.get("40") is None


def test_what_belongs_to_one_key_twice_leaves_once() -> None:
    """A re-encryption within one key has it as source and as destination."""
    caches = Caches(10**9)
    cache = made(caches, "a")
    cache.keep("n", "v", (ONE, ONE))
    caches.forget(ONE)
    assert (len(cache), caches.bytes, cache.owners) == (0, 0, [])


def test_a_name_that_is_kept_again_is_counted_once() -> None:
    caches = Caches(10**9)
    cache = made(caches, "a")
    cache.keep("n", "old", (ONE,))
    cache.keep("n", "new", (OTHER,))
    caches.forget(ONE)
    assert (cache.get("n"), caches.bytes, cache.owners) == ("new", WEIGHT, [OTHER])


def test_whoever_depends_on_an_entry_hears_that_it_left() -> None:
    caches, heard = Caches(10**9), list[Hashable]()
    cache: BoundedCache[str, str] = BoundedCache(caches, "a", most=1, weigh=lambda *_: 0, left=heard.append)
    cache.keep("one", "v", ())
    cache.keep("two", "v", ())
    assert heard == ["one"]


def test_a_cache_that_has_retired_is_not_counted_and_keeps_nothing() -> None:
    caches = Caches(10**9)
    cache = made(caches, "a")
    cache.keep("n", "v", (ONE,))
    kept, _ = cache.retire()
    assert (len(kept), caches.bytes, caches.sizes()) == (1, 0, [])
    cache.keep("late", "v", (ONE,))
    assert (len(cache), caches.bytes) == (0, 0)
    made(caches, "a")  # its name is free


def test_two_caches_of_one_name_would_hide_each_other_and_are_refused() -> None:
    caches = Caches(10**9)
    made(caches, "a")
    with pytest.raises(ValueError, match="two caches"):
        made(caches, "a")


def seconds_of_keeping(most: int, count: int) -> float:
    """Of so many new entries in a cache that is full, each asked for once."""
    cache = BoundedCache[int, int](Caches(1 << 30), "x", most=most, weigh=lambda _name, _value: 1, left=nobody)
    for number in range(most):
        cache.keep(number, number, ())
        cache.get(number)
    began = time.perf_counter()
    for number in range(most, most + count):
        cache.keep(number, number, ())
        cache.get(number)
    return time.perf_counter() - began


def test_an_entry_leaves_a_large_cache_as_fast_as_a_small_one() -> None:
    """Where the first entry is searched for it takes thirty times as long. A busy machine may spoil some of the attempts."""
    assert min(seconds_of_keeping(40_000, 4_000) / seconds_of_keeping(400, 4_000) for _ in range(4)) < 5
