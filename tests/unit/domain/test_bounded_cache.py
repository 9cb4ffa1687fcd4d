"""Caches hold no more than their bounds, and nothing about a version of a key that has a successor."""

from __future__ import annotations

import time
from collections.abc import Hashable

import pytest

from meridian.domain.bounded_cache import AT_ONCE, EVERYBODY, BoundedCache, Caches, nobody
from meridian.domain.cache_entries import key_owner
from meridian.domain.weights import ENTRY_BYTES

ONE, OTHER = key_owner("111122223333", "one"), key_owner("111122223333", "other")
WEIGHT = 1000


def made(caches: Caches, name: str, most: int = 100) -> BoundedCache[str, str]:
    return BoundedCache(caches, name, most=most, weigh=lambda *_: WEIGHT - ENTRY_BYTES, left=nobody)


def test_there_are_no_more_entries_than_the_bound() -> None:
    cache = made(Caches(10**9), "a", most=4)
    for number in range(20):
        cache.keep(f"{number}", "v", (), EVERYBODY)
    assert (len(cache), cache.bytes, cache.get("19")) == (4, 4 * WEIGHT, "v")


def test_all_caches_together_take_no_more_bytes_than_the_bound_and_who_has_most_gives_way() -> None:
    caches = Caches(10 * WEIGHT)
    small, large = made(caches, "small"), made(caches, "large")
    for number in range(3):
        small.keep(f"{number}", "v", (), EVERYBODY)
    for number in range(100):
        large.keep(f"{number}", "v", (ONE,), EVERYBODY)
        assert sum(taken for _, _, taken in caches.sizes()) == caches.bytes <= 10 * WEIGHT
    assert (len(small), len(large)) == (3, 7)
    assert len(large.of(ONE)) == 7


def test_what_is_too_large_for_all_the_memory_is_not_kept_and_nothing_leaves_for_it() -> None:
    caches, heard = Caches(2 * WEIGHT), list[str]()
    cache: BoundedCache[str, int] = BoundedCache(caches, "a", most=100, weigh=lambda _, size: size - ENTRY_BYTES, left=heard.append)
    cache.keep("neighbour", WEIGHT, (OTHER,), EVERYBODY)
    cache.keep("n", WEIGHT, (ONE,), EVERYBODY)
    cache.keep("n", 2 * WEIGHT + 1, (ONE,), EVERYBODY)
    assert (len(cache), caches.bytes, cache.get("neighbour"), cache.get("n"), cache.owners) == (1, WEIGHT, WEIGHT, None, [OTHER])
    assert set(heard) == {"n"}


def test_a_key_that_changes_is_forgotten_in_every_cache_and_no_other_key_is() -> None:
    caches = Caches(10**9)
    every = [made(caches, name) for name in "abc"]
    for cache in every:
        cache.keep("first", "v", (ONE,), EVERYBODY)
        cache.keep("both", "v", (ONE, OTHER), EVERYBODY)
        cache.keep("other", "v", (OTHER,), EVERYBODY)
    caches.forget(ONE)
    assert [[cache.get(name) for name in ("first", "both", "other")] for cache in every] == [[None, None, "v"]] * 3
    assert caches.bytes == 3 * WEIGHT
    caches.forget_everything_owned()
    assert (caches.bytes, [cache.owners for cache in every]) == (0, [[], [], []])


def test_what_is_asked_for_stays_and_what_is_not_leaves_first() -> None:
    cache = made(Caches(10**9), "a", most=10)
    for number in range(50):
        cache.keep(f"{number}", "v", (), EVERYBODY)
        cache.get("0")
    assert cache.get("0") == "v"
    assert cache.get("40") is None


def test_what_belongs_to_one_key_twice_leaves_once() -> None:
    """A re-encryption within one key has it as source and as destination."""
    caches = Caches(10**9)
    cache = made(caches, "a")
    cache.keep("n", "v", (ONE, ONE), EVERYBODY)
    caches.forget(ONE)
    assert (len(cache), caches.bytes, cache.owners) == (0, 0, [])


