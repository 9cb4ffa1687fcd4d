"""The process that works aside: reads a task, does it, answers, until its input ends. Run as a module, by `separate_processes.py` alone.

A message is `u8 count ‖ (u32 length ‖ bytes)…`: from above the task's name and its arguments, from below the kind of the answer and its
bytes. Answers are results, or refusals by the name of their class.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from meridian.authorization.language.evaluator import PolicySyntaxError, format_policies, policies_as_json
from meridian.crypto.key_pairs import new_private_key, stored_from_outside
from meridian.process_memory import end_with_parent, protect_memory

Parts = tuple[bytes, ...]
Tasks = Mapping[bytes, Callable[..., bytes]]

ANSWERED: Final = b""
REFUSALS: Final[dict[str, type[Exception]]] = {kind.__name__: kind for kind in (PolicySyntaxError, ValueError)}
PART_BYTES_MAX: Final = 64 * 1024 * 1024
OPEN_FILES_MAX: Final = 32
LOWEST_PRIORITY: Final = 19
"""As `nice` counts."""
LOW_PRIORITY: Final = 10
"""Where processors are scarce, what is worked out aside gets a tenth of what the event loop gets, which answers everybody."""


def new_key_for_later(key_spec: str) -> bytes:
    """A fresh RSA key in its stored form. Nobody waits for it, so from now on this process gives way to all others."""
    os.nice(LOWEST_PRIORITY)
    return new_private_key(key_spec)


TASKS: Final[Tasks] = {
    b"policies_as_json": lambda text: policies_as_json(text.decode()).encode(),
    b"laid_out": lambda text: format_policies(text.decode()).encode(),
    b"new_rsa_key": lambda key_spec: new_key_for_later(key_spec.decode()),
    b"rsa_key_from_outside": lambda key_spec, pkcs8: stored_from_outside(key_spec.decode(), pkcs8),
}
"""THE table of what is done here."""


class Readable(Protocol):
    def read(self, size: int) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes) -> int: ...


def write_parts(pipe: Writable, parts: Parts) -> None:
    """Raises: OSError where nobody reads."""
    pipe.write(bytes([len(parts)]) + b"".join(len(part).to_bytes(4, "big") + part for part in parts))


def read_parts(pipe: Readable) -> Parts | None:
    """The next message; None where the input ends before it does. Raises: ValueError for a part that is too long."""
    count = pipe.read(1)
    if not count:
        return None
    parts = []
    for _ in range(count[0]):
        size = pipe.read(4)
        length = int.from_bytes(size, "big")
        if length > PART_BYTES_MAX:
            raise ValueError("a part is too long")
        part = pipe.read(length)
        if len(size) < 4 or len(part) < length:
            return None
        parts.append(part)
    return tuple(parts)


def answer_to(request: Parts, tasks: Tasks) -> Parts:
    """What comes of a task. Never raises, and never tells more of a fault than its kind."""
    try:
        task, *arguments = request
        return (ANSWERED, tasks[task](*arguments))
    except tuple(REFUSALS.values()) as refusal:
        kind = next(name for name, each in REFUSALS.items() if isinstance(refusal, each))
        return (kind.encode(), str(refusal).encode())
    except Exception as fault:
        return (type(fault).__name__.encode(), b"")


def main(parent: int, tasks: Tasks) -> None:
    end_with_parent()
    protect_memory()
    os.nice(LOW_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the parent too, who ends this process in his own time
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
    while os.getppid() == parent:
        request = read_parts(sys.stdin.buffer)
        if request is None:
            return
        write_parts(sys.stdout.buffer, answer_to(request, tasks))
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), TASKS)
