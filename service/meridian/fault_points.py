"""Named moments at which tests end the process, to show that nothing acknowledged is lost there.

A point does nothing unless the process was started with its name in MERIDIAN_TEST_KILL_AT. THE list of points is the enum: a
new commit point gets a name here, and the fault suite walks every name.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from typing import Final

VARIABLE: Final = "MERIDIAN_TEST_KILL_AT"


class FaultPoint(StrEnum):
    """Moments before and after each commit of an operation that makes, changes or moves keys, and around its records."""

    CREATE_KEY_MATERIAL_GENERATED = "create_key.material_generated"
    CREATE_KEY_BEFORE_COMMIT = "create_key.before_commit"
    CREATE_KEY_AFTER_COMMIT = "create_key.after_commit"
    REPLICATE_KEY_BEFORE_PREPARE = "replicate_key.before_prepare"
    REPLICATE_KEY_PREPARE_BEFORE_COMMIT = "replicate_key.prepare_before_commit"
    REPLICATE_KEY_PREPARE_AFTER_COMMIT = "replicate_key.prepare_after_commit"
    REPLICATE_KEY_AFTER_PREPARE = "replicate_key.after_prepare"
    REPLICATE_KEY_BEFORE_COMMIT = "replicate_key.before_commit"
    REPLICATE_KEY_AFTER_COMMIT = "replicate_key.after_commit"
    REPLICATE_KEY_SEALED = "replicate_key.envelope_sealed"
    REPLICATE_KEY_APPLY_BEFORE_COMMIT = "replicate_key.apply_before_commit"
    REPLICATE_KEY_APPLY_AFTER_COMMIT = "replicate_key.apply_after_commit"
    REPLICATE_KEY_ACKNOWLEDGED = "replicate_key.delivery_acknowledged"
    REPLICATE_KEY_HELD_BEFORE_COMMIT = "replicate_key.held_before_commit"
    REPLICATE_KEY_HELD_AFTER_COMMIT = "replicate_key.held_after_commit"
    IMPORT_BEFORE_COMMIT = "import.before_commit"
    IMPORT_AFTER_COMMIT = "import.after_commit"
    DELETE_MATERIAL_BEFORE_COMMIT = "delete_material.before_commit"
    ROTATE_BEFORE_COMMIT = "rotate.before_commit"
    ROTATE_AFTER_COMMIT = "rotate.after_commit"
    SCHEDULE_BEFORE_COMMIT = "schedule.before_commit"
    SCHEDULE_AFTER_COMMIT = "schedule.after_commit"
    DELETE_KEY_BEFORE_COMMIT = "delete_key.before_commit"
    HANDOVER_PREPARED = "handover.prepared"
    HANDOVER_BEFORE_COMMIT = "handover.before_commit"
    HANDOVER_AFTER_COMMIT = "handover.after_commit"
    HANDOVER_TAKE_BEFORE_COMMIT = "handover.take_before_commit"
    HANDOVER_TAKE_AFTER_COMMIT = "handover.take_after_commit"
    ROTATE_KEK_BEFORE_COMMIT = "rotate_kek.before_commit"
    ROTATE_ROOT_BEFORE_COMMIT = "rotate_root.before_commit"
    REWRAP_BEFORE_COMMIT = "rewrap.before_commit"
    REWRAP_AFTER_COMMIT = "rewrap.after_commit"
    AUDIT_DURABLE = "audit.durable_before_answer"
    AUDIT_SHIPPED = "audit.shipped_before_noted"


_ARMED: Final = os.environ.get(VARIABLE, "")


def reach(point: FaultPoint) -> None:
    """End the process at once, as a power cut would, if this point is armed."""
    if point == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
