"""THE table: how long a call may take, by the kind of work that its contract says. The server bounds by it calls whose callers name no
deadline; clients name the same deadline where their users name none."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

CRYPTOGRAPHY_SECONDS: Final = 5.0
"""Unless the settings say otherwise."""

SECONDS_MAX: Final = 86_400.0
"""The longest that a caller may say he waits."""

CRYPTOGRAPHY: Final = 1
MANAGEMENT: Final = 2
"""Transactions, and questions to other Regions."""
SLOW: Final = 6
"""Keys that are searched for: an RSA key of 4096 bits takes seconds on a busy machine, after the calls before it."""
TIMES: Final = {
    "ENCRYPT": CRYPTOGRAPHY,
    "DECRYPT": CRYPTOGRAPHY,
    "ASYMMETRIC": CRYPTOGRAPHY,
    "MANAGEMENT": MANAGEMENT,
    "LIST": MANAGEMENT,
    "HEAVY": SLOW,
}
"""How many times as long as a cryptographic call each kind of the contract's option `work` may take."""
MAKES_KEYS: Final = "CreateKey"
"""It is management for all kinds of keys but those that are searched for, and has the time for them."""


def seconds_of(operation: str, work: str, cryptography_seconds: float) -> float:
    """How long a call of this operation, with this kind of work, may take where a cryptographic one may take `cryptography_seconds`."""
    return cryptography_seconds * (SLOW if operation == MAKES_KEYS else TIMES[work])


async def wait_through(task: asyncio.Future[Any], seconds: float) -> None:
    """Return when the task has ended, or after so long, however often the call is cancelled meanwhile: by its deadline, and by a caller who
    leaves."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not task.done() and loop.time() < until:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=until - loop.time())
