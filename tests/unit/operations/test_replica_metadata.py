"""What a caller of ReplicateKey is told comes from what was asked for, whatever the destination answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.errors import DependencyTimeoutException
from meridian.kms.v1 import multi_region_pb2, types_pb2
from meridian.operations.present import key_metadata
from meridian.operations.replica_metadata import replica_metadata

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PRIMARY = Key(
    "aws", "us-east-1", "111122223333", "mrk-" + "0" * 32, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS,
    KeyState.ENABLED, NOW - timedelta(days=9), description="of the primary",
    multi_region=MultiRegionRole("us-east-1", ("ap-south-1",)),
)  # fmt: skip
REQUEST = multi_region_pb2.ReplicateKeyRequest(replica_region="eu-west-1", description="of the replica")
CREATED = NOW + timedelta(seconds=1)
HONEST = key_metadata(
    replace(
        PRIMARY,
        region="eu-west-1",
        state=KeyState.CREATING,
        created_at=CREATED,
        description="of the replica",
        multi_region=MultiRegionRole("us-east-1", ("ap-south-1", "eu-west-1")),
    )
)


def hostile() -> bytes:
    told = types_pb2.KeyMetadata(arn="arn:aws:kms:us-east-1:999999999999:key/attacker", key_id="attacker", description="A" * 60_000)
    told.creation_date.FromDatetime(CREATED)
    return told.SerializeToString()


@pytest.mark.parametrize("told", [HONEST.SerializeToString(), hostile()], ids=["honest", "hostile"])
def test_the_caller_is_told_what_was_asked_for(told: bytes) -> None:
    assert replica_metadata(told, REQUEST, PRIMARY, NOW) == HONEST


def dated(seconds: int) -> bytes:
    told = types_pb2.KeyMetadata()
    told.creation_date.seconds = seconds
    return told.SerializeToString()


@pytest.mark.parametrize("told", [b"\xff\xff", b"", dated(2**62), dated(-(2**62)), dated(int(NOW.timestamp()) + 100_000)])
def test_metadata_that_cannot_be_read_is_no_answer(told: bytes) -> None:
    with pytest.raises(DependencyTimeoutException):
        replica_metadata(told, REQUEST, PRIMARY, NOW)
