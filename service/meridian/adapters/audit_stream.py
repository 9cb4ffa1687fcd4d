"""Durable audit records by group commit.

Records gather on the event loop; one thread writes and syncs a batch at a time. A batch starts when as many records wait as were
lately open at once, after five milliseconds, or at 256 records; a lone caller never waits. A batch that the sink refuses fails
its callers, who then answer with an error: no answer leaves without a durable record.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from meridian.adapters.audit_file import AuditFile, Batch, events_in
from meridian.domain.audit_record import Record
from meridian.errors import DependencyTimeoutException
from meridian.ports.clock import Clock

WAITING_MAX: Final = 20_000
WATCHES_PER_TIMEOUT: Final = 5

Waiting = tuple[Record, "asyncio.Future[None]"]


class FileAuditStream:
    """Implements `ports.audit.AuditStream`."""

    def __init__(
        self, file: AuditFile, clock: Clock, *, max_wait_seconds: float = 0.005, max_batch: int = 256, sink_timeout_seconds: float = 0.5
    ) -> None:
        self._file = file
        self._clock = clock
        self._max_wait_seconds = max_wait_seconds
        self._max_batch = max_batch
        self._sink_timeout_seconds = sink_timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Waiting] = []
        self._writing: list[Waiting] = []
        self._expected = 1
        self._peak = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing_since = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._closing: asyncio.Future[None] | None = None
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = Thread(target=self._write_batches, name="audit", daemon=True)
        self._thread.start()
        self._watch()

    @property
    def syncs(self) -> int:
        """How many times the file was synced."""
        return self._file.syncs

    @property
    def records(self) -> int:
        """How many records are durable."""
        return self._file.records

    async def append(self, record: Record) -> None:
        if self._closing is not None or len(self._waiting) >= WAITING_MAX:
            raise DependencyTimeoutException("The audit log does not accept records.", reason="audit stream closed or full")
        # One future per call: a caller who leaves cancels his own and nobody else's.
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((record, done))
        open_now = len(self._waiting) + len(self._writing)
        if open_now > self._peak:
            self._peak = open_now
        if not self._writing:
            self._start_or_wait()
        await done

    async def known(self, event_ids: Collection[str]) -> set[str]:
        return await asyncio.to_thread(events_in, self._file.path.parent, event_ids)

    async def close(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_future()
            if not self._writing:
                self._start()
        await asyncio.shield(self._closing)
        await asyncio.to_thread(self._thread.join, 10)

    # ------------------------------------------------------------ on the event loop

    def _start_or_wait(self) -> None:
        waiting = len(self._waiting)
        if waiting >= self._expected or waiting >= self._max_batch:
            self._start()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._max_wait_seconds, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing:
            return
        self._writing, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
        if self._writing:
            self._writing_since = self._loop.time()
            self._hand_over([record for record, _ in self._writing])
        elif self._closing is not None:
            self._batches.put(None)

    def _hand_over(self, records: list[Record]) -> None:
        # Lines are made here, not in the thread, which so needs the interpreter for two system calls only.
        try:
            self._batches.put(self._file.chain(records))
        except (TypeError, ValueError) as fault:
            self._loop.call_soon(self._batch_done, OSError(f"a record cannot be written: {type(fault).__name__}"))

    def _watch(self) -> None:
        """Look a few times per timeout whether the sink hangs; a timer per batch would cost more than the batch's own work."""
        if self._writing and self._loop.time() - self._writing_since > self._sink_timeout_seconds:
            self._sink_is_slow()
        self._watchdog = self._loop.call_later(self._sink_timeout_seconds / WATCHES_PER_TIMEOUT, self._watch)

    def _sink_is_slow(self) -> None:
        # The write may still finish; those who wait are not kept.
        error = DependencyTimeoutException("The audit log did not accept the record in time.", reason="audit sink is slow")
        for _, done in self._writing + self._waiting:
            if not done.done():
                done.set_exception(error)
        self._waiting = []

    def _batch_done(self, fault: OSError | None) -> None:
        finished, self._writing = self._writing, []
        self._expected = min(max(self._peak, 1), self._max_batch)
        self._peak = len(self._waiting)
        for _, done in finished:
            if done.done():
                continue
            if fault is None:
                done.set_result(None)
            else:
                done.set_exception(_refusal(fault))
        if self._waiting:
            self._start_or_wait()
        elif self._closing is not None:
            self._start()

    def _closed(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    # ------------------------------------------------------------ in the writing thread

    def _write_batches(self) -> None:
        while (batch := self._batches.get()) is not None:
            fault: OSError | None = None
            try:
                self._file.write_batch(batch)
            except OSError as caught:
                fault = caught
            self._tell_loop(self._batch_done, fault)
        with contextlib.suppress(OSError):
            self._file.close(self._clock.now())
        self._tell_loop(self._closed)

    def _tell_loop(self, callback: Any, *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended; nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)


def _refusal(fault: OSError) -> DependencyTimeoutException:
    return DependencyTimeoutException("The audit log does not accept records.", reason=f"audit sink: {fault.strerror or fault}")
