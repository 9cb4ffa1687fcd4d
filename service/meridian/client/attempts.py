"""How often a call is sent: a change has a token, so that it can be sent again."""

from __future__ import annotations

import os
import time
from typing import Final

from meridian.catalog import CLIENT_TOKEN, Rpc
from meridian.client.connection import Endpoint, deadline_seconds
from meridian.client.errors import UNREACHABLE

CHANGE_ATTEMPTS_MAX: Final = 4
CHANGE_BACKOFF_SECONDS: Final = 0.2


class Attempts:
    """One call: its metadata, and whether it is sent once more.

    A change is sent again under its token where nothing is known of the first try: the connection was refused or lost. What the Region
    answers is never sent again by itself.
    """

    def __init__(self, endpoint: Endpoint, rpc: Rpc, timeout: float | None, client_token: str | None) -> None:
        self.metadata = endpoint.metadata
        if rpc.takes_token:
            self.metadata += ((CLIENT_TOKEN, client_token or os.urandom(16).hex()),)
        self._tries_left = CHANGE_ATTEMPTS_MAX if rpc.takes_token else 1
        self._pause = CHANGE_BACKOFF_SECONDS
        self._until = time.monotonic() + (timeout or deadline_seconds(rpc.path))

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def pause_after(self, code: str) -> float | None:
        """Seconds to wait before the call is sent again; None where it has failed for good."""
        self._tries_left -= 1
        pause = self._pause * (1 + os.urandom(1)[0] / 255) / 2  # from the half on, so that callers do not come back together
        self._pause *= 2
        return pause if code == UNREACHABLE and self._tries_left > 0 and pause < self.seconds_left else None
