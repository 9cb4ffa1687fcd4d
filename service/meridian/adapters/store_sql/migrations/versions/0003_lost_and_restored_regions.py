"""Lost, detached and restored Regions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    empty = sa.text("''")
    with op.batch_alter_table("key_sets") as key_sets:
        key_sets.add_column(sa.Column("signed_key", sa.LargeBinary(), nullable=False, server_default=empty))
        key_sets.add_column(sa.Column("lost", sa.Text(), nullable=False, server_default="[]"))
        key_sets.add_column(sa.Column("rejoin", sa.Text(), nullable=False, server_default=""))
        key_sets.add_column(sa.Column("told_lost", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("is_behind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "incarnations",
        sa.Column("region", _identifier(32), nullable=False),
        sa.Column("incarnation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("region"),
    )
    op.create_table(
        "operator_words",
        sa.Column("word", _identifier(32), nullable=False),
        sa.Column("region", _identifier(32), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("word", "region"),
    )
