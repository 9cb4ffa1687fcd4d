"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "aliases",
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("alias_name", sa.String(length=256).with_variant(sa.String(length=256, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("account", "alias_name"),
    )
    op.create_index("aliases_key", "aliases", ["account", "key_id"], unique=False)
    op.create_table(
        "audit_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_table(
        "changes",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql"), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "inbox",
        sa.Column("source_region", sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql"), nullable=False),
        sa.Column("incarnation", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_region", "incarnation", "sequence"),
    )
    op.create_table(
        "keks",
        sa.Column("kek_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root_number", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kek_number"),
    )
    op.create_table(
        "key_sets",
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("signed_view", sa.LargeBinary(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("prepared_by", sa.Text(), nullable=False),
        sa.Column("reserved_at", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("refused_serials", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key_id"),
    )
    op.create_index("key_sets_reserved", "key_sets", ["status", "reserved_at"], unique=False)
    op.create_table(
        "key_tags",
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("tag_key", sa.String(length=512).with_variant(sa.String(length=512, collation="C"), "postgresql"), nullable=False),
        sa.Column("tag_value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key_id", "tag_key"),
    )
    op.create_table(
        "keys",
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("number", sa.LargeBinary(length=16), nullable=False),
        sa.Column("multi_region", sa.Boolean(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("key_spec", sa.Text(), nullable=False),
        sa.Column("key_usage", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("primary_region", sa.Text(), nullable=False),
        sa.Column("replica_regions", sa.Text(), nullable=False),
        sa.Column("current_material_id", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("account_delegation", sa.Boolean(), nullable=False),
        sa.Column("custom_key_store_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key_id"),
    )
    op.create_index("keys_number", "keys", ["number", "multi_region"], unique=True)
    op.create_table(
        "materials",
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("material_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("rotation_number", sa.BigInteger(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("sealed_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key_id", "material_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("kind", sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql"), nullable=False),
        sa.Column("target_region", sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql"), nullable=False),
        sa.Column("account", sa.String(length=12).with_variant(sa.String(length=12, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_id", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "target_region", "account", "key_id"),
    )
    op.create_index("outbox_due", "outbox", ["due_at"], unique=False)
    op.create_table(
        "region",
        sa.Column("only", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("only"),
    )
    op.create_table(
        "roots",
        sa.Column("root_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql"), nullable=False),
        sa.Column("parameters", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("root_number", "provider"),
    )
    op.create_table(
        "secrets",
        sa.Column("kind", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False),
        sa.Column("owner", sa.String(length=128).with_variant(sa.String(length=128, collation="C"), "postgresql"), nullable=False),
        sa.Column("secret_id", sa.String(length=128).with_variant(sa.String(length=128, collation="C"), "postgresql"), nullable=False),
        sa.Column("key_spec", sa.Text(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("public_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "owner", "secret_id"),
    )
