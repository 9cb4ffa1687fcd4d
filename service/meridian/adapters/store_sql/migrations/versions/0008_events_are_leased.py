"""Which audit stream writes an event that waits, and until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("audit_events") as events:
        events.add_column(sa.Column("lease_owner", _identifier(64), nullable=False, server_default=""))
        events.add_column(sa.Column("lease_until", sa.BigInteger(), nullable=False, server_default="0"))
        events.add_column(sa.Column("taken_from", _identifier(64), nullable=False, server_default=""))
