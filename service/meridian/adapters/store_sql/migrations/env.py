"""Runs migrations on a connection that the caller has opened."""

from __future__ import annotations

from alembic import context

from meridian.adapters.store_sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
