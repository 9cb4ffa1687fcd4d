"""How often a call is sent: a change has a token, so that it can be sent again."""

from __future__ import annotations

import os
import time
from typing import Any, Final

from meridian.client.connection import Endpoint
from meridian.client.method import Method
from meridian.client.retry_budget import RetryBudget
from meridian.client.service_error import KmsServiceError
from meridian.client.statuses import CANCELLED, THROTTLED, TIME_IS_OVER, UNREACHABLE
from meridian.contract.call_times import SECONDS_MAX
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.client_token import CLIENT_TOKEN

ATTEMPTS_MAX: Final = 4
BACKOFF_SECONDS: Final = 0.2
THROTTLED_PAUSE_SECONDS_MAX: Final = 2.0
"""Between two tries of what was throttled; longer where the Region says so."""
NOTHING_KNOWN: Final = frozenset({UNREACHABLE, CANCELLED})
"""Ends of a try after which nothing is known of it: the connection was refused or lost, or gRPC cancelled the call as its connection was
told to go away."""
FAILED_FOR_NOW: Final = frozenset({"KMSInternalException", "DependencyTimeoutException"})
"""What a Region answers whose own parts failed it. Source: AWS KMS, common errors: "you can retry the request", as the SDKs of AWS do."""
FAILED_READ: Final = frozenset({"KMSInternalException"})
"""Of what changes nothing; gRPC knows the others by the status UNAVAILABLE, and sends them again itself."""
AGAIN: Final = {
    (True, True): NOTHING_KNOWN | FAILED_FOR_NOW,
    (True, False): NOTHING_KNOWN,
    (False, True): FAILED_READ,
    (False, False): frozenset[str](),
}
"""THE table: after which ends a call is sent again soon, by whether it changes something, and whether the endpoint repeats refusals."""


def require_seconds(timeout: float | None) -> None:
    """Raises: ValueError."""
    if timeout is not None and not 0 < timeout <= SECONDS_MAX:
        raise ValueError(f"timeout: must be seconds, more than 0 and {SECONDS_MAX:,.0f} at most")


class Attempts:
    """One call: its metadata, and whether it is sent once more.

    A change is sent again under its token where nothing is known of the try before; gRPC does so with what changes nothing. Where the
    endpoint repeats refusals, what the Region failed for now is sent again soon, and what was throttled, which was not done, when the
    Region says that there may be room. What else the Region answers is never sent again by itself.
    """

    __slots__ = ("_again", "_answered", "_budget", "_pause", "_repeats_refusals", "_tries_left", "_until", "metadata")

    def __init__(
        self,
        endpoint: Endpoint,
        budget: RetryBudget,
        method: Method[Any, Any],
        timeout: float | None,
        client_token: str | None,
        caller_request_id: str | None,
    ) -> None:
        """Raises: ValueError."""
        require_seconds(timeout)
        self.metadata = endpoint.metadata
        self._budget = budget
        if caller_request_id:
            self.metadata += ((CALLER_REQUEST_ID, caller_request_id),)
        if method.takes_token:
            self.metadata += ((CLIENT_TOKEN, client_token or os.urandom(16).hex()),)
        self._tries_left = ATTEMPTS_MAX
        self._repeats_refusals = endpoint.repeats_refusals
        self._again = AGAIN[method.takes_token, self._repeats_refusals]
        self._answered: KmsServiceError | None = None
        self._pause = BACKOFF_SECONDS
        self._until = time.monotonic() + (timeout or method.seconds)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def pause_after(self, error: KmsServiceError) -> float | None:
        """Seconds to wait before the call is sent again; None where it has failed for good."""
        if error.code == THROTTLED and self._repeats_refusals:
            return self._within(_spread(max(error.retry_after_seconds or 0.0, self._next_pause())))
        self._answered = error if error.code in FAILED_FOR_NOW else self._answered
        self._tries_left -= 1
        if error.code not in self._again or self._tries_left <= 0 or not self._budget.failed():
            return None
        return self._within(self._next_pause() * (1 + os.urandom(1)[0] / 255) / 2)  # from the half on: callers do not come back together

    def told(self, error: KmsServiceError) -> KmsServiceError:
        """What the caller hears after this last error: where the time has passed, why the Region failed the try before."""
        return self._answered or error if error.code == TIME_IS_OVER else error

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, THROTTLED_PAUSE_SECONDS_MAX)
        return pause

    def _within(self, pause: float) -> float | None:
        return pause if pause < self.seconds_left else None


def _spread(seconds: float) -> float:
    """So long at least, and up to a quarter more, so that callers do not come back together."""
    return seconds * (1 + os.urandom(1)[0] / 1024)
