"""One transaction and the repositories on it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql.aliases import SqlAliases
from meridian.adapters.store_sql.answers import SqlAnswers
from meridian.adapters.store_sql.audit_events import SqlAuditEvents
from meridian.adapters.store_sql.audit_streams import SqlAuditStreams
from meridian.adapters.store_sql.grants import SqlGrants
from meridian.adapters.store_sql.import_keys import SqlImportKeys
from meridian.adapters.store_sql.inbox import SqlInbox
from meridian.adapters.store_sql.key_sets import SqlKeySets
from meridian.adapters.store_sql.key_stores import SqlKeyStores
from meridian.adapters.store_sql.key_usage import SqlKeyUsage
from meridian.adapters.store_sql.keyring import SqlKeyringRows
from meridian.adapters.store_sql.keys import SqlKeys
from meridian.adapters.store_sql.operator_words import SqlOperatorWords
from meridian.adapters.store_sql.outbox import SqlOutbox
from meridian.adapters.store_sql.region import SqlRegion
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


class SqlUnitOfWork:
    """Implements `ports.store.store.UnitOfWork`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.keys: Keys = SqlKeys(connection)
        self.import_keys: ImportKeys = SqlImportKeys(connection)
        self.key_sets: KeySets = SqlKeySets(connection)
        self.outbox: Outbox = SqlOutbox(connection)
        self.inbox: Inbox = SqlInbox(connection)
        self.operator_words: OperatorWords = SqlOperatorWords(connection)
        self.audit_events: AuditEvents = SqlAuditEvents(connection)
        self.audit_streams: AuditStreams = SqlAuditStreams(connection)
        self.keyring: KeyringRows = SqlKeyringRows(connection)
        self.region: Region = SqlRegion(connection)
        self.aliases: Aliases = SqlAliases(connection)
        self.grants: Grants = SqlGrants(connection)
        self.key_usage: KeyUsage = SqlKeyUsage(connection)
        self.key_stores: KeyStores = SqlKeyStores(connection)
        self.answers: Answers = SqlAnswers(connection)
