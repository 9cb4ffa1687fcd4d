"""Where audit records go.

Every adapter passes `tests/contract/test_audit.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Any, Protocol

from meridian.call import Call
from meridian.domain.key import Key
from meridian.ports.store.audit_streams import StreamHead
from meridian.ports.store.store import UnitOfWork


class AuditStream(Protocol):
    """A durable, hash-chained stream of records."""

    def append(self, *records: dict[str, Any]) -> Awaitable[None]:
        """Takes the records at once; awaited, returns once all of them are durable.

        The stream adds `meridian.stream`, `meridian.seq` and `meridian.prevHash` itself. Records keep the order of their calls.
        Raises: DependencyTimeoutException if the sink fails, is full, or takes longer than 500 ms; any of the records may then
        be in the stream or not.
        """
        ...

    async def append_change(self, record: dict[str, Any], *, is_promised: bool) -> None:
        """As `append`, for the record of a change that stands already; one that space was set aside for may use that."""
        ...

    def durable_changes(self) -> Sequence[str]:
        """The event ids of changes that became durable since this was last asked, also where nobody waited any more."""
        ...

    def holds(self, event_id: str) -> bool:
        """Whether this change is in the stream and not yet told by `durable_changes`, or may yet come to be there."""
        ...

    def trouble(self) -> str:
        """Why the log takes nothing now, or nothing."""
        ...

    @property
    def head(self) -> StreamHead:
        """The last durable record. Every change up to it has been told by `durable_changes`, or is when that is asked next."""
        ...

    async def reserve(self) -> None:
        """Set space aside for the record of a change that is about to be committed, until `release`.

        Raises: DependencyTimeoutException if the sink would not take it; then the change must not be committed, and nothing is held.
        """
        ...

    def release(self) -> None:
        """Give back the space of one change: its record is written, or will never be."""
        ...

    def is_beside(self, stream: str) -> bool:
        """Whether an earlier stream lies where this one does: then its process has ended, and it can be read."""
        ...

    async def known(self, stream: str, after: int, event_ids: Collection[str]) -> set[str]:
        """Which of these events stand behind record `after` of an earlier stream that `is_beside`."""
        ...

    async def close(self) -> None:
        """Write what waits, then the closing record, and release the sink."""
        ...


class AuditTrail(Protocol):
    """Lets a transaction hold the audit event of the change it makes."""

    async def record(self, uow: UnitOfWork, call: Call) -> None:
        """Store the call's event in this transaction; the pipeline ships it to the stream after the commit."""
        ...

    async def record_service_event(self, uow: UnitOfWork, event_name: str, key: Key, *, request_id: str, details: dict[str, Any]) -> None:
        """Store an event of the service itself in this transaction."""
        ...

    async def record_synchronisation(
        self, uow: UnitOfWork, account: str, key_id: str, properties: Sequence[str], *, request_id: str
    ) -> None:
        """Store the event of a primary that tells its replicas of these properties, in the transaction that moves them."""
        ...
