"""Key policies as the clients of AWS sent them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("policy_document", sa.Text(), nullable=False, server_default=""))
