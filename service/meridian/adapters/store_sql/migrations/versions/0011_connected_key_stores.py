"""Key stores that connect, and keys whose second lock lies in one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("xks_key_id", sa.Text(), nullable=False, server_default=""))
    op.create_index("keys_store", "keys", ["custom_key_store_id", "xks_key_id"])
    with op.batch_alter_table("key_stores") as stores:
        stores.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="EXTERNAL_KEY_STORE"))
        stores.add_column(sa.Column("error_code", sa.Text(), nullable=False, server_default=""))
        stores.add_column(sa.Column("credential_id", sa.Text(), nullable=False, server_default=""))
        stores.add_column(sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"))
    op.create_index("key_stores_state", "key_stores", ["state"])
