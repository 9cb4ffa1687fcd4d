"""Work that keeps the interpreter to itself, in processes of their own: started when first needed, and again after one has ended.

Such a process may be sent private keys. They pass through its standard input alone; its command line and environment say nothing. It
leaves no core file, no process but a privileged one can look into it, and it ends with this process, however this process ends.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from math import ceil
from typing import Final

from meridian.adapters.separate_process import ANSWERED, REFUSALS, Parts, read_parts, write_parts
from meridian.adapters.served_account import served_account
from meridian.domain.gates import RETRY_SECONDS
from meridian.errors import KMSInternalException, ThrottlingException
from meridian.ports.security_events import SecurityEvent, SecurityEvents

OF_KEYS_AND_POLICIES: Final = "meridian.adapters.separate_process"
ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""What a child is told of this process's environment; nothing there is secret."""
END_SECONDS: Final = 2.0
KINDS: Final = {
    "policies_as_json": "policies",
    "laid_out": "policies",
    "rsa_key_from_outside": "imports",
    "new_rsa_key": "key pairs",
    "policy_trial": "trials",
}
"""THE table: the kind of work to which each task belongs."""


class _Ended(Exception):
    """The process ended, or did not answer in time."""


class _Process:
    """One child and its two pipes."""

    def __init__(self, program: str) -> None:
        command = [sys.executable, "-m", program, str(os.getpid())]
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        self._child = subprocess.Popen(  # noqa: S603 - this interpreter, and nothing from outside
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, close_fds=True
        )
        self.pid = self._child.pid
        assert self._child.stdin is not None  # noqa: S101 - opened above
        assert self._child.stdout is not None  # noqa: S101 - opened above
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._to, False)

    def ask(self, request: Parts, seconds: float) -> Parts:
        """Raises: _Ended."""
        until = time.monotonic() + seconds  # noqa: TID251 - how long this thread waits
        try:
            write_parts(_PatientWriter(self._to, until), request)
            answer = read_parts(_PatientReader(self._from, until))
        except (OSError, ValueError, TimeoutError) as fault:
            raise _Ended(type(fault).__name__) from fault
        if answer is None:
            raise _Ended("its answer is cut")
        return answer

    def end(self) -> None:
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was still to be written has nobody to read it
        self._child.wait(END_SECONDS)


class _PatientWriter:
    """Writes to a pipe until a moment of the monotonic clock."""

    def __init__(self, descriptor: int, until: float) -> None:
        self._descriptor = descriptor
        self._until = until

    def write(self, data: bytes) -> int:
        """All of it. Raises: TimeoutError, OSError."""
        written = 0
        while written < len(data):
            _wait(self._descriptor, select.POLLOUT, self._until)
            written += os.write(self._descriptor, data[written : written + select.PIPE_BUF])
        return written


class _PatientReader:
    """Reads from a pipe until a moment of the monotonic clock."""

    def __init__(self, descriptor: int, until: float) -> None:
        self._descriptor = descriptor
        self._until = until

    def read(self, size: int) -> bytes:
        """As many bytes, fewer at the end. Raises: TimeoutError."""
        found = bytearray()
        while len(found) < size:
            _wait(self._descriptor, select.POLLIN, self._until)
            more = os.read(self._descriptor, size - len(found))
            if not more:
                break
            found += more
        return bytes(found)


def _wait(descriptor: int, event: int, until: float) -> None:
    """Raises: TimeoutError. `poll` takes descriptors of every number; `select` none from 1024 on, where connections have those before."""
    left = until - time.monotonic()  # noqa: TID251 - how long this thread waits
    waiting = select.poll()
    waiting.register(descriptor, event)
    if left <= 0 or not waiting.poll(ceil(left * 1000)):
        raise TimeoutError


