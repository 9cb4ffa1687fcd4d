"""Aliases with their dates, grants, last usage, custom key stores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("aliases") as aliases:
        aliases.add_column(sa.Column("created_at", sa.BigInteger(), nullable=False, server_default="0"))
        aliases.add_column(sa.Column("updated_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "grants",
        sa.Column("grant_id", _identifier(64), nullable=False),
        sa.Column("account", _identifier(12), nullable=False),
        sa.Column("key_id", _identifier(64), nullable=False),
        sa.Column("grantee_principal", _identifier(256), nullable=False),
        sa.Column("retiring_principal", _identifier(256), nullable=False),
        sa.Column("issuing_account", _identifier(12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("operations", sa.Text(), nullable=False),
        sa.Column("constraint_type", sa.Text(), nullable=False),
        sa.Column("constraint_pairs", sa.Text(), nullable=False),
        sa.Column("source_arn", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index("grants_key", "grants", ["account", "key_id", "grantee_principal"])
    op.create_index("grants_retiring", "grants", ["retiring_principal", "grant_id"])
    op.create_table(
        "key_usage",
        sa.Column("account", _identifier(12), nullable=False),
        sa.Column("key_id", _identifier(64), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key_id"),
    )
    op.create_table(
        "key_stores",
        sa.Column("account", _identifier(12), nullable=False),
        sa.Column("store_id", _identifier(64), nullable=False),
        sa.Column("name", _identifier(256), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("proxy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "store_id"),
    )
    op.create_index("key_stores_name", "key_stores", ["account", "name"], unique=True)
