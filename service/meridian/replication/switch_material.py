"""Rotation of related keys: the switch waits until every member has the new material.

Source: docs/spec/multi-region.md, rotation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meridian.domain.key import Key, Origin
from meridian.domain.multi_region import SetRow
from meridian.domain.rotation import Rotated, finish
from meridian.ports.audit import AuditTrail
from meridian.ports.store.store import UnitOfWork
from meridian.replication.sets.state import is_held_by_all

ROTATED: Final = "RotateKey"


async def held_by_all(uow: UnitOfWork, key: Key) -> Callable[[str], bool]:
    """Whether a material is in the store of every other member; a key alone has none to wait for."""
    if key.multi_region is None:
        return lambda _: True
    row = await uow.key_sets.find(key.account, key.key_id)
    return lambda material_id: row is not None and is_held_by_all(row, material_id)


def awaits_switch(key: Key) -> bool:
    """Whether the key has material that becomes current as soon as every member has it."""
    return key.origin is Origin.AWS_KMS and bool(key.pending_material_id)


async def switched(uow: UnitOfWork, trail: AuditTrail, row: SetRow, key: Key, *, request_id: str) -> Key:
    """The primary's key with its pending material current, where every member that counts has it, this one included."""
    pending = key.find_material(key.pending_material_id)
    if not awaits_switch(key) or pending is None or not pending.is_present or not is_held_by_all(row, key.pending_material_id):
        return key
    rotated = finish(key, await uow.region.now())
    await record_rotation(uow, trail, key, rotated, request_id=request_id)
    return rotated.key


async def record_rotation(uow: UnitOfWork, trail: AuditTrail, before: Key, rotated: Rotated, *, request_id: str) -> None:
    """The RotateKey event of a rotation that is done, or the end of one that found nothing to rotate to."""
    if rotated.type is not None:
        await note_rotation(uow, trail, before, rotated.key, request_id=request_id)
    elif rotated.lapsed:
        details = {"rotationType": "ON_DEMAND", "lapsed": "no key material pending rotation"}
        await trail.record_service_event(uow, ROTATED, rotated.key, request_id=request_id, details=details)


async def note_rotation(uow: UnitOfWork, trail: AuditTrail, before: Key, after: Key, *, request_id: str) -> None:
    """The RotateKey event of this Region, where other material is current afterwards; a first material is none."""
    material = after.find_material(after.current_material_id)
    if not before.current_material_id or before.current_material_id == after.current_material_id or material is None:
        return
    details = {
        "rotationType": str(material.rotation_type or ""),
        "keyOrigin": str(after.origin),
        "previousKeyMaterialId": before.current_material_id,
        "currentKeyMaterialId": after.current_material_id,
    }
    await trail.record_service_event(uow, ROTATED, after, request_id=request_id, details=details)
