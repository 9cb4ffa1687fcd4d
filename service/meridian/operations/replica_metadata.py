"""The metadata of a replica that another Region has just reserved, as its caller is told it here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.message import DecodeError

from meridian.domain.key import Key, KeyState, MultiRegionRole
from meridian.errors import DependencyTimeoutException
from meridian.kms.v1 import multi_region_pb2, types_pb2
from meridian.operations.present import key_metadata

CLOCKS_APART_MAX: Final = timedelta(days=1)
"""Between the time of creation that a destination tells and the time here."""


def replica_metadata(told: bytes, request: multi_region_pb2.ReplicateKeyRequest, primary: Key, now: datetime) -> types_pb2.KeyMetadata:
    """The metadata of what this Region has asked for. Of the destination's answer its time of creation counts, and nothing else.

    Raises: DependencyTimeoutException for an answer that cannot be read.
    """
    region, role = request.replica_region, primary.multi_region
    before = () if role is None else role.replica_regions
    replica = Key(
        partition=primary.partition,
        region=region,
        account=primary.account,
        key_id=primary.key_id,
        key_spec=primary.key_spec,
        key_usage=primary.key_usage,
        origin=primary.origin,
        state=KeyState.CREATING,
        created_at=_created_at(told, region, now),
        description=request.description,
        multi_region=MultiRegionRole(primary.region, tuple(sorted({*before, region}))),
    )
    return key_metadata(replica)


def _created_at(told: bytes, region: str, now: datetime) -> datetime:
    try:
        created_at: datetime = types_pb2.KeyMetadata.FromString(told).creation_date.ToDatetime(UTC)
    except (DecodeError, ValueError, OverflowError) as fault:
        raise DependencyTimeoutException(f"Region {region} did not answer.", reason="metadata that cannot be read") from fault
    if abs(created_at - now) > CLOCKS_APART_MAX:
        raise DependencyTimeoutException(f"Region {region} did not answer.", reason="a replica of another time")
    return created_at
