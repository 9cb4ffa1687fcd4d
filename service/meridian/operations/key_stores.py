"""KeyStoresService: custom key stores, from their description to their end.

What a state allows is told in `domain/key_store.py`; what is asked for here is done by `workers/key_stores.py`, in its time.

Source: AWS KMS API Reference, CreateCustomKeyStore and the other operations on custom key stores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from meridian.call import Call
from meridian.domain.key_store import WHILE_CONNECTED, Answer, ConnectionState, require_connection_state
from meridian.domain.limits import Limits
from meridian.errors import (
    CustomKeyStoreHasCMKsException,
    CustomKeyStoreInvalidStateException,
    CustomKeyStoreNotFoundException,
    KMSInternalException,
    LimitExceededException,
)
from meridian.kms.v1 import key_stores_pb2 as wire
from meridian.operations import key_store_rows as rows
from meridian.operations.ciphers import asked_outside
from meridian.operations.outcomes import Outcomes
from meridian.operations.page import Page
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.key_store import Credential, KeyStoreConnections, StoreCredentials
from meridian.ports.page_markers import PageMarkers
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store, UnitOfWork

CREDENTIAL_KIND: Final = "key-store-credential"
LIST_LIMIT_DEFAULT: Final = 100
STORES_MAX: Final = 1000
"""Of an account, whatever its quota."""
TRIES_MAX: Final = 3
CHANGES_THE_WAY: Final = frozenset(
    {
        "xks_proxy_uri_endpoint",
        "xks_proxy_uri_path",
        "xks_proxy_vpc_endpoint_service_name",
        "xks_proxy_vpc_endpoint_service_owner",
        "xks_proxy_authentication_credential",
        "xks_proxy_connectivity",
        "cloud_hsm_cluster_id",
    }
)
"""Fields of UpdateCustomKeyStore after which the proxy, or the cluster, is tried out."""


class KeyStores:
    """Custom key stores of the caller's account."""

    def __init__(  # noqa: PLR0913 - the contract binds all operations of a noun to one object
        self,
        *,
        store: Store,
        page_markers: PageMarkers,
        outcomes: Outcomes,
        entropy: Entropy,
        limits: Limits,
        connections: KeyStoreConnections,
        credentials: StoreCredentials,
        directory: KeyDirectory,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._page_markers = page_markers
        self._outcomes = outcomes
        self._entropy = entropy
        self._limits = limits
        self._connections = connections
        self._credentials = credentials
        self._directory = directory
        self._wake = wake

    async def create_custom_key_store(self, request: wire.CreateCustomKeyStoreRequest, call: Call) -> wire.CreateCustomKeyStoreResponse:
        """A new store, DISCONNECTED, whose proxy has answered where it is reached in public.

        Raises: ValidationException, LimitExceededException; those of names and proxies in use; those of proxies that do not answer well.
        """
        kind = rows.require_whole(request)
        row, credential = self._described(request, call, kind), rows.credential_of(request)
        rows.require_one_way(row.proxy)
        async with self._store.reading() as uow:
            await self._require_room(uow, row)
        self._connections.require_known(row)
        if rows.is_public(row):
            await self._connections.try_out(row, credential, await asked_outside(call))
        answer = wire.CreateCustomKeyStoreResponse(custom_key_store_id=row.store_id)
        async with self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            await self._require_room(uow, row)
            row = await self._with_credential(uow, replace(row, created_at=await uow.region.now()), credential)
            await uow.key_stores.insert(row)
            await self._outcomes.record(uow, call, answer)
        return answer

    async def describe_custom_key_stores(
        self, request: wire.DescribeCustomKeyStoresRequest, call: Call
    ) -> wire.DescribeCustomKeyStoresResponse:
        """Stores of the account, or the one that is named. Raises: CustomKeyStoreNotFoundException, InvalidMarkerException."""
        page = Page(self._page_markers, call, f"{request.custom_key_store_id} {request.custom_key_store_name}", default=LIST_LIMIT_DEFAULT)
        is_named = request.HasField("custom_key_store_id") or request.HasField("custom_key_store_name")
        async with self._store.reading() as uow:
            limit = STORES_MAX if is_named else page.limit + 1
            found = list(await uow.key_stores.list(call.caller.account, after=page.after, limit=limit))
        if request.HasField("custom_key_store_id"):
            found = _named(found, lambda row: row.store_id, request.custom_key_store_id)
        if request.HasField("custom_key_store_name"):
            found = _named(found, lambda row: row.name, request.custom_key_store_name)
        response = wire.DescribeCustomKeyStoresResponse()
        response.custom_key_stores.extend(rows.entry_of(row) for row in page.cut(response, found, [row.store_id for row in found]))
        return response

    async def update_custom_key_store(self, request: wire.UpdateCustomKeyStoreRequest, call: Call) -> wire.UpdateCustomKeyStoreResponse:
        """The store has the new name or proxy, which has answered. Raises: as CreateCustomKeyStore; CustomKeyStoreNotFoundException,
        CustomKeyStoreInvalidStateException."""
        credential, answer = rows.credential_of(request), wire.UpdateCustomKeyStoreResponse()
        for _ in range(TRIES_MAX):
            async with self._store.reading() as uow:
                row = await self._row(uow, request, call)
                changed = _changed(row, request)
                rows.require_free(changed, await uow.key_stores.list(row.account, after="", limit=STORES_MAX))
            if not CHANGES_THE_WAY.isdisjoint(field.name for field, _ in request.ListFields()):
                await self._require_reachable(changed, credential, call)
            async with self._store.transaction() as uow:
                await self._outcomes.begin(uow, call)
                if (await self._row(uow, request, call)).version != row.version:
                    continue  # it is another now than the one that was tried out
                rows.require_free(changed, await uow.key_stores.list(row.account, after="", limit=STORES_MAX))
                await uow.key_stores.update(await self._with_credential(uow, changed, credential))
                await self._outcomes.record(uow, call, answer)
            self._directory.forget(row.account, row.store_id)
            return answer
        raise KMSInternalException(reason="the key store was changed again and again")

    async def connect_custom_key_store(self, request: wire.ConnectCustomKeyStoreRequest, call: Call) -> wire.ConnectCustomKeyStoreResponse:
        """The store is CONNECTING, or was already; what becomes of it is told by DescribeCustomKeyStores. Raises:
        CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException."""
        answer = wire.ConnectCustomKeyStoreResponse()
        await self._move(request, call, ConnectionState.CONNECTING, answer)
        self._wake()
        return answer

    async def disconnect_custom_key_store(
        self, request: wire.DisconnectCustomKeyStoreRequest, call: Call
    ) -> wire.DisconnectCustomKeyStoreResponse:
        """Nothing is sent to the store's proxy any more. Raises: CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException."""
        answer = wire.DisconnectCustomKeyStoreResponse()
        row = await self._move(request, call, ConnectionState.DISCONNECTING, answer)
        self._connections.disconnect(row.account, row.store_id)
        self._wake()
        return answer

    async def delete_custom_key_store(self, request: wire.DeleteCustomKeyStoreRequest, call: Call) -> wire.DeleteCustomKeyStoreResponse:
        """The store is gone, and its credential erased. Raises: CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException,
        CustomKeyStoreHasCMKsException."""
        answer = wire.DeleteCustomKeyStoreResponse()
        async with self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            row = await self._row(uow, request, call)
            require_connection_state(call.rpc.operation, row.store_id, row.state)
            if await uow.keys.find_in_store(row.account, row.store_id, None) is not None:
                raise CustomKeyStoreHasCMKsException(f"Custom key store {row.store_id} has KMS keys.")
            await uow.keyring.delete_secret(CREDENTIAL_KIND, row.store_id, row.credential_id)
            await uow.key_stores.delete(row.account, row.store_id)
            await self._outcomes.record(uow, call, answer)
        return answer

    async def _move(self, request: Any, call: Call, state: ConnectionState, answer: Any) -> KeyStoreRow:
        async with self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            row = await self._row(uow, request, call)
            if require_connection_state(call.rpc.operation, row.store_id, row.state) is Answer.YES:
                row = await uow.key_stores.update(replace(row, state=state, error_code=""))
            await self._outcomes.record(uow, call, answer)
        self._directory.forget(row.account, row.store_id)
        return row

    async def _row(self, uow: UnitOfWork, request: Any, call: Call) -> KeyStoreRow:
        row = await uow.key_stores.find(call.caller.account, request.custom_key_store_id)
        if row is None:
            raise CustomKeyStoreNotFoundException(request.custom_key_store_id)
        return row

    def _described(self, request: wire.CreateCustomKeyStoreRequest, call: Call, kind: str) -> KeyStoreRow:
        return KeyStoreRow(
            account=call.caller.account,
            store_id=f"cks-{self._entropy.random_bytes(9).hex()[:17]}",
            name=request.custom_key_store_name,
            state=ConnectionState.DISCONNECTED,
            created_at=call.received_at,
            proxy=rows.proxy_of(request),
            kind=kind,
            error_code="",
            credential_id="",
            version=1,
        )

    async def _require_room(self, uow: UnitOfWork, row: KeyStoreRow) -> None:
        stores = await uow.key_stores.list(row.account, after="", limit=STORES_MAX)
        quota, taken = self._limits.key_stores_per_account, len(stores) + len(stores.unreadable)
        if taken >= quota:
            raise LimitExceededException(f"Custom key stores quota is {quota}, current usage is {taken}.")
        rows.require_free(row, stores)

    async def _require_reachable(self, row: KeyStoreRow, credential: Credential | None, call: Call) -> None:
        self._connections.require_known(row)
        if rows.is_public(row) or row.state is ConnectionState.CONNECTED:
            await self._connections.try_out(row, credential, await asked_outside(call))

    async def _with_credential(self, uow: UnitOfWork, row: KeyStoreRow, credential: Credential | None) -> KeyStoreRow:
        """The row with a credential that is sealed in this transaction, and the one before erased; with the one that it has, for None."""
        if credential is None:
            return row
        secret = self._credentials.seal(row.store_id, credential)
        await uow.keyring.delete_secret(CREDENTIAL_KIND, row.store_id, row.credential_id)
        await uow.keyring.insert_secret(secret)
        return replace(row, credential_id=secret.secret_id)


def _changed(row: KeyStoreRow, request: wire.UpdateCustomKeyStoreRequest) -> KeyStoreRow:
    """The row with what the request changes. Raises: CustomKeyStoreInvalidStateException, ValidationException."""
    (rows.require_nothing_of_cloud_hsm if row.kind == rows.EXTERNAL else rows.require_nothing_of_proxies)(request)
    require_connection_state("UpdateCustomKeyStore", row.store_id, row.state)
    given = {field.name for field, _ in request.ListFields()}
    if row.state is ConnectionState.CONNECTED and not given <= WHILE_CONNECTED:
        raise CustomKeyStoreInvalidStateException(f"Custom key store {row.store_id} is {row.state}: disconnect it to change its endpoint.")
    changed = replace(row, proxy=rows.changed_proxy(row.proxy, request))
    rows.require_one_way(changed.proxy)
    return replace(changed, name=request.new_custom_key_store_name) if request.HasField("new_custom_key_store_name") else changed


def _named(found: list[KeyStoreRow], name_of: Callable[[KeyStoreRow], str], wanted: str) -> list[KeyStoreRow]:
    named = [row for row in found if name_of(row) == wanted]
    if not named:
        raise CustomKeyStoreNotFoundException(wanted)
    return named
