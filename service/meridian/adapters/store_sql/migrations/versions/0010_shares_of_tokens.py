"""Answers are found by principal in their order; what was only quoted about sets is forgotten, for it counts as shown from now on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("answers_principal", "answers", ["account", "principal", "number"])
    op.execute(sa.text("UPDATE key_sets SET told_lost = '[]'"))
