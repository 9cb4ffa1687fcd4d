"""A set state says what the API would have taken, or it is not read; and what would not be read is not signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from meridian.contract.catalog import limits_of
from meridian.domain.limits import ROTATION_PERIOD_IN_DAYS_MAX, ROTATION_PERIOD_IN_DAYS_MIN
from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term
from meridian.domain.peer_message import SignedSetState
from meridian.errors import KMSInternalException
from meridian.kms.v1 import rotation_pb2
from meridian.ports.store.region import RegionIdentity
from meridian.replication.publish import signed_by
from meridian.replication.wire.set_state import decode_set_state, encode_set_state
from meridian.replication.wire.state_bounds import TIME_US_MAX

HOME = "us-east-1"
ACCOUNT, KEY_ID = "111122223333", "mrk-" + "0" * 32
FIRST = SetMaterial("a" * 64, 0)
SECOND = SetMaterial("b" * 64, 1, 1_700_000_000_000_000, "AUTOMATIC")
GOOD = SetState(
    Term(0, HOME, 0), 1, HOME, HOME, (Member(HOME, "c" * 64, MemberStatus.ON),), (FIRST, SECOND), FIRST.material_id, SECOND.material_id,
    rotation_period_in_days=90, next_rotation_us=1_800_000_000_000_000,
)  # fmt: skip
IMPOSSIBLE = {
    "rotation_period_in_days": [
        replace(GOOD, rotation_period_in_days=days) for days in (1, 89, 2_561, 999_999)
    ],
    "next_rotation_us": [replace(GOOD, next_rotation_us=TIME_US_MAX + 1)],
    "on_demand_started_us": [replace(GOOD, on_demand_started_us=TIME_US_MAX + 1)],
    "rotated_us": [replace(GOOD, materials=(FIRST, SECOND._replace(rotated_us=TIME_US_MAX + 1)))],
    "rotation_type": [replace(GOOD, materials=(FIRST, SECOND._replace(rotation_type="EVIL")))],
    "rotation_number": [replace(GOOD, materials=(FIRST, SECOND._replace(rotation_number=number))) for number in (2, 999_999)],
    "materials": [replace(GOOD, materials=(FIRST, FIRST, SECOND))],
    "current": [replace(GOOD, current="f" * 64), replace(GOOD, materials=(), pending="")],
    "pending": [replace(GOOD, pending="f" * 64)],
}  # fmt: skip


def body(state: SetState) -> bytes:
    return encode_set_state(SignedSetState("deployment", "aws", ACCOUNT, KEY_ID, HOME, 0, state))


@pytest.mark.parametrize(
    "state",
    [
        GOOD,
        replace(GOOD, rotation_period_in_days=0, next_rotation_us=0, pending=""),
        replace(GOOD, rotation_period_in_days=2_560, next_rotation_us=TIME_US_MAX),
        replace(GOOD, materials=(), current="", pending=""),  # imported, nothing yet
        replace(GOOD, materials=(FIRST, SECOND, SECOND._replace(material_id="d" * 64))),  # a lost Region rotated too
    ],
)
def test_what_the_api_brings_about_is_read(state: SetState) -> None:
    assert decode_set_state(body(state)).state == state


@pytest.mark.parametrize(("field", "state"), [(field, state) for field, states in IMPOSSIBLE.items() for state in states])
def test_what_no_call_brings_about_is_neither_read_nor_signed(field: str, state: SetState) -> None:
    with pytest.raises(ValueError, match=f"^{field} "):
        decode_set_state(body(state))
    identity = RegionIdentity("deployment", "aws", HOME, 0, datetime(2026, 1, 1, tzinfo=UTC))
    row = SetRow(ACCOUNT, KEY_ID, RowStatus.LIVE, "c" * 64, GOOD)
    with pytest.raises(KMSInternalException):
        signed_by(cast(Any, None), identity, row, state)


def test_the_bounds_of_a_period_are_those_of_the_contract() -> None:
    declared = limits_of(rotation_pb2.EnableKeyRotationRequest.DESCRIPTOR.fields_by_name["rotation_period_in_days"])
    assert declared is not None
    assert (declared.min, declared.max) == (ROTATION_PERIOD_IN_DAYS_MIN, ROTATION_PERIOD_IN_DAYS_MAX)
