"""Where audit records go.

Every adapter passes `tests/contract/test_audit.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from meridian.domain.call import Call
from meridian.domain.key import Key
from meridian.ports.store import UnitOfWork


class AuditStream(Protocol):
    """A durable, hash-chained stream of records."""

    async def append(self, record: dict[str, Any]) -> None:
        """Return once the record is durable.

        The stream adds `meridian.stream`, `meridian.seq` and `meridian.prevHash` itself. Records keep the order of their calls.
        Raises: DependencyTimeoutException if the sink fails, is full, or takes longer than 500 ms; the record may then be in
        the stream or not.
        """
        ...

    async def append_change(self, record: dict[str, Any]) -> None:
        """As `append`, for the record of a change that stands already: it may use the space that was set aside."""
        ...

    async def reserve(self) -> None:
        """Set space aside for the record of a change that is about to be committed, until `release`.

        Raises: DependencyTimeoutException if the sink would not take it; then the change must not be committed, and nothing is held.
        """
        ...

    def release(self) -> None:
        """Give back the space of one change: its record is written, or will never be."""
        ...

    async def known(self, event_ids: Collection[str]) -> set[str]:
        """Which of these events earlier streams hold already."""
        ...

    async def close(self) -> None:
        """Write what waits, then the closing record, and release the sink."""
        ...


class AuditTrail(Protocol):
    """Lets a transaction hold the audit event of the change it makes."""

    async def record(self, uow: UnitOfWork, call: Call) -> None:
        """Store the call's event in this transaction; the pipeline ships it to the stream after the commit."""
        ...

    async def record_service_event(
        self, uow: UnitOfWork, event_name: str, key: Key, *, request_id: str, details: dict[str, Any] | None = None
    ) -> None:
        """Store an event of the service itself in this transaction; without `details` it names the key's materials."""
        ...
