"""What other Regions have not been told yet."""

from __future__ import annotations

from typing import Final

from meridian.administration.database import open_store
from meridian.ports.store.outbox import OutboxEntry
from meridian.settings import Settings

OUTBOX_SHOWN_MAX: Final = 1000


async def read_outbox(settings: Settings) -> list[OutboxEntry]:
    """The oldest deliveries that are not made yet, as many as a list shows. Raises: StartupError."""
    async with open_store(settings) as store, store.reading() as uow:
        return list(await uow.outbox.list(limit=OUTBOX_SHOWN_MAX))
