"""Durable audit records by group commit.

Records gather on the event loop; one thread writes and syncs a batch at a time. A batch starts when as many records wait as were
lately open at once, after five milliseconds, or at 256 records; a lone caller never waits. A batch that the sink refuses fails
its callers, who then answer with an error: no answer leaves without a durable record. The same thread sets space aside for changes
that are about to be committed, closes segments and signs digests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from meridian.adapters.audit_compression import CompressedSegments
from meridian.adapters.audit_file import AuditFile
from meridian.adapters.audit_reader import WrittenLog
from meridian.adapters.audit_retention import Holds, KeepRules, Retention
from meridian.adapters.audit_waiting import GivenChanges, StreamFigures, Waiting, settle
from meridian.audit.keys import KEYS_FILE, AuditKeys, AuditSigner
from meridian.audit.record import Record
from meridian.audit.standing_faults import StandingFaults
from meridian.audit.written_since import events_since, has_stream
from meridian.domain.fault_places import file_fault
from meridian.errors import DependencyTimeoutException
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.audit_streams import StreamHead

WAITING_MAX: Final = 20_000
WATCHES_PER_TIMEOUT: Final = 5

Job = tuple[Callable[[], None], Callable[[OSError | None], None]]
"""What the writing thread does, and who is told on the event loop how it ended."""


class FileAuditStream:
    """Implements `ports.audit.AuditStream`."""

    def __init__(
        self,
        file: AuditFile,
        events: SecurityEvents,
        *,
        max_wait_seconds: float,
        max_batch: int,
        sink_timeout_seconds: float,
    ) -> None:
        self._file = file
        self._file.on_fault = partial(self._tell_loop, partial(self._report, "digest"))
        self._events = events
        self._kept = 0
        self._changes = GivenChanges()
        self._settled = file.head
        self._max_wait_seconds = max_wait_seconds
        self._max_batch = max_batch
        self._sink_timeout_seconds = sink_timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._faults = StandingFaults(events, self._loop.time)
        self._waiting: list[Waiting] = []
        self._writing: list[Waiting] = []
        self._expected = 1
        self._peak = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing_since = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._closing: asyncio.Future[None] | None = None
        self._fault = ""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="audit", daemon=True)
        self._thread.start()

    def figures(self) -> StreamFigures:
        """As they are now."""
        file, waiting = self._file, len(self._waiting) + len(self._writing)
        return StreamFigures(file.records, waiting, file.syncs, file.free_bytes, file.digest_age())

    @property
    def head(self) -> StreamHead:
        """The last durable record, of which every change up to it is told by `durable_changes`."""
        return self._settled if self._writing else self._file.head

    @property
    def key_number(self) -> int:
        """The number of the audit key that the next digest is signed with."""
        return self._file.signer.key.number

    @property
    def log(self) -> WrittenLog:
        """What is durable, for those who read it from its files."""
        return WrittenLog(self._file.directory.path, self._file.durable_end)

    @property
    def retention(self) -> Retention:
        """What the database says of old streams goes there."""
        return self._file.retention

    def compress_closed(self, reserve_bytes: int, rules: KeepRules, holds: Holds) -> None:
        """Compress segments once they are closed, where that leaves so much of the disk free, and keep them as the rules say."""
        told = partial(self._tell_loop, partial(self._report, "compression"))
        self._file.hand_closed_to(CompressedSegments(reserve_bytes, told), rules, holds)
        self._file.retention.on_fault = partial(self._tell_loop, partial(self._report, "retention"))

    def append(self, *records: Record) -> Awaitable[None]:
        return self._append(records, is_promised=False, change="")

    async def append_change(self, record: Record, *, is_promised: bool) -> None:
        await self._append((record,), is_promised=is_promised, change=record["eventID"])

    def durable_changes(self) -> Sequence[str]:
        return self._changes.take()

    def holds(self, event_id: str) -> bool:
        return self._changes.holds(event_id)

    def _append(self, records: Sequence[Record], *, is_promised: bool, change: str) -> Awaitable[None]:
        self._require_open()
        # One future per call: a caller who leaves cancels his own and nobody else's.
        done: asyncio.Future[None] = self._loop.create_future()
        last = len(records) - 1
        self._waiting += [Waiting(record, is_promised, change, done, number == last) for number, record in enumerate(records)]
        if change:
            self._changes.begin(change)
        self._peak = max(self._peak, len(self._waiting) + len(self._writing))
        if not self._writing:
            self._start_or_wait()
        return done

    async def reserve(self) -> None:
        self._require_open()
        self._kept += 1
        done: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((partial(self._file.require_room, self._kept), partial(self._answered, done)))
        try:
            await asyncio.wait_for(done, self._sink_timeout_seconds)
        except BaseException as fault:
            self.release()
            if isinstance(fault, TimeoutError):
                raise DependencyTimeoutException("The audit log did not answer in time.", reason="audit sink is slow") from fault
            raise

    def release(self) -> None:
        self._kept -= 1

    async def probe(self) -> None:
        """Whether the log would take a record now, also where nobody calls. Raises: DependencyTimeoutException."""
        await self.reserve()
        self.release()

    def trouble(self) -> str:
        """Why the log takes nothing now, or nothing."""
        if self._writing and self._loop.time() - self._writing_since > self._sink_timeout_seconds:
            return "audit log: it does not answer"
        return f"audit log: {self._fault}" if self._fault else ""

    async def use_signer(self, signer: AuditSigner, keys: AuditKeys) -> None:
        """Sign with another audit key from now on, and publish the keys beside the log. Raises: DependencyTimeoutException."""
        done: asyncio.Future[None] = self._loop.create_future()

        def change() -> None:
            self._file.directory.write(KEYS_FILE, keys.to_json())
            self._file.use_signer(signer)

        self._jobs.put((change, partial(settle, done)))
        await done

    def _require_open(self) -> None:
        if self._closing is not None or len(self._waiting) >= WAITING_MAX:
            raise DependencyTimeoutException("The audit log does not accept records.", reason="audit stream closed or full")

    def is_beside(self, stream: str) -> bool:
        return has_stream(self._file.directory.path, stream)

    async def known(self, stream: str, after: int, event_ids: Collection[str]) -> set[str]:
        return await asyncio.to_thread(events_since, self._file.directory.path, stream, after, event_ids)

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
            if self._watchdog is None:
                self._watch()
            self._hand_over(self._writing)
        elif self._closing is not None:
            self._jobs.put(None)

    def _hand_over(self, writing: list[Waiting]) -> None:
        # Lines are made here, not in the thread, which so needs the interpreter for a few system calls only.
        promised = sum(each.is_promised for each in writing)
        try:
            batch = self._file.chain([each.record for each in writing], is_committed=promised > 0)
            self._jobs.put((partial(self._file.write_batch, batch, max(0, self._kept - promised)), self._batch_done))
        except (TypeError, ValueError) as fault:
            self._loop.call_soon(self._batch_done, OSError(f"a record cannot be written: {type(fault).__name__}"))

    def _watch(self) -> None:
        """Look a few times per timeout whether the sink hangs, while it writes; a timer per batch would cost more than its own work."""
        if self._writing and self._loop.time() - self._writing_since > self._sink_timeout_seconds:
            self._sink_is_slow()
        self._watchdog = self._loop.call_later(self._sink_timeout_seconds / WATCHES_PER_TIMEOUT, self._watch) if self._writing else None

    def _sink_is_slow(self) -> None:
        # The write may still finish; those who wait are not kept.
        error = DependencyTimeoutException("The audit log did not accept the record in time.", reason="audit sink is slow")
        for each in self._writing + self._waiting:
            if not each.done.done():
                each.done.set_exception(error)
        self._changes.end([each.change for each in self._waiting], durable=False)
        self._waiting = []

    def _answered(self, done: asyncio.Future[None], fault: OSError | None) -> None:
        self._note(fault)
        settle(done, fault)

    def _note(self, fault: OSError | None) -> None:
        """Keep why the log takes nothing, until it takes something; and tell it."""
        self._fault = "" if fault is None else file_fault(fault)
        if fault is None:
            self._faults.ended("log")
        else:
            self._faults.tell("log", self._fault)

    def _batch_done(self, fault: OSError | None) -> None:
        self._note(fault)
        finished, self._writing = self._writing, []
        self._settled = self._file.head
        self._changes.end([each.change for each in finished], durable=fault is None)
        self._expected = min(max(self._peak, 1), self._max_batch)
        self._peak = len(self._waiting)
        for each in finished:
            if each.is_last or fault is not None:
                settle(each.done, fault)
        if self._waiting:
            self._start_or_wait()
        elif self._closing is not None:
            self._start()

    def _report(self, subject: str, fault: OSError) -> None:
        self._faults.tell(subject, file_fault(fault))

    def _closed(self, fault: OSError | None) -> None:
        self._note(fault)
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    # ------------------------------------------------------------ in the writing thread

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._file.seconds_until_due())
            except Empty:
                self._do(partial(self._file.tick, self._kept))
                continue
            if job is None:
                break
            work, done = job
            self._tell_loop(done, self._do(work))
        self._tell_loop(self._closed, self._do(self._file.close))

    def _do(self, work: Callable[[], None]) -> OSError | None:
        try:
            work()
        except OSError as fault:
            return fault
        except Exception as fault:
            self._tell_loop(partial(self._events.report_fault, fault, during="audit log"))
            return OSError(f"the audit log failed: {type(fault).__name__}")
        return None

    def _tell_loop(self, callback: Any, *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended; nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)
