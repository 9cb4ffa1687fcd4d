"""Threads for work with private keys: one for each core, so that it holds up nobody else's call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from meridian.domain.algorithms import TABLE
from meridian.domain.key import KeySpec
from meridian.short_turns import ShortTurns

T = TypeVar("T")


class KeyThreads:
    """Implements `ports.heavy_work.KeyWork`. Used on one event loop alone."""

    def __init__(self, *, threads: int, turns: ShortTurns) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="private-key")
        self._turns = turns

    async def run(self, key_spec: KeySpec, work: Callable[[], T]) -> T:
        if TABLE[key_spec].is_quick_to_use:
            return work()
        self._turns.begin()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._turns.end()

    def close(self) -> None:
        """Begin nothing more. What runs is bounded, and is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
