"""Who succeeds the Regions that are declared lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for table in ("key_sets", "operator_words"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("successor", sa.Text(), nullable=False, server_default=""))
