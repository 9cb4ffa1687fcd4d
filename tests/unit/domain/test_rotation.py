"""Rotation as values: what is due, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from meridian.domain.rotation import Rotated, rotate_due

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400.0
FIRST, SECOND = KeyMaterial("a" * 64, 0, 1, b"first"), KeyMaterial("b" * 64, 1, 1, b"second")


def key(primary_region: str = "us-east-1", **changes: object) -> Key:
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
    return replace(made, **changes)  # type: ignore[arg-type]  # any field, by its name


def rotate(which: Key, *, held: bool = True) -> Rotated:
    return rotate_due(which, NOW, lambda _: SECOND, lambda _: held, DAY)


DUE = {"on_demand_started_at": NOW}
BY_CALENDAR = {"rotation": RotationSchedule(90, NOW)}


@pytest.mark.parametrize("due", [DUE, BY_CALENDAR])
def test_a_replica_never_rotates_by_itself(due: dict[str, object]) -> None:
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
