"""A primary that asks a replica again and again to take its role does not keep the replica from its own operators."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.multi_region import Term
from meridian.errors import KMSInvalidStateException
from meridian.replication.await_handover import AwaitRole

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SPAN = timedelta(seconds=30)
TERM = Term(0, "us-east-1", 0)
KEY = Key(
    "aws", "eu-west-1", "111122223333", "mrk-" + "0" * 32, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS,
    KeyState.ENABLED, NOW, multi_region=MultiRegionRole("us-east-1"),
)  # fmt: skip


def waiting() -> AwaitRole:
    unused: Any = None
    return AwaitRole(store=unused, directory=unused, trail=unused, updating_seconds=30.0, refusals=unused)


def test_asking_again_makes_updating_no_longer() -> None:
    role = waiting()
    until = role._until(KEY, TERM, NOW)
    assert until == NOW + SPAN
    updating = replace(KEY, state=KeyState.UPDATING, updating_until=until)
    for seconds in (5, 15, 29):
        assert role._until(updating, TERM, NOW + timedelta(seconds=seconds)) == until


def test_after_an_updating_that_led_nowhere_the_key_is_left_alone_as_long() -> None:
    role = waiting()
    role._until(KEY, TERM, NOW)
    for seconds in (30, 45, 59):
        with pytest.raises(KMSInvalidStateException):
            role._until(KEY, TERM, NOW + timedelta(seconds=seconds))
    assert role._until(KEY, TERM, NOW + timedelta(seconds=60)) == NOW + timedelta(seconds=90)


def test_a_handover_that_came_about_is_followed_by_the_next_at_once() -> None:
    role = waiting()
    role._until(KEY, TERM, NOW)
    assert role._until(KEY, TERM._replace(number=2), NOW + timedelta(seconds=10)) == NOW + timedelta(seconds=40)
