"""AliasesService: names of keys, each within one account and Region.

Source: AWS KMS API Reference, CreateAlias, UpdateAlias, DeleteAlias, ListAliases.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from meridian.call import Call
from meridian.domain.algorithms import has_public_key
from meridian.domain.home import Home
from meridian.domain.identifiers import alias_arn, parse_key_reference
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.errors import AlreadyExistsException, LimitExceededException, NotFoundException, ValidationException
from meridian.kms.v1 import aliases_pb2, types_pb2
from meridian.operations.change import KeyChanges
from meridian.operations.page import Page
from meridian.ports.page_markers import PageMarkers
from meridian.ports.store.aliases import AliasRow
from meridian.ports.store.store import Store, UnitOfWork
from meridian.replication.decided import DecidedBeforeError

LIST_LIMIT_DEFAULT: Final = 50


class Aliases:
    """An alias names one key of its own account; whoever may point it decides which key others use."""

    def __init__(self, *, store: Store, page_markers: PageMarkers, changes: KeyChanges, home: Home, limits: Limits) -> None:
        self._store = store
        self._page_markers = page_markers
        self._changes = changes
        self._home = home
        self._limits = limits

    async def create_alias(self, request: aliases_pb2.CreateAliasRequest, call: Call) -> aliases_pb2.CreateAliasResponse:
        """The key has the alias. Raises: AlreadyExistsException, LimitExceededException."""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            if await uow.aliases.find(key.account, request.alias_name) is not None:
                raise AlreadyExistsException(f"An alias with the name {self._arn(key.account, request.alias_name)} already exists")
            self._require_room(key)
            now = await uow.region.now()
            await uow.aliases.insert(AliasRow(key.account, request.alias_name, key.key_id, now, now))
            return _with_alias(key, request.alias_name)

        return await self._changes.apply(call, call.keys["target_key_id"], change, lambda _: aliases_pb2.CreateAliasResponse())

    async def update_alias(self, request: aliases_pb2.UpdateAliasRequest, call: Call) -> aliases_pb2.UpdateAliasResponse:
        """The alias names another key, of the same kind and usage. Raises: NotFoundException, ValidationException,
        LimitExceededException.
        """
        former = call.keys["alias_name"]

        async def change(uow: UnitOfWork, key: Key) -> Key:
            row = await uow.aliases.find(key.account, request.alias_name)
            if row is None:
                raise self._not_found(key.account, request.alias_name)
            if row.key_id != former.key_id:  # it was decided about a key that the alias has left meanwhile
                self._changes.forget(former)
                raise DecidedBeforeError
            now = await uow.region.now()
            if row.key_id == key.key_id:  # nothing but the date: programs keep their aliases alive so
                await uow.aliases.point(key.account, request.alias_name, key.key_id, now=now)
                return key
            before = await uow.keys.find(row.account, row.key_id)
            if before is None:
                raise self._not_found(key.account, request.alias_name)
            if (before.key_usage, has_public_key(before.key_spec)) != (key.key_usage, has_public_key(key.key_spec)):
                message = f"The alias {request.alias_name} names a key of another type or usage."
                raise ValidationException(message, fields=[("targetKeyId", "of another type or usage")])
            self._require_room(key)
            await uow.aliases.point(key.account, request.alias_name, key.key_id, now=now)
            await uow.keys.update(_without_alias(before, request.alias_name))
            return _with_alias(key, request.alias_name)

        answer = await self._changes.apply(call, call.keys["target_key_id"], change, lambda _: aliases_pb2.UpdateAliasResponse())
        self._changes.forget(former)
        return answer

    async def delete_alias(self, request: aliases_pb2.DeleteAliasRequest, call: Call) -> aliases_pb2.DeleteAliasResponse:
        """The name is free; its key is as it was. Raises: NotFoundException."""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            row = await uow.aliases.find(key.account, request.alias_name)
            if row is None or row.key_id != key.key_id:
                raise self._not_found(key.account, request.alias_name)
            await uow.aliases.delete(key.account, request.alias_name)
            return _without_alias(key, request.alias_name)

        return await self._changes.apply(call, call.keys["alias_name"], change, lambda _: aliases_pb2.DeleteAliasResponse())

    async def list_aliases(self, request: aliases_pb2.ListAliasesRequest, call: Call) -> aliases_pb2.ListAliasesResponse:
        """Aliases of the caller's account, or of one of its keys, by name. Raises: NotFoundException, InvalidMarkerException."""
        account = call.caller.account
        key_id = parse_key_reference(request.key_id, alias_allowed=False).key_id if request.HasField("key_id") else ""
        page = Page(self._page_markers, call, key_id, default=LIST_LIMIT_DEFAULT)
        async with self._store.reading() as uow:
            rows = await uow.aliases.list(account, key_id=key_id, after=page.after, limit=page.limit + 1)
        response = aliases_pb2.ListAliasesResponse()
        for row in page.cut(response, rows, [row.alias_name for row in rows]):
            entry = types_pb2.AliasListEntry(
                alias_name=row.alias_name, alias_arn=self._arn(account, row.alias_name), target_key_id=row.key_id
            )
            entry.creation_date.FromDatetime(row.created_at)
            entry.last_updated_date.FromDatetime(row.updated_at)
            response.aliases.append(entry)
        return response

    def _require_room(self, key: Key) -> None:
        quota, current = self._limits.aliases_per_key, len(key.aliases)
        if current >= quota:
            raise LimitExceededException(f"Aliases per key quota for this account in this region is {quota}, current usage is {current}.")

    def _arn(self, account: str, alias_name: str) -> str:
        return alias_arn(self._home.partition, self._home.region, account, alias_name)

    def _not_found(self, account: str, alias_name: str) -> NotFoundException:
        return NotFoundException(f"Alias {self._arn(account, alias_name)} is not found.")


def _with_alias(key: Key, alias_name: str) -> Key:
    return replace(key, aliases=tuple(sorted({*key.aliases, alias_name})))


def _without_alias(key: Key, alias_name: str) -> Key:
    return replace(key, aliases=tuple(name for name in key.aliases if name != alias_name))
