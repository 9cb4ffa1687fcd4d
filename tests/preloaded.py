"""Regions without the second that each would need to read the code: children of one process that has read it.

What a Region does from `meridian serve` on is done by the child, with its own arguments, standard streams and exit code: nothing is started
before it, no thread, no loop, no connection. How the command itself starts, tests see that run it: those of `dev`, of the command line, of
several processes, and every Region that is started with an environment of its own.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol

CHANGING = "PYTEST_CURRENT_TEST"
"""Of the environment, what is another with each test, and nothing to Regions."""
PYTEST = "PYTEST_VERSION"
"""pytest's word that it runs."""
READ_AHEAD = ("meridian.cli.main", "meridian.cli.serve", "meridian.cli.serving", "meridian.bootstrap.region")
"""What every Region reads. What few need is left to those: tests look at whether they have it."""
LIMITS = sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
MESSAGE = 65536
STREAMS = 2


class RunningProcess(Protocol):
    """What tests ask of a process that they started, however it was."""

    @property
    def pid(self) -> int: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Preloaded:
    """The process that has read the code, and the test's way to it."""

    def __init__(self) -> None:
        self.environment = own_environment()
        self._socket, theirs = socket.socketpair()
        self._one_at_a_time = threading.Lock()
        command = [sys.executable, str(Path(__file__)), str(theirs.fileno())]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()

    def start(self, arguments: list[str], log: int) -> ForkedProcess:
        """A process that runs `meridian` with these arguments, and writes its errors to the file of this descriptor."""
        read, write = os.pipe()
        try:
            pid = self.ask({"start": arguments, "folder": os.getcwd(), **_bounds()}, [write, log])
        finally:
            os.close(write)
        assert pid is not None
        return ForkedProcess(self, pid, os.fdopen(read, "rb"))

    def ask(self, order: dict[str, Any], descriptors: list[int]) -> int | None:
        with self._one_at_a_time:
            socket.send_fds(self._socket, [json.dumps(order).encode()], descriptors)
            answer: int | None = json.loads(self._socket.recv(MESSAGE))
        return answer

    def end(self) -> None:
        self._socket.close()
        self._process.wait()


class ForkedProcess:
    """One of its children, as `subprocess.Popen` would show it."""

    def __init__(self, parent: Preloaded, pid: int, stdout: IO[bytes]) -> None:
        self.pid, self.stdout = pid, stdout
        self._parent = parent
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._parent.ask({"poll": self.pid}, [])
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _bounds() -> dict[str, Any]:
    """What a process inherits besides: on what processors it runs, and its limits, as they are now for the test."""
    limits = {number: resource.getrlimit(number) for number in LIMITS}
    return {"processors": sorted(os.sched_getaffinity(0)), "limits": sorted(limits.items())}


def own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != CHANGING}


def started(arguments: list[str], log: IO[bytes], environment: Mapping[str, str]) -> RunningProcess:
    """`meridian` with these arguments and this added to the environment; its output is to be read, its errors go to the log.

    An environment that is not the preloaded process's own is read by a process of its own, from the start: code may look at it as it is
    loaded. So it is outside of pytest, and where forking what has loaded libraries is not safe: measurements start what operators start.
    """
    whole = {**own_environment(), **environment}
    if sys.platform == "linux" and PYTEST in whole and whole == preloaded().environment:
        return preloaded().start(arguments, log.fileno())
    return subprocess.Popen([sys.executable, "-m", "meridian", *arguments], stdout=subprocess.PIPE, stderr=log, env=whole)


@cache
def preloaded() -> Preloaded:
    """The one of this process."""
    made = Preloaded()
    atexit.register(made.end)
    return made


def _serve(channel: socket.socket) -> None:
    """Take orders until nobody is there to give any; then nobody waits for a child either."""
    children: set[int] = set()
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, MESSAGE, STREAMS)
        if not message:
            break
        order = json.loads(message)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                channel.close()
                _become(order, descriptors)
            children.add(pid)
            for each in descriptors:
                os.close(each)
            answer: int | None = pid
        else:
            answer = _ended(order["poll"])
            if answer is not None:
                children.discard(order["poll"])
        channel.sendall(json.dumps(answer).encode())
    for pid in children:
        os.kill(pid, signal.SIGKILL)  # nobody but this process takes what a child left, so the number is still the child's
        os.waitpid(pid, 0)


def _ended(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become(order: dict[str, Any], descriptors: list[int]) -> None:
    """In the child: what the interpreter would have made of the command."""
    for number, each in enumerate(descriptors, start=1):
        os.dup2(each, number)
        os.close(each)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(order["folder"])
    os.sched_setaffinity(0, order["processors"])
    for number, (soft, hard) in order["limits"]:
        resource.setrlimit(number, (soft, hard))
    gc.unfreeze()
    gc.enable()
    sys.argv = ["meridian", *order["start"]]
    from meridian.cli.main import main

    main()
    raise SystemExit


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    for name in READ_AHEAD:
        importlib.import_module(name)
    gc.freeze()
    _serve(channel)


if __name__ == "__main__":
    main()