def test_a_name_that_is_kept_again_is_counted_once() -> None:
    caches = Caches(10**9)
    cache = made(caches, "a")
    cache.keep("n", "old", (ONE,), EVERYBODY)
    cache.keep("n", "new", (OTHER,), EVERYBODY)
    caches.forget(ONE)
    assert (cache.get("n"), caches.bytes, cache.owners) == ("new", WEIGHT, [OTHER])


def test_whoever_depends_on_an_entry_hears_that_it_left() -> None:
    caches, heard = Caches(10**9), list[Hashable]()
    cache: BoundedCache[str, str] = BoundedCache(caches, "a", most=1, weigh=lambda *_: 0, left=heard.append)
    cache.keep("one", "v", (), EVERYBODY)
    cache.keep("two", "v", (), EVERYBODY)
    assert heard == ["one"]


def test_a_cache_that_has_retired_is_not_counted_and_keeps_nothing() -> None:
    caches = Caches(10**9)
    cache = made(caches, "a")
    cache.keep("n", "v", (ONE,), EVERYBODY)
    kept, *_ = cache.retire()
    assert (len(kept), caches.bytes, caches.sizes()) == (1, 0, [])
    cache.keep("late", "v", (ONE,), EVERYBODY)
    assert (len(cache), caches.bytes) == (0, 0)
    made(caches, "a")  # its name is free


def test_two_caches_of_one_name_would_hide_each_other_and_are_refused() -> None:
    caches = Caches(10**9)
    made(caches, "a")
    with pytest.raises(ValueError, match="two caches"):
        made(caches, "a")


def settled(caches: Caches) -> None:
    """Let the caches do all that they have left to do."""
    before = -1
    while caches.bytes != before:
        before = caches.bytes
        caches.tidy()


def test_what_is_forgotten_is_out_of_reach_at_once_and_counts_until_it_is_freed() -> None:
    caches = Caches(10**9)
    cache = made(caches, "a", most=1000)
    for number in range(500):
        cache.keep(f"{number}", "v", (ONE,), EVERYBODY)
    cache.keep("other", "v", (OTHER,), EVERYBODY)
    caches.forget(ONE)
    assert [name for name in (*map(str, range(500)), "other") if cache.get(name)] == ["other"]
    assert (cache.owners, cache.of(ONE)) == ([OTHER], frozenset())
    assert caches.bytes == len(cache) * WEIGHT > 400 * WEIGHT
    cache.keep("7", "new", (ONE,), EVERYBODY)
    settled(caches)
    assert (cache.get("7"), cache.of(ONE), caches.bytes) == ("new", frozenset({"7"}), 2 * WEIGHT)


def test_everything_is_forgotten_at_once_and_counts_until_it_is_freed() -> None:
    caches = Caches(10**9)
    cache, unowned = made(caches, "a", most=1000), made(caches, "b")
    for number in range(500):
        cache.keep(f"{number}", "v", (ONE,), "111122223333")
    unowned.keep("n", "v", (), EVERYBODY)
    caches.forget_everything_owned()
    assert (len(cache), cache.owners, unowned.get("n")) == (0, [], "v")
    assert cache.bytes > 400 * WEIGHT
    cache.keep("7", "new", (ONE,), "111122223333")
    for _ in range(50):
        caches.tidy()
    assert (cache.get("7"), caches.bytes, cache.bytes_of("111122223333")) == ("new", 2 * WEIGHT, WEIGHT)
    assert not cache._wiped


def test_what_was_forgotten_leaves_before_anything_else_does() -> None:
    caches = Caches(200 * WEIGHT)
    cache, other = made(caches, "a", most=1000), made(caches, "b")
    for number in range(50):
        other.keep(f"{number}", "v", (OTHER,), EVERYBODY)
    for number in range(150):
        cache.keep(f"{number}", "v", (ONE,), EVERYBODY)
    caches.forget(ONE)
    for number in range(50, 100):
        other.keep(f"{number}", "v", (OTHER,), EVERYBODY)
        assert caches.bytes <= 200 * WEIGHT
    assert len(other) == 100


