"""What a Region asks by time, it asks an index: no look walks a table that grows with the keys."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"

KEK_OF = "substr(sealed_bytes, 5, 4)"


def _some_rows(name: str, table: str, *columns: str, where: str) -> None:
    op.create_index(name, table, [text(column) for column in columns], sqlite_where=text(where), postgresql_where=text(where))


def upgrade() -> None:
    _some_rows("materials_kek", "materials", KEK_OF, "account", "key_id", where="length(sealed_bytes) > 0")
    op.create_index("secrets_kek", "secrets", [text(KEK_OF)])
    op.create_index("import_keys_kek", "import_keys", [text(KEK_OF)])
    op.create_index("import_keys_key", "import_keys", ["account", "key_id"])
    _some_rows("key_sets_unsettled", "key_sets", "account", "key_id", where="stale OR lost <> '[]' OR told_lost <> '[]'")
    op.create_index("inbox_created", "inbox", ["created_at"])
    # Last of all what readers of a process that serves meanwhile wait for.
    op.drop_index("outbox_due", "outbox")
    op.create_index("outbox_due", "outbox", ["target_region", "due_at", "sequence"])
    op.create_index("outbox_key", "outbox", ["account", "key_id"])
    op.create_index("outbox_sequence", "outbox", ["sequence"])
    op.drop_index("keys_next_rotation", "keys")
    is_led_here = "(NOT multi_region OR primary_region = region)"
    _some_rows("keys_next_rotation", "keys", "next_rotation_at", where=f"state = 'Enabled' AND {is_led_here}")
    op.drop_index("keys_on_demand", "keys")
    starts = f"{is_led_here} AND (pending_material_id = '' OR origin = 'EXTERNAL')"
    _some_rows("keys_on_demand", "keys", "on_demand_started_at", where=starts)
