"""How much of what a client sends may be sent again: a Region that many callers cannot use is not called four times as often for it."""

from __future__ import annotations

import threading
from typing import Final

TOKENS_MAX: Final = 200
TOKENS_FOR_A_SUCCESS: Final = 0.1
"""In the long run one call of ten may be sent again. Source: gRPC, A6, throttling of retries, which counts in the same way; twice as many
failures in a row as the SDKs of AWS bear at once would end all tries, half of them end those after."""


class RetryBudget:
    """One for each connection. Safe for threads."""

    __slots__ = ("_lock", "_tokens")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: float = TOKENS_MAX

    def failed(self) -> bool:
        """Count a try that failed. Whether another one may follow."""
        with self._lock:
            self._tokens = max(0.0, self._tokens - 1)
            return self._tokens > TOKENS_MAX / 2

    def succeeded(self) -> None:
        """Count a call that was answered."""
        if self._tokens < TOKENS_MAX:  # as a rule it is full, and nothing is to do
            with self._lock:
                self._tokens = min(float(TOKENS_MAX), self._tokens + TOKENS_FOR_A_SUCCESS)
