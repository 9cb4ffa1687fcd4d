"""Moments as HTTP writes them are those that Python's own library for mail and HTTP writes."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from meridian.transport.http_date import http_date

DAY = 86_400


@pytest.mark.parametrize("second", [0, 784_111_777, *(1_767_225_600 + day * DAY + day for day in range(0, 366, 5))])
def test_a_moment_is_written_as_python_writes_it(second: int) -> None:
    assert http_date(second) == format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)


def test_the_example_of_the_rfc() -> None:
    assert http_date(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT"
