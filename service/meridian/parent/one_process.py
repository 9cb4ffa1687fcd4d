"""One of a Region's processes as its parent sees it: started, watched, started again after a pause, ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from meridian.child_signals import send
from meridian.log import structlog

PAUSE_SECONDS: Final = 1.0
"""Before a process is started again; twice as long each time that it did not go on for long."""
PAUSE_SECONDS_MAX: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A process that was ready for so long begins with the shortest pause again."""
LAST_WORDS_SECONDS: Final = 1.0
LINE_BYTES_MAX: Final = 64 * 1024
READY: Final = b"ready "


def pause_after(failures: int) -> float:
    """Seconds until the next start, after so many in a row that did not lead far."""
    return min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0 ** min(failures - 1, 16))


class OneProcess:
    """Kept by `keep`, from its first start until `stop`."""

    def __init__(self, name: str, command: Sequence[str], settings: bytes, admin: Path) -> None:
        """`settings` is given to it on its standard input: what the file says meanwhile counts for nobody before all start again."""
        self.name = name
        self.admin = admin
        self.starts = 0
        self.says_ready = False
        """Since its last start."""
        self.why_not = "starts"
        """Why it does not serve, where it does not."""
        self.tried = asyncio.Event()
        """Its first start has led somewhere."""
        self.first_fault = ""
        """Why that led to nothing, where it did."""
        self._command = command
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._log = structlog.get_logger("meridian.parent")

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def keep(self) -> int:
        """Start it, and again whenever it ends, until `stop`. The answer is the exit code of its last end."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began, code = loop.time(), await self._live()
            if not self.tried.is_set():
                self.first_fault = self.why_not
                self.tried.set()
            if self._stopping.is_set():
                return code
            failures = 1 if self.says_ready and loop.time() - began > STEADY_SECONDS else failures + 1
            self.says_ready = False
            pause = pause_after(failures)
            self._log.warning("a process has ended", process=self.name, why=self.why_not, starts_again_in_seconds=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            if self._stopping.is_set():
                return 0  # its end was told then; nothing is left undone now

    def send(self, number: signal.Signals) -> None:
        """Give it a signal, if it runs."""
        if self.pid is not None and self._process is not None:
            send(self._process, number)

    def stop(self) -> None:
        """Ask it to end, and start it no more."""
        self._stopping.set()
        self.why_not = "stops"
        self.send(signal.SIGTERM)

    async def _live(self) -> int:
        """From a start to the end."""
        self.why_not = "starts"
        self.starts += 1
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # Ctrl-C reaches the parent, which then stops all in order. No session of its own: Linux shares its time between sessions.
                process_group=0,
                limit=LINE_BYTES_MAX,
            )
        except OSError as fault:
            self.why_not = f"cannot be started: {fault.strerror}"
            return -1
        if self._stopping.is_set():
            self.send(signal.SIGTERM)
        heard = asyncio.get_running_loop().create_task(self._hear(process))
        code = await process.wait()
        # What it said last has arrived; a process of its own may hold its output open for longer than it lives.
        await asyncio.wait([heard], timeout=LAST_WORDS_SECONDS)
        heard.cancel()
        said = heard.result() if heard.done() and not heard.cancelled() else ""
        self.why_not = said or f"ended with {_end(code)}" + ("" if self.says_ready else " before it was ready")
        return code if self.says_ready else 0  # what has not served leaves nothing undone

    async def _hear(self, process: asyncio.subprocess.Process) -> str:
        """Give it its settings, and hear what it says until it closes its output: that it is ready, or why it cannot start."""
        assert process.stdin is not None  # noqa: S101 - opened above
        assert process.stdout is not None  # noqa: S101 - opened above
        with contextlib.suppress(ConnectionError):  # it has ended, and why is heard below
            process.stdin.write(self._settings)
            await process.stdin.drain()
        process.stdin.close()
        said = ""
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than any that counts
                continue
            if not line:
                return said
            if line.startswith(READY):
                self.says_ready, self.why_not = True, ""
                self.tried.set()
                self._log.info("a process is ready", process=self.name, pid=process.pid)
            else:
                said = line.decode(errors="replace").strip()


def _end(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
