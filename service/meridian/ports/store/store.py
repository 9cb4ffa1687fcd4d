"""What the service asks of its database.

One transaction holds a change, its audit event and its outbox entries: all or nothing. Repositories speak domain values; no
row, driver error or SQLSTATE crosses this port. Every adapter passes `tests/contract/test_store.py`.

What an adapter promises beside the methods: identifiers compare by their bytes (case-sensitively); times keep microseconds and
come back aware in UTC; a committed transaction survives a crash of process or machine; a transaction left by an exception, or
by cancellation, leaves no trace; a database out of reach is KMSInternalException with the cause as its `reason`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from meridian.ports.store.aliases import Aliases
from meridian.ports.store.answers import Answers
from meridian.ports.store.audit_events import AuditEvents
from meridian.ports.store.audit_streams import AuditStreams
from meridian.ports.store.grants import Grants
from meridian.ports.store.import_keys import ImportKeys
from meridian.ports.store.inbox import Inbox
from meridian.ports.store.key_sets import KeySets
from meridian.ports.store.key_stores import KeyStores
from meridian.ports.store.key_usage import KeyUsage
from meridian.ports.store.keyring import KeyringRows
from meridian.ports.store.keys import Keys
from meridian.ports.store.operator_words import OperatorWords
from meridian.ports.store.outbox import Outbox
from meridian.ports.store.region import Region

STILL_SECONDS_MAX: Final = 30.0
"""For so long at most is a look left out because nobody has committed anything since the last one."""
READ_SECONDS_MAX: Final = 5.0
"""For so long at most one that also finds out that the database can be read, or what time alone brings."""


class UnitOfWork(Protocol):
    """One transaction: the repositories, all on one connection."""

    keys: Keys
    import_keys: ImportKeys
    key_sets: KeySets
    outbox: Outbox
    inbox: Inbox
    operator_words: OperatorWords
    audit_events: AuditEvents
    audit_streams: AuditStreams
    keyring: KeyringRows
    region: Region
    aliases: Aliases
    grants: Grants
    key_usage: KeyUsage
    key_stores: KeyStores
    answers: Answers


class Store(Protocol):
    """The Region's database."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A read-write transaction: commits when the block ends, rolls back when it raises."""
        ...

    def reading(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A read-only unit of work on one consistent state."""
        ...

    def commits(self) -> int | None:
        """A number that is another after each commit of this or any other process; it costs microseconds, and no transaction.

        None where the database has no such number: then only a look tells."""
        ...

    def trouble(self) -> str:
        """Why nothing can be kept now, although the database answers, as the last change found it; empty where all is well."""
        ...

    async def close(self) -> None:
        """Release every connection."""
        ...
