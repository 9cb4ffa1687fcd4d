"""How often a call is sent: a change has a token, so that it can be sent again."""

from __future__ import annotations

import os
import time
from typing import Final

from meridian.client.connection import Endpoint
from meridian.client.errors import CANCELLED, UNREACHABLE
from meridian.contract.call_times import CRYPTOGRAPHY_SECONDS, SECONDS_MAX, seconds_of
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.catalog import CLIENT_TOKEN, Rpc

CHANGE_ATTEMPTS_MAX: Final = 4
CHANGE_BACKOFF_SECONDS: Final = 0.2
NOTHING_KNOWN: Final = frozenset({UNREACHABLE, CANCELLED})
"""Ends of a try after which nothing is known of it: the connection was refused or lost, or gRPC cancelled the call as its connection was
told to go away."""


class Attempts:
    """One call: its metadata, and whether it is sent once more.

    A change is sent again under its token where nothing is known of the try before. What the Region answers is never sent again by itself.
    """

    def __init__(
        self, endpoint: Endpoint, rpc: Rpc, timeout: float | None, client_token: str | None, caller_request_id: str | None = None
    ) -> None:
        """Raises: ValueError."""
        if timeout is not None and not 0 < timeout <= SECONDS_MAX:
            raise ValueError(f"timeout: must be seconds, more than 0 and {SECONDS_MAX:,.0f} at most")
        self.metadata = endpoint.metadata
        if caller_request_id:
            self.metadata += ((CALLER_REQUEST_ID, caller_request_id),)
        if rpc.takes_token:
            self.metadata += ((CLIENT_TOKEN, client_token or os.urandom(16).hex()),)
        self._tries_left = CHANGE_ATTEMPTS_MAX if rpc.takes_token else 1
        self._pause = CHANGE_BACKOFF_SECONDS
        self._until = time.monotonic() + (timeout or seconds_of(rpc.name, rpc.work, CRYPTOGRAPHY_SECONDS))

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def pause_after(self, code: str) -> float | None:
        """Seconds to wait before the call is sent again; None where it has failed for good."""
        self._tries_left -= 1
        pause = self._pause * (1 + os.urandom(1)[0] / 255) / 2  # from the half on, so that callers do not come back together
        self._pause *= 2
        return pause if code in NOTHING_KNOWN and self._tries_left > 0 and pause < self.seconds_left else None
