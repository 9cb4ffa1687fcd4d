"""When a refused call may come again, from one number for both wires: whole milliseconds, rounded up, so that nobody is told to come
before there is room."""

from __future__ import annotations

from math import ceil
from typing import Final

from meridian.errors import KmsError, ThrottlingException

STANDARD_HEADER: Final = "Retry-After"
"""Whole seconds, rounded up. Source: RFC 9110, section 10.2.3; AWS's SDK for JavaScript reads it."""
SDK_HEADER: Final = "x-amz-retry-after"
"""Milliseconds. botocore waits so long at least, up to five seconds more than it would by itself. Source: botocore/retries/standard.py."""


def wait_milliseconds(error: KmsError) -> int | None:
    """How long the caller should wait; None where nothing is known of that."""
    return ceil(error.retry_after_seconds * 1000) if isinstance(error, ThrottlingException) else None


def retry_headers(error: KmsError) -> tuple[tuple[str, str], ...]:
    """What an answer over HTTP says of it."""
    wait = wait_milliseconds(error)
    return () if wait is None else ((STANDARD_HEADER, str(ceil(wait / 1000))), (SDK_HEADER, str(wait)))
