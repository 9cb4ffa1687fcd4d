"""The schema. Migrations lead to exactly this; a test compares the two.

Times are microseconds since 1970 in UTC, so both databases keep and compare the same number. Identifiers compare by their bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Index, Integer, LargeBinary, MetaData, String, Table, Text, text
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the signature that SQLAlchemy calls
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature that SQLAlchemy calls
        return None if value is None else EPOCH + int(value) * MICROSECOND


def identifier(length: int) -> Any:
    """Text that compares by its bytes on every database."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def serial_number() -> Any:
    """A number that the database draws. SQLite draws only for its own integer type."""
    return BigInteger().with_variant(Integer(), "sqlite")


def some_rows(name: str, *columns: Any, where: str) -> Index:
    """An index of those rows alone that a look by time asks for. The look has to say the same words, without parameters."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


KEK_OF: Final = "substr(sealed_bytes, 5, 4)"
"""The four bytes of a wrapped row that name its key-encryption key."""
IS_PRESENT: Final = "length(sealed_bytes) > 0"
"""Deleted or expired material leaves its row, without its bytes."""
ROTATES_HERE: Final = "state = 'Enabled' AND (NOT multi_region OR primary_region = region)"
"""Of the keys with a time of rotation, those that this Region rotates."""
STARTS_HERE: Final = "(NOT multi_region OR primary_region = region) AND (pending_material_id = '' OR origin = 'EXTERNAL')"
"""Of the keys with a rotation on demand, those whose rotation begins here. What waits for acknowledgements of other Regions is not due; the
last of them moves it."""
IS_UNSETTLED: Final = "stale OR lost <> '[]' OR told_lost <> '[]'"
"""Of the sets, those that wait for what an operator said or a restore left open."""

metadata = MetaData()

region = Table(
    "region",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("deployment", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
)

roots = Table(
    "roots",
    metadata,
    Column("root_number", Integer, primary_key=True, autoincrement=False),
    Column("provider", identifier(32), primary_key=True),
    Column("parameters", LargeBinary, nullable=False),
    Column("sealed_bytes", LargeBinary, nullable=False),
)

keks = Table(
    "keks",
    metadata,
    Column("kek_number", Integer, primary_key=True, autoincrement=False),
    Column("root_number", Integer, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("sealed_bytes", LargeBinary, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("kind", identifier(64), primary_key=True),
    Column("owner", identifier(128), primary_key=True),
    Column("secret_id", identifier(128), primary_key=True),
    Column("key_spec", Text, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("sealed_bytes", LargeBinary, nullable=False),
    Column("public_bytes", LargeBinary, nullable=False),
    Index("secrets_kek", text(KEK_OF)),
)

keys = Table(
    "keys",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("key_id", identifier(64), primary_key=True),
    Column("number", LargeBinary(16), nullable=False),
    Column("multi_region", Boolean, nullable=False),
    Column("partition", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("key_spec", Text, nullable=False),
    Column("key_usage", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("primary_region", Text, nullable=False),
    Column("replica_regions", Text, nullable=False),
    Column("current_material_id", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_document", Text, nullable=False, server_default=""),
    Column("policy_version", BigInteger, nullable=False),
    Column("account_delegation", Boolean, nullable=False),
    Column("custom_key_store_id", Text, nullable=False),
    Column("xks_key_id", Text, nullable=False, server_default=""),
    Column("pending_material_id", Text, nullable=False),
    Column("rotation_period_in_days", Integer, nullable=False),
    Column("next_rotation_at", Moment),
    Column("on_demand_started_at", Moment),
    Column("on_demand_rotations", Integer, nullable=False),
    Column("deletion_at", Moment),
    Column("updating_until", Moment),
    Column("deletion_window_in_days", Integer, nullable=False),
    Column("is_behind", Boolean, nullable=False),
    Index("keys_number", "number", "multi_region", unique=True),
    some_rows("keys_next_rotation", "next_rotation_at", where=ROTATES_HERE),
    some_rows("keys_on_demand", "on_demand_started_at", where=STARTS_HERE),
    Index("keys_deletion", "deletion_at"),
    Index("keys_updating", "updating_until"),
    Index("keys_store", "custom_key_store_id", "xks_key_id"),
)

key_tags = Table(
    "key_tags",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("key_id", identifier(64), primary_key=True),
    Column("tag_key", identifier(512), primary_key=True),
    Column("tag_value", Text, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("alias_name", identifier(256), primary_key=True),
    Column("key_id", identifier(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("aliases_key", "account", "key_id"),
)

grants = Table(
    "grants",
    metadata,
    Column("grant_id", identifier(64), primary_key=True),
    Column("account", identifier(12), nullable=False),
    Column("key_id", identifier(64), nullable=False),
    Column("grantee_principal", identifier(256), nullable=False),
    Column("retiring_principal", identifier(256), nullable=False),
    Column("issuing_account", identifier(12), nullable=False),
    Column("name", Text, nullable=False),
    Column("operations", Text, nullable=False),
    Column("constraint_type", Text, nullable=False),
    Column("constraint_pairs", Text, nullable=False),
    Column("source_arn", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("grants_key", "account", "key_id", "grantee_principal"),
    Index("grants_retiring", "retiring_principal", "grant_id"),
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("key_id", identifier(64), primary_key=True),
    Column("operation", Text, nullable=False),
    Column("used_at", Moment, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
)

key_stores = Table(
    "key_stores",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("store_id", identifier(64), primary_key=True),
    Column("name", identifier(256), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("proxy", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="EXTERNAL_KEY_STORE"),
    Column("error_code", Text, nullable=False, server_default=""),
    Column("credential_id", Text, nullable=False, server_default=""),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Index("key_stores_name", "account", "name", unique=True),
    Index("key_stores_state", "state"),
)

answers = Table(
    "answers",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("principal", identifier(64), primary_key=True),
    Column("token", identifier(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("request_id", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("answers_number", "account", "number"),
    Index("answers_principal", "account", "principal", "number"),
    Index("answers_expiry", "expires_at"),
)

materials = Table(
    "materials",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("key_id", identifier(64), primary_key=True),
    Column("material_id", identifier(64), primary_key=True),
    Column("rotation_number", BigInteger, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("sealed_bytes", LargeBinary, nullable=False),
    Column("rotated_at", Moment),
    Column("rotation_type", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("expires_at", Moment),
    Index("materials_expiry", "expires_at"),
    some_rows("materials_kek", text(KEK_OF), "account", "key_id", where=IS_PRESENT),
)

import_keys = Table(
    "import_keys",
    metadata,
    Column("token_id", identifier(32), primary_key=True),
    Column("account", identifier(12), nullable=False),
    Column("key_id", identifier(64), nullable=False),
    Column("wrapping_key_spec", Text, nullable=False),
    Column("sealed_bytes", LargeBinary, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("failed_tries", Integer, nullable=False),
    Index("import_keys_expiry", "expires_at"),
    Index("import_keys_key", "account", "key_id"),
    Index("import_keys_kek", text(KEK_OF)),
)

key_sets = Table(
    "key_sets",
    metadata,
    Column("account", identifier(12), primary_key=True),
    Column("key_id", identifier(64), primary_key=True),
    Column("status", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("view", Text, nullable=False),
    Column("signed_view", LargeBinary, nullable=False),
    Column("held", Text, nullable=False),
    Column("links", Text, nullable=False),
    Column("signed_key", LargeBinary, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("lost", Text, nullable=False),
    Column("successor", Text, nullable=False),
    Column("rejoin", Text, nullable=False),
    Column("told_lost", Text, nullable=False),
    Column("prepared_by", Text, nullable=False),
    Column("reserved_at", Moment),
    Column("request_id", Text, nullable=False),
    Column("refused_serials", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("key_sets_reserved", "status", "reserved_at"),
    some_rows("key_sets_unsettled", "account", "key_id", where=IS_UNSETTLED),
)

outbox = Table(
    "outbox",
    metadata,
    Column("kind", identifier(32), primary_key=True),
    Column("target_region", identifier(32), primary_key=True),
    Column("account", identifier(12), primary_key=True),
    Column("key_id", identifier(64), primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("lease_owner", Text, nullable=False),
    Column("lease_until", Moment),
    Column("last_error", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("outbox_due", "target_region", "due_at", "sequence"),
    Index("outbox_key", "account", "key_id"),
    Index("outbox_sequence", "sequence"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("source_region", identifier(32), primary_key=True),
    Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("inbox_created", "created_at"),
)

incarnations = Table(
    "incarnations",
    metadata,
    Column("region", identifier(32), primary_key=True),
    Column("incarnation", BigInteger, nullable=False),
)

operator_words = Table(
    "operator_words",
    metadata,
    Column("word", identifier(32), primary_key=True),
    Column("region", identifier(32), primary_key=True),
    Column("said_at", Moment, nullable=False),
    Column("successor", Text, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", identifier(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", serial_number(), primary_key=True),
    Column("event_id", identifier(64), nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    Column("lease_owner", identifier(64), nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("taken_from", identifier(64), nullable=False),
)

audit_streams = Table(
    "audit_streams",
    metadata,
    Column("number", serial_number(), primary_key=True),
    Column("stream", identifier(64), nullable=False, unique=True),
    Column("replica", identifier(128), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("head_sequence", BigInteger, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("digests", Integer, nullable=False),
    Column("is_closed", Boolean, nullable=False),
)

audit_keys = Table(
    "audit_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)

audit_verifications = Table(
    "audit_verifications",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("verified_at", Moment, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("findings", BigInteger, nullable=False),
    Column("unproven", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("streams", BigInteger, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("number", serial_number(), primary_key=True),
    Column("account", identifier(12), nullable=False),
    Column("key_id", identifier(64), nullable=False),
    sqlite_autoincrement=True,
)
