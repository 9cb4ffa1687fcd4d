"""RotationService: automatic and on-demand rotation, and what a key's materials are.

Source: AWS KMS API Reference, EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meridian.call import Call
from meridian.domain.key import Key, KeyMaterial, KeySpec, KeyState, MultiRegionKeyType, Origin
from meridian.domain.limits import Limits
from meridian.domain.rotation import with_on_demand_begun, with_schedule, without_schedule
from meridian.errors import ValidationException
from meridian.fault_points import FaultPoint, reach
from meridian.kms.v1 import rotation_pb2, types_pb2
from meridian.operations.change import KeyChanges
from meridian.operations.page import Page
from meridian.operations.present import set_enum
from meridian.ports.page_markers import PageMarkers
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.sets.state import is_held_by_all

LIST_LIMIT_DEFAULT: Final = 100


class Rotation:
    """How a key gets new material."""

    def __init__(
        self, *, store: Store, page_markers: PageMarkers, changes: KeyChanges, limits: Limits, wake_schedule: Callable[[], None]
    ) -> None:
        self._store = store
        self._page_markers = page_markers
        self._changes = changes
        self._limits = limits
        self._wake_schedule = wake_schedule

    async def enable_key_rotation(
        self, request: rotation_pb2.EnableKeyRotationRequest, call: Call
    ) -> rotation_pb2.EnableKeyRotationResponse:
        """The key rotates by itself, every 365 days or as said."""
        period = request.rotation_period_in_days if request.HasField("rotation_period_in_days") else None

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return with_schedule(key, period, await uow.region.now(), self._limits.day_seconds)

        return await self._changes.apply(call, call.keys["key_id"], change, lambda _: rotation_pb2.EnableKeyRotationResponse())

    async def disable_key_rotation(
        self, request: rotation_pb2.DisableKeyRotationRequest, call: Call
    ) -> rotation_pb2.DisableKeyRotationResponse:
        """The key no longer rotates by itself; all its material stays."""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return without_schedule(key)

        return await self._changes.apply(call, call.keys["key_id"], change, lambda _: rotation_pb2.DisableKeyRotationResponse())

    async def get_key_rotation_status(
        self, request: rotation_pb2.GetKeyRotationStatusRequest, call: Call
    ) -> rotation_pb2.GetKeyRotationStatusResponse:
        """The schedule, and since when an on-demand rotation is under way."""
        key = call.keys["key_id"]
        schedule = key.rotation if key.state is not KeyState.PENDING_DELETION else None
        response = rotation_pb2.GetKeyRotationStatusResponse(key_id=key.arn, key_rotation_enabled=schedule is not None)
        if schedule is not None:
            response.rotation_period_in_days = schedule.period_in_days
            response.next_rotation_date.FromDatetime(schedule.next_at)
        if key.on_demand_started_at is not None:
            response.on_demand_rotation_start_date.FromDatetime(key.on_demand_started_at)
        return response

    async def rotate_key_on_demand(
        self, request: rotation_pb2.RotateKeyOnDemandRequest, call: Call
    ) -> rotation_pb2.RotateKeyOnDemandResponse:
        """A rotation has begun; it ends by itself, for related keys when every one of them has the material.

        Raises: LimitExceededException, ConflictException, KMSInvalidStateException.
        """

        async def change(uow: UnitOfWork, key: Key) -> Key:
            now = await uow.region.now()
            begun = with_on_demand_begun(key, now, self._limits, is_held_everywhere=await _is_held_everywhere(uow, key))
            reach(FaultPoint.ROTATE_BEFORE_COMMIT)
            return begun

        answer = await self._changes.apply(
            call, call.keys["key_id"], change, lambda key: rotation_pb2.RotateKeyOnDemandResponse(key_id=key.arn)
        )
        reach(FaultPoint.ROTATE_AFTER_COMMIT)
        self._wake_schedule()
        return answer

    async def list_key_rotations(self, request: rotation_pb2.ListKeyRotationsRequest, call: Call) -> rotation_pb2.ListKeyRotationsResponse:
        """Completed rotations, oldest first; with ALL_KEY_MATERIAL the first and the pending material too.

        Raises: InvalidMarkerException; ValidationException where the key has no materials to show.
        """
        key = call.keys["key_id"]
        if request.include_key_material and key.key_spec is not KeySpec.SYMMETRIC_DEFAULT:
            raise ValidationException(
                "Input parameter includeKeyMaterial can only be used with symmetric keys.",
                fields=[("includeKeyMaterial", "the key is not symmetric")],
            )
        everything = request.include_key_material == types_pb2.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL
        shown = [m for m in key.materials if everything or m.rotated_at is not None]
        page = Page(self._page_markers, call, key.arn, str(everything), default=LIST_LIMIT_DEFAULT)
        rest = [m for m in shown if m.rotation_number > int(page.after or -1)]
        async with self._store.reading() as uow:
            is_everywhere = await _is_held_everywhere(uow, key)
        response = rotation_pb2.ListKeyRotationsResponse()
        cut = page.cut(response, rest, [str(m.rotation_number) for m in rest])
        response.rotations.extend(_entry(key, material, is_everywhere=is_everywhere) for material in cut)
        return response


async def _is_held_everywhere(uow: UnitOfWork, key: Key) -> bool:
    """Whether every related key has the pending material; a key alone has no others to wait for."""
    if not key.pending_material_id or key.multi_region_key_type is not MultiRegionKeyType.PRIMARY:
        return key.multi_region is None
    row = await uow.key_sets.find(key.account, key.key_id)
    return row is not None and is_held_by_all(row, key.pending_material_id)


def _entry(key: Key, material: KeyMaterial, *, is_everywhere: bool) -> types_pb2.RotationsListEntry:
    entry = types_pb2.RotationsListEntry(key_id=key.arn, key_material_id=material.material_id)
    set_enum(entry, "key_material_state", _state(key, material, is_everywhere=is_everywhere))
    if material.rotated_at is not None:
        entry.rotation_date.FromDatetime(material.rotated_at)
        set_enum(entry, "rotation_type", material.rotation_type or "")
    if key.origin is Origin.EXTERNAL:
        _add_import(entry, material)
    return entry


def _state(key: Key, material: KeyMaterial, *, is_everywhere: bool) -> str:
    if material.material_id == key.current_material_id:
        return "CURRENT"
    if material.material_id != key.pending_material_id:
        return "NON_CURRENT"
    return "PENDING_ROTATION" if is_everywhere else "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


def _add_import(entry: types_pb2.RotationsListEntry, material: KeyMaterial) -> None:
    set_enum(entry, "import_state", "IMPORTED" if material.is_present else "PENDING_IMPORT")
    if material.description:
        entry.key_material_description = material.description
    if not material.is_present:
        return
    set_enum(entry, "expiration_model", "KEY_MATERIAL_EXPIRES" if material.expires_at else "KEY_MATERIAL_DOES_NOT_EXPIRE")
    if material.expires_at is not None:
        entry.valid_to.FromDatetime(material.expires_at)
