"""Failures are delayed by address; nothing else is, and nothing grows without bound."""

from __future__ import annotations

import asyncio
import time

import pytest

from meridian.authentication.failed_attempts import (
    ADDRESSES_MAX,
    DELAY_SECONDS_MAX,
    SLEEPING_ANSWERS_MAX,
    FailedAttempts,
)
from meridian.domain.addresses import NO_ADDRESS, network_of, plain_address

pytestmark = pytest.mark.timeout(30)


def noted(times: int, address: str = "192.0.2.1", *, now: float = 100.0, per_minute: int = 20) -> FailedAttempts:
    attempts = FailedAttempts(per_minute)
    for _ in range(times):
        attempts.note(address, now)
    return attempts


def test_twenty_failures_are_free_and_the_next_ones_wait() -> None:
    assert noted(20).is_delayed("192.0.2.1", 100.0) == 0.0
    assert noted(21).is_delayed("192.0.2.1", 100.0) == pytest.approx(3.0)
    assert noted(500).is_delayed("192.0.2.1", 100.0) == pytest.approx(DELAY_SECONDS_MAX)


def test_failures_are_forgiven_in_time() -> None:
    attempts = noted(10_000)
    assert attempts.is_delayed("192.0.2.1", 104.0) > 0.0
    assert attempts.is_delayed("192.0.2.1", 106.0) == 0.0
    for _ in range(20):
        attempts.note("192.0.2.1", 100.0 + DELAY_SECONDS_MAX + 61.0)
    assert attempts.is_delayed("192.0.2.1", 100.0 + DELAY_SECONDS_MAX + 61.0) == 0.0


def test_zero_switches_it_off() -> None:
    assert noted(1000, per_minute=0).is_delayed("192.0.2.1", 100.0) == 0.0


def test_others_do_not_wait_for_it() -> None:
    assert noted(100).is_delayed("192.0.2.2", 100.0) == 0.0


@pytest.mark.parametrize(
    ("failing", "same", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("fe80::1%eth0", "fe80::2", "192.0.2.1"),
        ("unix", "elsewhere", "192.0.2.1"),
    ],
)
def test_addresses_of_one_host_are_one(failing: str, same: str, other: str) -> None:
    attempts = noted(50, failing)
    assert attempts.is_delayed(same, 100.0) > 0.0
    assert attempts.is_delayed(other, 100.0) == 0.0


def test_the_table_keeps_the_lately_seen_addresses() -> None:
    attempts = noted(50, "192.0.2.1")
    for number in range(ADDRESSES_MAX - 1):
        attempts.note(f"10.0.{number >> 8}.{number & 255}", 100.0)
    assert attempts.is_delayed("192.0.2.1", 100.0) > 0.0
    attempts.note("192.0.2.9", 100.0)
    assert attempts.is_delayed("192.0.2.1", 100.0) == 0.0
    assert len(attempts._buckets) == ADDRESSES_MAX


@pytest.mark.asyncio
async def test_only_so_many_answers_wait_and_the_rest_leave_at_once() -> None:
    attempts = noted(100)
    waiting = [asyncio.create_task(attempts.hold_back("192.0.2.1", 100.0)) for _ in range(SLEEPING_ANSWERS_MAX)]
    await asyncio.sleep(0)
    begun = time.monotonic()
    await attempts.hold_back("192.0.2.1", 100.0)
    assert time.monotonic() - begun < DELAY_SECONDS_MAX / 2
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(attempts.hold_back("192.0.2.1", 100.0), 0.05)


@pytest.mark.parametrize(
    ("text", "plain", "network"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1", "::/64"),
        ("fe80::1%lo", "fe80::1", "fe80::/64"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3"),
        ("", "", NO_ADDRESS),
        ("somewhere", "somewhere", NO_ADDRESS),
        ("z" * 100_000, "z" * 100_000, NO_ADDRESS),
        ("1" + "%lo" * 100_000, "1" + "%lo" * 100_000, NO_ADDRESS),
    ],
)
def test_one_form_of_an_address(text: str, plain: str, network: str) -> None:
    assert (plain_address(text), network_of(text)) == (plain, network)
