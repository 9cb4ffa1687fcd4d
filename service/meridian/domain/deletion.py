"""The end of a key: scheduled, cancelled, due.

Source: AWS KMS API Reference, ScheduleKeyDeletion, CancelKeyDeletion; AWS KMS Developer Guide, Deleting multi-Region keys.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from meridian.domain.key import Key, KeyState, MultiRegionKeyType, Origin


def with_deletion_scheduled(key: Key, window_in_days: int, now: datetime, day_seconds: float) -> Key:
    """The key at the start of its waiting period. A primary with replicas begins it when the last of them is gone."""
    waiting = replace(key, deletion_window_in_days=window_in_days)
    if key.multi_region_key_type is MultiRegionKeyType.PRIMARY and key.multi_region and key.multi_region.replica_regions:
        return replace(waiting, state=KeyState.PENDING_REPLICA_DELETION)
    return with_window_begun(waiting, now, day_seconds)


def with_window_begun(key: Key, now: datetime, day_seconds: float) -> Key:
    """The key with its whole waiting period from now."""
    ends = now + timedelta(seconds=key.deletion_window_in_days * day_seconds)
    return replace(key, state=KeyState.PENDING_DELETION, state_once_connected=None, deletion_at=ends)


def with_deletion_cancelled(key: Key) -> Key:
    """The key rescued: Disabled, or PendingImport where imported material is missing; Creating where its place was never taken."""
    if key.multi_region_key_type is MultiRegionKeyType.REPLICA and not key.materials:
        return replace(key, state=KeyState.CREATING, deletion_at=None, deletion_window_in_days=0)
    is_usable = key.origin is not Origin.EXTERNAL or key.is_complete
    state = KeyState.DISABLED if is_usable else KeyState.PENDING_IMPORT
    return replace(key, state=state, deletion_at=None, deletion_window_in_days=0)


def is_deletion_due(key: Key, now: datetime) -> bool:
    """Whether the waiting period is over."""
    return key.state is KeyState.PENDING_DELETION and key.deletion_at is not None and key.deletion_at <= now