@pytest.mark.parametrize("most", [100, 10_000], ids=["entries", "bytes"])
def test_an_account_takes_no_more_than_its_share_from_others(most: int) -> None:
    """Where there is room it may have more."""
    caches = Caches(100 * WEIGHT)
    cache = made(caches, "a", most=most)
    for number in range(90):
        cache.keep(f"theirs {number}", "v", (), f"{number % 30:012d}")
    for number in range(1000):
        cache.keep(f"{number}", "v", (), "999999999999")
        assert caches.bytes <= 100 * WEIGHT
        caches.tidy()
    kept = sum(cache.get(f"theirs {number}") is not None for number in range(90))
    assert kept >= 67
    assert cache.get("999") == "v"


def test_what_would_make_too_many_leave_is_not_kept_until_there_is_room() -> None:
    caches = Caches(4 * AT_ONCE * WEIGHT)
    cache, large = made(caches, "a", most=10_000), BoundedCache[str, int](
        caches, "large", most=10, weigh=lambda _, size: size - ENTRY_BYTES, left=nobody
    )  # fmt: skip
    for number in range(4 * AT_ONCE):
        cache.keep(f"{number}", "v", (), EVERYBODY)
    large.keep("n", 2 * AT_ONCE * WEIGHT, (), EVERYBODY)
    assert (large.get("n"), len(cache)) == (None, 3 * AT_ONCE)
    large.keep("n", 2 * AT_ONCE * WEIGHT, (), EVERYBODY)
    assert large.get("n") is not None
    assert caches.bytes <= 4 * AT_ONCE * WEIGHT


def test_some_room_is_made_for_what_is_large() -> None:
    caches = Caches(160 * WEIGHT)
    cache = made(caches, "a", most=10_000)
    for number in range(200):
        cache.keep(f"{number}", "v", (), EVERYBODY)
    caches.tidy()
    assert caches.bytes == 150 * WEIGHT


def seconds_of_forgetting(count: int, *, everything: bool) -> float:
    """The longest step of forgetting a key with so many entries, in time of this thread."""
    caches = Caches(1 << 30)
    cache = BoundedCache[int, int](caches, "x", most=count, weigh=lambda _name, _value: 1, left=nobody)
    for number in range(count):
        cache.keep(number, number, (ONE,), "111122223333")
    began = time.thread_time()
    if everything:
        caches.forget_everything_owned()
    else:
        caches.forget(ONE)
    steps = [time.thread_time() - began]
    while caches.bytes:
        began = time.thread_time()
        caches.tidy()
        steps.append(time.thread_time() - began)
    return max(steps)


@pytest.mark.parametrize("everything", [False, True], ids=["a key", "everything"])
def test_a_key_with_many_entries_is_forgotten_as_fast_as_one_with_few(everything: bool) -> None:
    """Where all leave at once it takes a hundred times as long. A busy machine may spoil some of the attempts."""
    times = (seconds_of_forgetting(40_000, everything=everything) / seconds_of_forgetting(400, everything=everything) for _ in range(4))
    assert any(each < 10 for each in times)


def seconds_of_keeping(most: int, count: int) -> float:
    """Of so many new entries in a cache that is full, each asked for once."""
    cache = BoundedCache[int, int](Caches(1 << 30), "x", most=most, weigh=lambda _name, _value: 1, left=nobody)
    for number in range(most):
        cache.keep(number, number, (), EVERYBODY)
        cache.get(number)
    began = time.perf_counter()
    for number in range(most, most + count):
        cache.keep(number, number, (), EVERYBODY)
        cache.get(number)
    return time.perf_counter() - began


def test_an_entry_leaves_a_large_cache_as_fast_as_a_small_one() -> None:
    """Where the first entry is searched for it takes thirty times as long. A busy machine may spoil some of the attempts."""
    assert any(seconds_of_keeping(40_000, 4_000) / seconds_of_keeping(400, 4_000) < 5 for _ in range(4))


def test_what_is_looked_for_is_counted_through_every_cache_of_a_name() -> None:
    caches = Caches(10**9)
    first = made(caches, "a")
    first.keep("here", "v", (ONE,), EVERYBODY)
    assert [first.get(name) for name in ("here", "here", "away")] == ["v", "v", None]
    first.forget(ONE)
    assert first.get("here") is None
    first.retire()
    second = made(caches, "a")
    second.get("away")
    assert (caches.lookups["a"].hits, caches.lookups["a"].misses) == (2, 3), "a count never falls"