class _Places:
    """Places for some processes, none started; threads wait for one, their accounts in turn."""

    def __init__(self, most: int) -> None:
        self._changed = threading.Condition()
        self._idle: list[_Process | None] = [None] * most
        self._waiting: OrderedDict[str, int] = OrderedDict()
        """How many threads wait for each account, the one that was served longest ago first."""

    @property
    def idle(self) -> int:
        """How many are free."""
        with self._changed:
            return len(self._idle)

    @property
    def waiting(self) -> dict[str, int]:
        """How many threads wait, by account."""
        with self._changed:
            return dict(self._waiting)

    def take(self, account: str, seconds: float) -> _Process | None:
        """A place, with the process that was last there, if any. Raises: ThrottlingException where the turn does not come in time."""
        with self._changed:
            self._waiting[account] = self._waiting.get(account, 0) + 1
            has_come = self._changed.wait_for(lambda: bool(self._idle) and next(iter(self._waiting)) == account, seconds)
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account]
            elif has_come:
                self._waiting.move_to_end(account)
            process = self._idle.pop() if has_come else None
            self._changed.notify_all()
        if not has_come:
            raise ThrottlingException(retry_after_seconds=RETRY_SECONDS)
        return process

    def give_back(self, process: _Process | None) -> None:
        """The place is free, with a process that goes on or without one."""
        with self._changed:
            self._idle.append(process)
            self._changed.notify_all()


class SeparateProcesses:
    """Implements `ports.heavy_work.HeldWork`. Called from any thread but that of the event loop.

    Each kind of work has processes of its own, so that nobody's imports keep anybody's policies waiting.
    """

    def __init__(self, events: SecurityEvents, *, program: str, most: int, wait_seconds: float, answer_seconds: float) -> None:
        """`program`: the module that is run, in `most` processes for each kind of work; each call waits for one `wait_seconds`."""
        self._events = events
        self._program = program
        self._wait_seconds = wait_seconds
        self._answer_seconds = answer_seconds
        self._places = {kind: _Places(most) for kind in sorted(set(KINDS.values()))}
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self._is_closed = False
        self.started = 0
        """How many processes were started."""

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        with self._lock:
            return [process.pid for process in self._running]

    def policies_as_json(self, text: str) -> str:
        return self._ask("policies_as_json", text.encode()).decode()

    def laid_out(self, text: str) -> str:
        return self._ask("laid_out", text.encode()).decode()

    def rsa_key_from_outside(self, key_spec: str, pkcs8: bytes) -> bytes:
        return self._ask("rsa_key_from_outside", key_spec.encode(), pkcs8)

    def new_rsa_key(self, key_spec: str) -> bytes:
        """A fresh RSA key in its stored form, made at the lowest priority."""
        return self._ask("new_rsa_key", key_spec.encode())

    def policy_trial(self, asked: bytes, records: bytes) -> bytes:
        """What comes of a trial of policies, both as `domain/policy_trial.py` writes them, with these lines of the audit log."""
        return self._ask("policy_trial", asked, records)

    def close(self) -> None:
        """End every process, now."""
        with self._lock:
            self._is_closed = True
            running = list(self._running)
        for process in running:
            self._end(process)

    def _ask(self, task: str, *arguments: bytes) -> bytes:
        places = self._places[KINDS[task]]
        process = places.take(served_account(), self._wait_seconds)
        try:
            process = process or self._start()
            kind, answer = process.ask((task.encode(), *arguments), self._answer_seconds)
        except (_Ended, OSError) as fault:
            if process is not None:
                self._end(process)
            process = None
            if not self._is_closed:
                self._events.report(SecurityEvent.SEPARATE_PROCESS_ENDED, subject=task, fault=str(fault) or type(fault).__name__)
            raise KMSInternalException(reason=f"a separate process ended during {task}") from fault
        finally:
            places.give_back(process)
        if kind == ANSWERED:
            return answer
        refusal = REFUSALS.get(kind.decode())
        if refusal is None:
            raise KMSInternalException(reason=f"{task} failed in its process: {kind.decode()}")
        raise refusal(answer.decode())

    def _start(self) -> _Process:
        with self._lock:
            if self._is_closed:
                raise OSError("this Region is stopping")
            process = _Process(self._program)
            self._running.add(process)
            self.started += 1
            return process

    def _end(self, process: _Process) -> None:
        with self._lock:
            self._running.discard(process)
        process.end()
