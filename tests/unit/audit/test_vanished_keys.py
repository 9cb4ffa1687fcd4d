"""A key that was made is in the database, or a record says where it went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from meridian.audit.vanished_keys import KeyLives, Vanished

ARN = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
MADE = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(name: str, at: datetime, *, epoch: int = 1, **fields: Any) -> dict[str, Any]:
    told = {"eventName": name, "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "resources": [{"ARN": ARN}], "meridian": {"epoch": epoch}}
    return told | fields


def told(*records: dict[str, Any], stored: tuple[str, ...] = (), read_at: datetime = MADE + 24 * HOUR) -> Vanished:
    lives = KeyLives()
    for each in records:
        lives.visit(each)
    return lives.vanished(stored, read_at=read_at, incarnation=1)


CREATED = record("CreateKey", MADE)
REPEAT: Final[dict[str, Any]] = {"additionalEventData": {"repeatOf": "r"}}


def test_a_key_that_no_record_ends_and_no_row_holds_is_told() -> None:
    assert told(CREATED) == Vanished([ARN], [])
    assert told(CREATED, stored=(ARN,)) == Vanished([], [])


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([record("DeleteKey", MADE + HOUR)], id="deleted"),
        pytest.param([record("DeleteKey", MADE - timedelta(seconds=50))], id="deleted by a process whose clock is behind"),
        pytest.param([record("DeleteDevelopmentState", MADE + HOUR, resources=[])], id="emptied"),
        pytest.param([record("DeleteKey", MADE + HOUR), record("CreateKey", MADE + 2 * HOUR, **REPEAT)], id="an answer given again"),
    ],
)
def test_a_key_whose_end_is_told_is_not_missed(after: list[dict[str, Any]]) -> None:
    assert told(CREATED, *after) == told(*after, CREATED) == Vanished([], [])


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([record("DeleteKey", MADE - HOUR)], id="the key of that name before it"),
        pytest.param([record("DeleteKey", MADE + HOUR, errorCode="X")], id="a refusal"),
        pytest.param([record("DeleteDevelopmentState", MADE - HOUR, resources=[])], id="emptied before"),
    ],
)
def test_what_ends_another_key_is_no_end_of_this_one(before: list[dict[str, Any]]) -> None:
    assert told(CREATED, *before) == Vanished([ARN], [])


def test_a_key_of_a_time_before_a_restore_may_be_younger_than_the_backup() -> None:
    assert told(record("CreateKey", MADE, epoch=0)) == Vanished([], [ARN])
    assert told(record("CreateKey", MADE, epoch=0), CREATED) == Vanished([ARN], []), "it was made again since"


def test_a_key_of_a_time_before_a_restore_is_not_under_way() -> None:
    assert told(record("CreateKey", MADE, epoch=0), read_at=MADE + timedelta(seconds=1)) == Vanished([], [ARN])


def test_a_key_that_was_made_while_the_database_was_read_is_not_missed() -> None:
    assert told(CREATED, read_at=MADE + timedelta(seconds=1)) == Vanished([], [])
    assert told(record("CreateKey", MADE, errorCode="X")) == Vanished([], [])
