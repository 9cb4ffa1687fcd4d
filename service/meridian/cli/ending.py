"""When a process ends: asked by a signal, in bounded time; at once by a second one."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
from typing import Final

from meridian.cli.exit_codes import OTHER
from meridian.cli.signals import Signals

SAME_WORD_SECONDS: Final = 1.0
"""Signals this close are one word: the kernel repeats the one that a parent's end sends for each thread of that parent."""


class Ending:
    """The end of this process, once somebody asks for it. Made in the running loop."""

    def __init__(self, seconds: float, signals: Signals) -> None:
        """From the first word on, the process has `seconds` to end; then it ends whatever hangs, and tells where each thread was."""
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._asked_at = 0.0
        for number in (signal.SIGTERM, signal.SIGINT):
            signals.hear(number, self.ask)

    def ask(self) -> None:
        """Say the word. Said again later, it is meant: nothing is awaited any more."""
        now = self._loop.time()
        if not self._asked.is_set():
            self._asked_at = now
            self._asked.set()
            faulthandler.dump_traceback_later(self._seconds, exit=True)
        elif now - self._asked_at > SAME_WORD_SECONDS:
            os._exit(OTHER)

    async def asked(self) -> None:
        """Wait for the word."""
        await self._asked.wait()
