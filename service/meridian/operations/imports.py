"""ImportsService: wrapping keys out, wrapped material in.

Source: AWS KMS API Reference, GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from meridian.call import Call
from meridian.contract.enums import enum_aws_value
from meridian.domain.imports import (
    ImportTerms,
    ImportType,
    require_import_terms,
    require_wrapping,
    shown_material_id,
    with_import,
    without_material,
)
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.limits import Limits
from meridian.errors import (
    ExpiredImportTokenException,
    InvalidImportTokenException,
    ValidationException,
)
from meridian.fault_points import FaultPoint, reach
from meridian.kms.v1 import imports_pb2
from meridian.operations.change import KeyChanges
from meridian.ports.crypto.import_key_source import ImportKeySource
from meridian.ports.crypto.imports import ImportToken, MaterialImports
from meridian.ports.heavy_work import Beside
from meridian.ports.store.import_keys import ImportKeyRow
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.decided import require_as_decided
from meridian.replication.publish import tell_held


class Imports:
    """Key material that its owner brings."""

    def __init__(
        self,
        *,
        store: Store,
        materials: MaterialImports,
        changes: KeyChanges,
        wrapping_keys: ImportKeySource,
        limits: Limits,
        beside: Beside,
    ) -> None:
        self._heavy = beside.heavy
        self._held = beside.held
        self._store = store
        self._materials = materials
        self._changes = changes
        self._wrapping_keys = wrapping_keys
        self._limits = limits

    async def get_parameters_for_import(
        self, request: imports_pb2.GetParametersForImportRequest, call: Call
    ) -> imports_pb2.GetParametersForImportResponse:
        """A fresh public key and the token that belongs to it, for this key alone, valid for 24 hours.

        Raises: ValidationException for a wrapping that cannot carry this key's material; DependencyTimeoutException.
        """
        key = call.keys["key_id"]
        algorithm, spec = _value(request, "wrapping_algorithm"), _value(request, "wrapping_key_spec")
        require_wrapping(key, algorithm, spec)
        private_key = await self._wrapping_keys.take(key.account, spec)
        async with self._store.transaction() as uow:
            await require_as_decided(uow, call)
            issued_at = await uow.region.now()
            expires_at = issued_at + timedelta(seconds=self._limits.import_token_seconds)
            made = self._materials.import_parameters(key, algorithm, spec, private_key, issued_at, expires_at)
            await uow.import_keys.delete_expired(now=issued_at)
            await uow.import_keys.insert(ImportKeyRow(made.token_id, key.account, key.key_id, spec, made.sealed_private_key, expires_at))
        response = imports_pb2.GetParametersForImportResponse(key_id=key.arn, import_token=made.token, public_key=made.public_key)
        response.parameters_valid_to.FromDatetime(expires_at)
        return response

    async def import_key_material(self, request: imports_pb2.ImportKeyMaterialRequest, call: Call) -> imports_pb2.ImportKeyMaterialResponse:
        """The key has the material; the first import and one that completes the key make it Enabled.

        Raises: ValidationException, InvalidImportTokenException, ExpiredImportTokenException, InvalidCiphertextException,
        IncorrectKeyMaterialException, KMSInvalidStateException. In each case nothing has changed, but for the count of failed tries.
        """
        resolved = call.keys["key_id"]
        token = self._materials.open_import_token(request.import_token)
        if token.key_arn != resolved.arn:
            raise InvalidImportTokenException("", reason="the token of another key")
        now = await self._require_fresh(token)
        terms = self._terms(request, now)
        require_import_terms(resolved, terms)
        row = await self._take_try(token)
        material = await self._imported(resolved, token, row, request.encrypted_key_material)

        async def change(uow: UnitOfWork, key: Key) -> Key:
            changed = with_import(key, await self._wrapped_for(key, resolved, material, token, row, request), terms)
            await tell_held(uow, changed, request_id=call.request_id, now=now)
            await uow.import_keys.give_back_try(token.token_id)
            reach(FaultPoint.IMPORT_BEFORE_COMMIT)
            return changed

        def answer(key: Key) -> imports_pb2.ImportKeyMaterialResponse:
            return imports_pb2.ImportKeyMaterialResponse(key_id=key.arn, key_material_id=_noted(call, key, material.material_id))

        answered = await self._changes.apply(call, resolved, change, answer)
        reach(FaultPoint.IMPORT_AFTER_COMMIT)
        return answered

    async def delete_imported_key_material(
        self, request: imports_pb2.DeleteImportedKeyMaterialRequest, call: Call
    ) -> imports_pb2.DeleteImportedKeyMaterialResponse:
        """The material, the current one where none is named, is not here any more; its id stays known for a later import.

        Raises: ValidationException for material that this key never had.
        """
        named = request.key_material_id if request.HasField("key_material_id") else ""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            material_id = named or key.current_material_id
            if not material_id:
                return key
            changed = without_material(key, material_id)
            await tell_held(uow, changed, request_id=call.request_id, now=await uow.region.now())
            reach(FaultPoint.DELETE_MATERIAL_BEFORE_COMMIT)
            return changed

        def answer(key: Key) -> imports_pb2.DeleteImportedKeyMaterialResponse:
            material_id = _noted(call, key, named or key.current_material_id)
            return imports_pb2.DeleteImportedKeyMaterialResponse(key_id=key.arn, key_material_id=material_id)

        return await self._changes.apply(call, call.keys["key_id"], change, answer)

    async def _require_fresh(self, token: ImportToken) -> datetime:
        """The time, which the token has not outlived."""
        async with self._store.reading() as uow:
            now = await uow.region.now()
            row = await uow.import_keys.find(token.token_id)
        if row is None or token.expires_at <= now:
            raise ExpiredImportTokenException("")
        return now

    async def _take_try(self, token: ImportToken) -> ImportKeyRow:
        """The wrapping key, for one try that is counted before it is made: what others try meanwhile is counted too."""
        async with self._store.transaction() as uow:
            row = await uow.import_keys.take_try(token.token_id, tries_max=self._limits.import_tries_per_token)
        if row is None:
            raise ExpiredImportTokenException("")
        return row

    def _terms(self, request: imports_pb2.ImportKeyMaterialRequest, now: datetime) -> ImportTerms:
        expires_at = None
        if request.HasField("valid_to"):
            expires_at = request.valid_to.ToDatetime(UTC).replace(microsecond=0)
            if expires_at <= now:
                raise ValidationException("ValidTo must be in the future", fields=[("validTo", "in the past")])
            longest = self._limits.imported_material_days_max
            if expires_at > now + timedelta(days=longest):
                message = f"ValidTo must be less than {longest} days in the future"
                raise ValidationException(message, fields=[("validTo", "too far in the future")])
        kind = _value(request, "import_type")
        return ImportTerms(
            import_type=ImportType(kind) if kind else None,
            key_material_id=request.key_material_id,
            description=request.key_material_description if request.HasField("key_material_description") else None,
            expires_at=expires_at,
        )

    async def _wrapped_for(
        self,
        key: Key,
        resolved: Key,
        material: KeyMaterial,
        token: ImportToken,
        row: ImportKeyRow,
        request: imports_pb2.ImportKeyMaterialRequest,
    ) -> KeyMaterial:
        """The material as a row of the key as it is now: rotation number and row version are the key's, and may have moved on."""
        if key.materials == resolved.materials:
            return material
        return await self._imported(key, token, row, request.encrypted_key_material)

    async def _imported(self, key: Key, token: ImportToken, row: ImportKeyRow, encrypted: bytes) -> KeyMaterial:
        check = self._held.rsa_key_from_outside
        return await self._heavy.run(key.account, partial(self._materials.import_material, key, token, row.sealed_bytes, encrypted, check))


def _value(request: Any, field: str) -> str:
    return enum_aws_value(request.DESCRIPTOR.fields_by_name[field], getattr(request, field))


def _noted(call: Call, key: Key, material_id: str) -> str | None:
    """The material as the answer names it, which the record of the call names then, too; None where the answer names none."""
    told = shown_material_id(key, material_id) or None
    if told is not None:
        call.audit_data["keyMaterialId"] = told
    return told
