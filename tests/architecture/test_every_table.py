"""Each table of the schema has a reader, a remedy for a row that cannot be read, and an end for what is put into it."""

from __future__ import annotations

import re
from pathlib import Path

import meridian
from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.row_survey import IDENTITIES, READERS
from meridian.administration.row_remedies import OF_TABLE

STORE = Path(meridian.__file__).parent / "adapters" / "store_sql"
TABLES = set(t.metadata.tables)

WITH_ITS_KEY = "goes with its key"
WITH_ITS_SET = (
    "never: one row for each set that was here, a tombstone that keeps old states out; refused serials are ones that this Region made, "
    "one for each ReplicateKey that failed, and each place may ask for its own for as long as it waits"
)
ENDS = {
    "aliases": WITH_ITS_KEY,
    "answers": "PruneWorker: after `limits.client_token_seconds`; `limits.client_tokens_per_account`",
    "audit_events": "goes when it is in the audit log",
    "audit_keys": "never: the log is verified with them; one row for each turn of the key by an operator",
    "audit_streams": "never: they vouch for the log; one row for each start of a process",
    "audit_verifications": "one row: each run of `meridian audit verify --against-db` takes the place of the one before",
    "changes": "PruneWorker: the newest `limits.change_feed_rows` stay",
    "counters": "a row for each of two names",
    "grants": WITH_ITS_KEY,
    "import_keys": "PruneWorker: when it expires",
    "inbox": "PruneWorker: after `limits.inbox_days`",
    "incarnations": "a row for each other Region",
    "keks": "RewrapWorker: after `limits.kek_retention_days`, when no row names it",
    "key_sets": WITH_ITS_SET,
    "key_stores": "DeleteCustomKeyStore; `limits.key_stores_per_account`",
    "key_tags": WITH_ITS_KEY,
    "key_usage": WITH_ITS_KEY,
    "keys": "the end of its waiting period; `limits.keys_per_account`",
    "materials": WITH_ITS_KEY,
    "operator_words": "a row for each word and other Region",
    "outbox": "goes when it is delivered, or its Region is configured no more; a row for each kind, set and Region",
    "region": "one row",
    "roots": "a row for each seal",
    "secrets": "HPKE keys after eight days, the audit key when it turns; one of each other kind",
}
"""What ends the rows that are put into a table, or why nothing need."""


def test_every_table_can_be_surveyed_and_mended() -> None:
    assert set(READERS) == TABLES
    assert set(OF_TABLE) == TABLES


def test_every_wrapped_row_is_opened() -> None:
    """`roots` and `keks` are opened by the seals themselves."""
    assert set(IDENTITIES) | {"roots", "keks"} == {name for name, table in t.metadata.tables.items() if "sealed_bytes" in table.c}


def test_every_table_that_is_inserted_into_says_what_ends_its_rows() -> None:
    source = "\n".join(path.read_text() for path in STORE.glob("*.py"))
    inserted = set(re.findall(r"insert\(t\.(\w+)\)", source))
    assert inserted == set(ENDS) == TABLES
