"""Rotation: when it is due, and what it makes of a key. New bytes come from the engine; here are the rules.

A set of related keys rotates in two halves: the new material is pending until every member has it, then it becomes current
everywhere. A key alone does both at once.

Source: AWS KMS Developer Guide, Rotate AWS KMS keys; AWS KMS API Reference, RotateKeyOnDemand; recorded answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meridian.domain.key import Key, KeyMaterial, KeyState, MultiRegionKeyType, Origin, RotationSchedule, RotationType
from meridian.domain.limits import ROTATION_PERIOD_IN_DAYS_DEFAULT, Limits
from meridian.errors import ConflictException, KMSInvalidStateException, LimitExceededException


def with_schedule(key: Key, period_in_days: int | None, now: datetime, day_seconds: float) -> Key:
    """The key with automatic rotation on. The same period, or none said, leaves a schedule as it is."""
    if key.rotation is not None and period_in_days in (None, key.rotation.period_in_days):
        return key
    period = period_in_days or ROTATION_PERIOD_IN_DAYS_DEFAULT
    return replace(key, rotation=RotationSchedule(period, now + timedelta(seconds=period * day_seconds)))


def without_schedule(key: Key) -> Key:
    """The key with automatic rotation off."""
    return replace(key, rotation=None)


def with_on_demand_begun(key: Key, now: datetime, limits: Limits, *, is_held_everywhere: bool) -> Key:
    """The key with an on-demand rotation under way; one that is under way already is the same one.

    `is_held_everywhere` says whether every related key has the pending imported material. Raises: LimitExceededException,
    ConflictException, KMSInvalidStateException.
    """
    if key.on_demand_started_at is not None:
        return key
    if key.on_demand_rotations >= limits.on_demand_rotations_per_key:
        raise LimitExceededException(
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for "
            f"this key: {key.arn}"
        )
    near = now + timedelta(seconds=limits.rotation_conflict_seconds)
    if key.rotation is not None and key.rotation.next_at <= near:
        raise ConflictException(f"An automatic rotation of {key.arn} is under way or about to begin.")
    if key.origin is Origin.EXTERNAL:
        _require_pending(key, now, is_held_everywhere=is_held_everywhere)
    return replace(key, on_demand_started_at=now, on_demand_rotations=key.on_demand_rotations + 1)


def _require_pending(key: Key, now: datetime, *, is_held_everywhere: bool) -> None:
    pending = key.find_material(key.pending_material_id)
    if pending is None or not pending.is_present or (pending.expires_at is not None and pending.expires_at <= now):
        raise KMSInvalidStateException(f"No available key material pending rotation for the key: {key.arn}.", key_arn=key.arn)
    if not is_held_everywhere:
        raise KMSInvalidStateException(
            "Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.",
            key_arn=key.arn,
        )


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a key: rotated where `type` is set; where `lapsed`, a rotation found nothing to rotate to."""

    key: Key
    type: RotationType | None = None
    lapsed: bool = False


def rotate_due(
    key: Key, now: datetime, new_material: Callable[[Key], KeyMaterial], is_held_by_all: Callable[[str], bool], day_seconds: float
) -> Rotated:
    """Take the next step of the rotation that is due or under way, if any."""
    if key.multi_region_key_type is MultiRegionKeyType.REPLICA:
        return Rotated(key)  # a replica shows the rotation of its set and waits for the primary
    if key.origin is Origin.EXTERNAL:
        return _rotate_imported(key, now)
    if not key.pending_material_id:
        kind = _due(key, now)
        if kind is None:
            return Rotated(key)
        if kind is RotationType.AUTOMATIC:
            key = _moved_on(key, now, day_seconds)
        key = key.with_pending(replace(new_material(key), rotation_type=kind))
    return finish(key, now) if is_held_by_all(key.pending_material_id) else Rotated(key)


def finish(key: Key, now: datetime) -> Rotated:
    """The second half: the pending material, present everywhere, becomes current."""
    pending = key.find_material(key.pending_material_id)
    kind = pending.rotation_type if pending is not None and pending.rotation_type else RotationType.ON_DEMAND
    done = key.with_rotation_done(kind, now)
    return Rotated(replace(done, on_demand_started_at=None) if kind is RotationType.ON_DEMAND else done, kind)


def _rotate_imported(key: Key, now: datetime) -> Rotated:
    if key.on_demand_started_at is None:
        return Rotated(key)
    if not key.pending_material_id:
        return Rotated(replace(key, on_demand_started_at=None), lapsed=True)
    rotated = finish(key, now)
    return replace(rotated, key=rotated.key.with_material_lost())


def _due(key: Key, now: datetime) -> RotationType | None:
    if key.on_demand_started_at is not None:
        return RotationType.ON_DEMAND
    if key.rotation is not None and key.rotation.next_at <= now and key.state is KeyState.ENABLED:
        return RotationType.AUTOMATIC
    return None


def _moved_on(key: Key, now: datetime, day_seconds: float) -> Key:
    """The key with its schedule one period on; where that is past too, a whole period from now."""
    schedule = key.rotation
    if schedule is None:
        return key
    period = timedelta(seconds=schedule.period_in_days * day_seconds)
    following = schedule.next_at + period
    return replace(key, rotation=replace(schedule, next_at=following if following > now else now + period))
