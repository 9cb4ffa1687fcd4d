"""What a set state may say, beyond the form of its fields: what the API itself would have taken. It is asked of every state that is read,
and of every state before it is signed here: what one member takes, all take.

Source: AWS KMS API Reference, EnableKeyRotation; docs/spec/multi-region.md, whose word counts.
"""

from __future__ import annotations

from typing import Final

from meridian.domain.key import RotationType
from meridian.domain.limits import ROTATION_PERIOD_IN_DAYS_MAX, ROTATION_PERIOD_IN_DAYS_MIN
from meridian.domain.multi_region import SetState
from meridian.replication.wire.message_bounds import COUNT, OutOfBounds

ROTATION_TYPES: Final = frozenset({"", *RotationType})
TIME_US_MAX: Final = COUNT - ROTATION_PERIOD_IN_DAYS_MAX * 86_400 * 1_000_000
"""The longest period after it is still a time that every member reads."""


def require_possible(state: SetState) -> None:
    """Raises: OutOfBounds for what no call of the API brings about; the message names the field."""
    period = state.rotation_period_in_days
    if period and not ROTATION_PERIOD_IN_DAYS_MIN <= period <= ROTATION_PERIOD_IN_DAYS_MAX:
        raise OutOfBounds(f"rotation_period_in_days is not from {ROTATION_PERIOD_IN_DAYS_MIN} to {ROTATION_PERIOD_IN_DAYS_MAX}")
    for name, moment in (("next_rotation_us", state.next_rotation_us), ("on_demand_started_us", state.on_demand_started_us)):
        _require_time(name, moment)
    for material in state.materials:
        _require_time("rotated_us", material.rotated_us)
        if material.rotation_type not in ROTATION_TYPES:
            raise OutOfBounds("rotation_type is not one that is known")
        if material.rotation_number >= len(state.materials):  # each rotation brings a material, and none is ever left out
            raise OutOfBounds("rotation_number is higher than the materials that are listed")
    if len(state.material_ids) != len(state.materials):
        raise OutOfBounds("materials lists one twice")
    for name, material_id in (("current", state.current), ("pending", state.pending)):
        if material_id and material_id not in state.material_ids:
            raise OutOfBounds(f"{name} is not among the materials")


def _require_time(name: str, microseconds: int) -> None:
    if microseconds > TIME_US_MAX:
        raise OutOfBounds(f"{name} is not from 0 to {TIME_US_MAX}")
