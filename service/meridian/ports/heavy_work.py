"""Work that would stop the event loop: run beside it, some at a time, by accounts in turn.

Two kinds are told apart. Most of it leaves the interpreter to others while it computes, and runs in a thread (`HeavyWork`). What keeps
the interpreter to itself would stop the loop from any thread, and runs in a process of its own (`HeldWork`), asked from such a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from meridian.domain.key import KeySpec

T = TypeVar("T")


class HeavyWork(Protocol):
    """A bounded number of threads behind a bounded queue."""

    async def run(self, account: str, work: Callable[[], T]) -> T:
        """What `work` answers, run in a thread. It must not change what the event loop reads.

        Accounts take turns, and none has more than half of the queue or of the threads. Where the queue is full, a call takes the place of
        the newest one of the account with the longest queue, as long as that stays the longer of the two. Raises: ThrottlingException
        where there is no place, the place was lost in this way, or the turn has not come in time; and what `work` raises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Beside:
    """Where work is done beside the event loop: in threads, and from those in other processes."""

    heavy: HeavyWork
    held: HeldWork


class KeyWork(Protocol):
    """Work of milliseconds with private keys, which leaves the interpreter to others while it computes."""

    async def run(self, key_spec: KeySpec, work: Callable[[], T]) -> T:
        """What `work` answers: done here where keys of this spec are quick to use, else in a thread, at most one for each core. Who calls
        sees to it that a bounded number of calls come at once. Work whose caller has gone is not begun. Raises: what `work` raises.
        """
        ...


class HeldWork(Protocol):
    """What keeps the interpreter to itself, in another process. Every call blocks: it belongs in `HeavyWork.run`, never on the loop.

    Policies and imported keys have processes apart, and accounts take turns at them: a call is its account's for which `HeavyWork` runs.
    Raises: ThrottlingException where all of those stay busy; KMSInternalException where the process ended or did not answer in time, which
    is a security event too; the next call has another process.
    """

    def policies_as_json(self, text: str) -> str:
        """Cedar policies in Cedar's JSON form. Raises: PolicySyntaxError."""
        ...

    def laid_out(self, text: str) -> str:
        """Cedar policies in their canonical layout. Raises: PolicySyntaxError."""
        ...

    def rsa_key_from_outside(self, key_spec: str, pkcs8: bytes) -> bytes:
        """The stored form of an RSA private key that somebody else made, its primes checked. Raises: ValueError."""
        ...
