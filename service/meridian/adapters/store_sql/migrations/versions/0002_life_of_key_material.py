"""Imported material, rotation and deletion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("pending_material_id", sa.Text(), nullable=False, server_default=""))
        keys.add_column(sa.Column("rotation_period_in_days", sa.Integer(), nullable=False, server_default="0"))
        keys.add_column(sa.Column("next_rotation_at", sa.BigInteger()))
        keys.add_column(sa.Column("on_demand_started_at", sa.BigInteger()))
        keys.add_column(sa.Column("on_demand_rotations", sa.Integer(), nullable=False, server_default="0"))
        keys.add_column(sa.Column("deletion_at", sa.BigInteger()))
        keys.add_column(sa.Column("updating_until", sa.BigInteger()))
        keys.add_column(sa.Column("deletion_window_in_days", sa.Integer(), nullable=False, server_default="0"))
        keys.create_index("keys_next_rotation", ["next_rotation_at"])
        keys.create_index("keys_on_demand", ["on_demand_started_at"])
        keys.create_index("keys_deletion", ["deletion_at"])
        keys.create_index("keys_updating", ["updating_until"])
    with op.batch_alter_table("materials") as materials:
        materials.add_column(sa.Column("rotated_at", sa.BigInteger()))
        materials.add_column(sa.Column("rotation_type", sa.Text(), nullable=False, server_default=""))
        materials.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
        materials.add_column(sa.Column("expires_at", sa.BigInteger()))
        materials.create_index("materials_expiry", ["expires_at"])
    with op.batch_alter_table("key_sets") as key_sets:
        key_sets.add_column(sa.Column("links", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "import_keys",
        sa.Column("token_id", _identifier(32), nullable=False),
        sa.Column("account", _identifier(12), nullable=False),
        sa.Column("key_id", _identifier(64), nullable=False),
        sa.Column("wrapping_key_spec", sa.Text(), nullable=False),
        sa.Column("sealed_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("failed_tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("token_id"),
    )
    op.create_index("import_keys_expiry", "import_keys", ["expires_at"])
