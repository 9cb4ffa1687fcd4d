"""Work in parts, on every core where there is enough of it: the outcomes in the order of the parts.

Processes are started anew, not forked, so whoever uses this may have threads. What a process needs for all parts of one work it makes
once. Should a process end, say because memory ran out, its parts and those after it are done here.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager
from itertools import count
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

Part = TypeVar("Part", contravariant=True)
Outcome = TypeVar("Outcome", covariant=True)

CELLS_PER_PROCESS: Final = 15_000
"""Decisions that are worth starting a process: a second of them, against the half that it takes to start."""
AHEAD: Final = 2
"""Parts that wait in each process."""

_tokens = count()


class Work(Protocol[Part, Outcome]):
    """Something that is done in parts. Work, parts and outcomes can be pickled."""

    def begin(self) -> Callable[[Part], Outcome]:
        """Make what all parts need."""
        ...


class Cores(AbstractContextManager["Cores"]):
    """Does work, in as many processes."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    @classmethod
    def for_cells(cls, cells: int) -> Cores:
        """For so many decisions: every core, where each has enough to do."""
        return cls(min(_cores(), cells // CELLS_PER_PROCESS))

    def each(self, work: Work[Part, Outcome], parts: Iterable[Part]) -> Iterator[Outcome]:
        """The outcome of each part, in order. What is not asked for is not done, some parts ahead apart. Raises: what the work raises."""
        if self._processes <= 1:
            yield from map(work.begin(), parts)
            return
        under_way: deque[tuple[Part, Future[Outcome]]] = deque()
        here: Callable[[Part], Outcome] | None = None
        token, text, left = (os.getpid(), next(_tokens)), pickle.dumps(work), iter(parts)
        try:
            while True:
                while len(under_way) < self._processes * AHEAD and (part := next(left, None)) is not None:
                    under_way.append((part, self._start(token, text, part)))
                if not under_way:
                    return
                part, future = under_way.popleft()
                try:
                    done = future.result()
                except BrokenExecutor:
                    here = here or work.begin()
                    done = here(part)
                yield done
        finally:
            for _, future in under_way:
                future.cancel()

    def _start(self, token: tuple[int, int], text: bytes, part: Any) -> Future[Any]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._processes, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent)
        try:
            return self._pool.submit(_do, token, text, part)
        except BrokenExecutor as fault:
            broken: Future[Any] = Future()
            broken.set_exception(fault)
            return broken

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_begun: dict[tuple[int, int], Callable[[Any], Any]] = {}
"""In a process that was started: the work that it last had a part of."""


def _do(token: tuple[int, int], text: bytes, part: Any) -> Any:
    if token not in _begun:
        _begun.clear()
        _begun[token] = pickle.loads(text).begin()  # noqa: S301  # written by the process that started this one
    return _begun[token](part)
