"""The only way of a key out of the database: with what hangs on it, and with the event that says so, in one transaction."""

from __future__ import annotations

from typing import Any, Final, Protocol

from meridian.domain.key import Key
from meridian.domain.multi_region import RowStatus, SetRow
from meridian.ports.store.store import UnitOfWork

DELETED: Final = "DeleteKey"


class KeyEvents(Protocol):
    """Stores the event of what the service does to a key by itself; `ports.audit.AuditTrail` is one."""

    async def record_service_event(
        self, uow: UnitOfWork, event_name: str, key: Key, *, request_id: str, details: dict[str, Any]
    ) -> None: ...


async def erase_key(uow: UnitOfWork, events: KeyEvents, key: Key, *, request_id: str) -> None:
    """The key, its material and everything attached to it are gone."""
    await uow.keys.delete(key)
    await uow.import_keys.delete_of_key(key.account, key.key_id)
    details = {"keyMaterialIds": [m.material_id for m in key.materials]}
    await events.record_service_event(uow, DELETED, key, request_id=request_id, details=details)


async def erase_reserved_key(uow: UnitOfWork, events: KeyEvents, row: SetRow) -> None:
    """The key of a reserved place that is given up, whatever a caller did to it meanwhile: it never had material. `row` is as it was."""
    if row.status is not RowStatus.RESERVED:
        return
    key = await uow.keys.find(row.account, row.key_id)
    if key is not None:
        await erase_key(uow, events, key, request_id=row.request_id)
