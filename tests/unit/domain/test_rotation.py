"""Rotation as values: what is due, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from meridian.domain.key import (
    Key,
    KeyMaterial,
    KeySpec,
    KeyState,
    KeyUsage,
    MultiRegionRole,
    Origin,
    RotationSchedule,
    RotationType,
)
from meridian.domain.limits import Limits
from meridian.domain.rotation import Rotated, rotate_due, with_on_demand_begun, with_schedule, without_schedule
from meridian.errors import ConflictException, KMSInvalidStateException, LimitExceededException

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400.0
FIRST, SECOND = KeyMaterial("a" * 64, 0, 1, b"first"), KeyMaterial("b" * 64, 1, 1, b"second")


def key(primary_region: str = "us-east-1", **changes: Any) -> Key:
    made = Key(
        partition="aws",
        region="us-east-1",
        account="111122223333",
        key_id="mrk-1234abcd12ab34cd56ef1234567890ab",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=NOW,
        multi_region=MultiRegionRole(primary_region, ("eu-west-1",)),
        current_material_id=FIRST.material_id,
        materials=(FIRST,),
    )
    return replace(made, **changes)


def rotate(which: Key, *, held: bool = True) -> Rotated:
    return rotate_due(which, NOW, lambda _: SECOND, lambda _: held, DAY)


DUE: Final[dict[str, Any]] = {"on_demand_started_at": NOW}
BY_CALENDAR: Final[dict[str, Any]] = {"rotation": RotationSchedule(90, NOW)}


@pytest.mark.parametrize("due", [DUE, BY_CALENDAR])
def test_a_replica_never_rotates_by_itself(due: dict[str, Any]) -> None:
    for origin in (Origin.AWS_KMS, Origin.EXTERNAL):
        replica = key("eu-west-1", origin=origin, **due)
        assert rotate(replica) == Rotated(replica)
        pending = replica.with_pending(SECOND)
        assert rotate(pending) == Rotated(pending)


def test_the_switch_waits_until_every_member_has_the_material() -> None:
    waiting = rotate(key(**DUE), held=False)
    assert waiting.type is None
    assert waiting.key.pending_material_id == SECOND.material_id
    assert waiting.key.current_material_id == FIRST.material_id
    done = rotate(waiting.key)
    assert done.type is RotationType.ON_DEMAND
    assert done.key.current_material_id == SECOND.material_id
    assert done.key.on_demand_started_at is None


def test_a_rotation_by_the_calendar_moves_the_date_by_a_period() -> None:
    done = rotate(key(**BY_CALENDAR))
    assert done.type is RotationType.AUTOMATIC
    assert done.key.rotation == RotationSchedule(90, NOW + timedelta(days=90))


def test_a_key_that_is_not_enabled_waits() -> None:
    disabled = key(state=KeyState.DISABLED, **BY_CALENDAR)
    assert rotate(disabled) == Rotated(disabled)


def test_a_rotation_with_nothing_to_rotate_to_lapses() -> None:
    lapsed = rotate(key(origin=Origin.EXTERNAL, **DUE))
    assert lapsed.lapsed
    assert lapsed.key.on_demand_started_at is None


# ---- schedules, and what is asked for


def test_a_schedule_begins_with_a_whole_period_and_the_same_one_stays() -> None:
    for period, expected in ((90, 90), (None, 365)):
        scheduled = with_schedule(key(), period, NOW, DAY)
        assert scheduled == key(rotation=RotationSchedule(expected, NOW + timedelta(days=expected)))
        assert with_schedule(scheduled, period, NOW + timedelta(days=1), DAY) == scheduled
        assert with_schedule(scheduled, None, NOW + timedelta(days=1), DAY) == scheduled
    other = with_schedule(with_schedule(key(), 90, NOW, DAY), 91, NOW, DAY)
    assert other.rotation == RotationSchedule(91, NOW + timedelta(days=91))
    assert without_schedule(other) == key()


def begun(which: Key, *, everywhere: bool = True) -> Key:
    return with_on_demand_begun(which, NOW, Limits(), is_held_everywhere=everywhere)


def test_a_rotation_on_demand_is_counted_and_the_one_under_way_is_the_same() -> None:
    once = begun(key(on_demand_rotations=24))
    assert once == key(on_demand_started_at=NOW, on_demand_rotations=25)
    assert with_on_demand_begun(once, NOW + timedelta(days=1), Limits(), is_held_everywhere=True) == once
    with pytest.raises(LimitExceededException) as refused:
        begun(key(on_demand_rotations=25))
    assert refused.value.message.endswith(f"this key: {key().arn}")


def test_a_rotation_on_demand_waits_while_one_by_the_calendar_is_near() -> None:
    near = timedelta(seconds=Limits().rotation_conflict_seconds)
    with pytest.raises(ConflictException):
        begun(key(rotation=RotationSchedule(90, NOW + near)))
    begun(key(rotation=RotationSchedule(90, NOW + near + timedelta(seconds=1))))


def test_imported_material_rotates_to_what_waits_and_is_here() -> None:
    waiting = key(origin=Origin.EXTERNAL).with_pending(SECOND)
    assert begun(waiting).on_demand_started_at == NOW
    lasting = waiting.with_replaced(replace(SECOND, expires_at=NOW + timedelta(seconds=1)))
    assert begun(lasting).on_demand_started_at == NOW
    for refused in (
        key(origin=Origin.EXTERNAL),
        waiting.with_replaced(replace(SECOND, sealed_bytes=b"")),
        waiting.with_replaced(replace(SECOND, expires_at=NOW)),
    ):
        with pytest.raises(KMSInvalidStateException) as fault:
            begun(refused)
        assert (fault.value.key_arn, key().arn in fault.value.message) == (key().arn, True)
    with pytest.raises(KMSInvalidStateException, match="for replicas") as elsewhere:
        begun(waiting, everywhere=False)
    assert elsewhere.value.key_arn == key().arn


def test_imported_material_becomes_current_and_the_key_halts_where_it_is_lost() -> None:
    waiting = key(origin=Origin.EXTERNAL).with_pending(SECOND)
    assert rotate(waiting) == Rotated(waiting), "nobody has asked"
    done = rotate(replace(waiting, on_demand_started_at=NOW))
    assert (done.type, done.lapsed, done.key.current_material_id) == (RotationType.ON_DEMAND, False, SECOND.material_id)
    assert (done.key.state, done.key.on_demand_started_at) == (KeyState.ENABLED, None)
    lost = rotate(replace(waiting.with_replaced(replace(SECOND, sealed_bytes=b"")), on_demand_started_at=NOW))
    assert lost.key.state is KeyState.PENDING_IMPORT


def test_a_date_that_was_missed_by_more_than_a_period_moves_to_a_period_from_now() -> None:
    late = rotate(key(rotation=RotationSchedule(90, NOW - timedelta(days=91))))
    assert late.key.rotation == RotationSchedule(90, NOW + timedelta(days=90))
    soon = rotate(key(rotation=RotationSchedule(90, NOW - timedelta(days=89))))
    assert soon.key.rotation == RotationSchedule(90, NOW + timedelta(days=1))
    early = key(rotation=RotationSchedule(90, NOW + timedelta(seconds=1)))
    assert rotate(early) == Rotated(early)


def test_a_rotation_on_demand_leaves_the_calendar_as_it_is() -> None:
    both = key(**DUE, rotation=RotationSchedule(90, NOW))
    done = rotate(both)
    assert (done.type, done.key.rotation) == (RotationType.ON_DEMAND, both.rotation)
    waiting = rotate(key(**BY_CALENDAR), held=False).key
    finished = rotate(replace(waiting, on_demand_started_at=NOW))
    assert (finished.type, finished.key.on_demand_started_at) == (RotationType.AUTOMATIC, NOW), "one is done, the other is under way"
