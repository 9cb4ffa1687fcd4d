"""Signals, heard by an event loop wherever it runs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Final, Protocol

HEARD: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


class Signals(Protocol):
    """Where one says what a signal does."""

    def hear(self, number: signal.Signals, act: Callable[[], None]) -> None:
        """From now on, and in the loop."""
        ...


class LoopSignals:
    """Of a loop that runs in the process's first thread."""

    def hear(self, number: signal.Signals, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().add_signal_handler(number, act)


class BlockedSignals:
    """Of a process whose first thread is somebody else's. The signals are blocked in every thread, since before there were any: so they
    reach none of the handlers that this somebody has, and wait for the one thread here that asks for them."""

    def __init__(self) -> None:
        self._acts: dict[int, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}
        threading.Thread(target=self._wait, name="signals", daemon=True).start()

    def hear(self, number: signal.Signals, act: Callable[[], None]) -> None:
        self._acts[number] = (asyncio.get_running_loop(), act)

    def _wait(self) -> None:
        while True:
            number = signal.sigwait(HEARD)
            heard = self._acts.get(number)
            if heard is not None:
                loop, act = heard
                loop.call_soon_threadsafe(act)
            elif number != signal.SIGHUP:  # as a process ends that has said nothing of it
                os._exit(128 + number)


def block_signals() -> None:
    """In this thread and all that it starts, over `exec` too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)


def unblock_signals() -> None:
    """In this thread: what a process inherits from one that has blocked them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
