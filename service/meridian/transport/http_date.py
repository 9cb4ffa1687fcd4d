"""Moments as HTTP writes them, in English wherever the process runs (RFC 9110, 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(second: int) -> str:
    """The second since 1970 as IMF-fixdate."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{DAYS[moment.weekday()]}, {moment:%d} {MONTHS[moment.month - 1]} {moment:%Y %H:%M:%S} GMT"
