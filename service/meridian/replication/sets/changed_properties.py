"""Which shared properties of a set a new state moves, as its audit events name them.

Source: AWS KMS Developer Guide, Shared properties of multi-Region keys; docs/spec/audit.md, events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from meridian.domain.multi_region import SetState

PROPERTIES: Final[dict[str, Callable[[SetState], Any]]] = {
    "multiRegionConfiguration": lambda state: (state.primary, state.replica_regions),
    "keyMaterials": lambda state: state.materials,
    "currentKeyMaterialId": lambda state: state.current,
    "pendingKeyMaterialId": lambda state: state.pending,
    "keyRotation": lambda state: (state.rotation_period_in_days, state.next_rotation_us),
    "onDemandRotation": lambda state: (state.on_demand_started_us, state.on_demand_rotations),
}
"""THE table of shared properties that can move."""


def moved(before: SetState | None, after: SetState) -> list[str]:
    """The names of those that differ; of a first state, all that it has."""
    return [name for name, read in PROPERTIES.items() if (read(before) if before is not None else EMPTY[name]) != read(after)]


EMPTY: Final[dict[str, Any]] = {
    "multiRegionConfiguration": None,
    "keyMaterials": (),
    "currentKeyMaterialId": "",
    "pendingKeyMaterialId": "",
    "keyRotation": (0, 0),
    "onDemandRotation": (0, 0),
}
