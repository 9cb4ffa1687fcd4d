"""KeyStoresService: custom key stores, as far as they go without a connection.

A store is described, renamed, listed and removed; none can be connected yet, so every store is DISCONNECTED and no key can be made
in one. The proxy's secret access key is checked for presence and not kept; it is given again when stores can connect.

Source: AWS KMS API Reference, CreateCustomKeyStore and the other operations on custom key stores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from google.protobuf.message import Message

from meridian.call import Call
from meridian.contract.catalog import enum_aws_value
from meridian.domain.limits import Limits
from meridian.errors import (
    CustomKeyStoreInvalidStateException,
    CustomKeyStoreNameInUseException,
    CustomKeyStoreNotFoundException,
    FeatureNotBuiltException,
    LimitExceededException,
    ValidationException,
    XksProxyUriEndpointInUseException,
    XksProxyUriInUseException,
    XksProxyVpcEndpointServiceInUseException,
)
from meridian.kms.v1 import key_stores_pb2 as wire
from meridian.kms.v1 import types_pb2
from meridian.operations.outcomes import Outcomes
from meridian.operations.page import Page
from meridian.operations.present import set_enum
from meridian.ports.crypto.engine import CryptoEngine
from meridian.ports.entropy import Entropy
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store, UnitOfWork

DISCONNECTED: Final = "DISCONNECTED"
EXTERNAL: Final = "EXTERNAL_KEY_STORE"
VPC: Final = "VPC_ENDPOINT_SERVICE"
LIST_LIMIT_DEFAULT: Final = 100
PROXY_FIELDS: Final = (
    "xks_proxy_uri_endpoint",
    "xks_proxy_uri_path",
    "xks_proxy_vpc_endpoint_service_name",
    "xks_proxy_vpc_endpoint_service_owner",
)
OF_CLOUD_HSM: Final = ("cloud_hsm_cluster_id", "trust_anchor_certificate", "key_store_password")
REQUIRED: Final = ("custom_key_store_name", "xks_proxy_uri_endpoint", "xks_proxy_uri_path", "xks_proxy_authentication_credential")


class KeyStores:
    """External key stores of the caller's account."""

    def __init__(self, *, store: Store, engine: CryptoEngine, outcomes: Outcomes, entropy: Entropy, limits: Limits) -> None:
        self._store = store
        self._engine = engine
        self._outcomes = outcomes
        self._entropy = entropy
        self._limits = limits

    async def create_custom_key_store(self, request: wire.CreateCustomKeyStoreRequest, call: Call) -> wire.CreateCustomKeyStoreResponse:
        """A new store, DISCONNECTED. Raises: ValidationException, LimitExceededException, and those of names and proxies in use."""
        _require_external(request)
        account = _account(call)
        store_id = f"cks-{self._entropy.random_bytes(9).hex()[:17]}"
        answer = wire.CreateCustomKeyStoreResponse(custom_key_store_id=store_id)
        async with self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            stores = list(await uow.key_stores.list(account, after="", limit=1000))
            quota = self._limits.key_stores_per_account
            if len(stores) >= quota:
                raise LimitExceededException(f"Custom key stores quota is {quota}, current usage is {len(stores)}.")
            row = KeyStoreRow(account, store_id, request.custom_key_store_name, DISCONNECTED, await uow.region.now(), _proxy(request))
            _require_free(row, stores)
            await uow.key_stores.put(row)
            await self._outcomes.record(uow, call, answer)
        return answer

    async def describe_custom_key_stores(
        self, request: wire.DescribeCustomKeyStoresRequest, call: Call
    ) -> wire.DescribeCustomKeyStoresResponse:
        """Stores of the account, or the one that is named. Raises: CustomKeyStoreNotFoundException, InvalidMarkerException."""
        page = Page(self._engine, call, f"{request.custom_key_store_id} {request.custom_key_store_name}", default=LIST_LIMIT_DEFAULT)
        async with self._store.reading() as uow:
            found = list(await uow.key_stores.list(_account(call), after=page.after, limit=page.limit + 1))
        if request.HasField("custom_key_store_id"):
            found = _named(found, lambda row: row.store_id, request.custom_key_store_id)
        if request.HasField("custom_key_store_name"):
            found = _named(found, lambda row: row.name, request.custom_key_store_name)
        response = wire.DescribeCustomKeyStoresResponse()
        response.custom_key_stores.extend(_entry(row) for row in page.cut(response, found, [row.store_id for row in found]))
        return response

    async def update_custom_key_store(self, request: wire.UpdateCustomKeyStoreRequest, call: Call) -> wire.UpdateCustomKeyStoreResponse:
        """The store has the new name or proxy. Raises: ValidationException, CustomKeyStoreNotFoundException, and what says that its name or
        proxy is in use."""
        _require_nothing_of_cloud_hsm(request)
        answer = wire.UpdateCustomKeyStoreResponse()
        async with self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            row = await self._row(uow, request, call)
            changed = replace(row, proxy={**row.proxy, **_proxy(request)})
            if request.HasField("new_custom_key_store_name"):
                changed = replace(changed, name=request.new_custom_key_store_name)
            _require_free(changed, await uow.key_stores.list(row.account, after="", limit=1000))
            await uow.key_stores.put(changed)
            await self._outcomes.record(uow, call, answer)
        return answer

    async def connect_custom_key_store(self, request: wire.ConnectCustomKeyStoreRequest, call: Call) -> wire.ConnectCustomKeyStoreResponse:
        """Raises: CustomKeyStoreNotFoundException; UnsupportedOperationException for every store that is there."""
        async with self._store.reading() as uow:
            await self._row(uow, request, call)
        raise FeatureNotBuiltException("Custom key stores cannot be connected by this server.")

    async def disconnect_custom_key_store(
        self, request: wire.DisconnectCustomKeyStoreRequest, call: Call
    ) -> wire.DisconnectCustomKeyStoreResponse:
        """Raises: CustomKeyStoreNotFoundException; CustomKeyStoreInvalidStateException, as no store is connected."""
        async with self._store.reading() as uow:
            row = await self._row(uow, request, call)
        raise CustomKeyStoreInvalidStateException(f"Custom key store {row.store_id} is {row.state}.")

    async def delete_custom_key_store(self, request: wire.DeleteCustomKeyStoreRequest, call: Call) -> wire.DeleteCustomKeyStoreResponse:
        """The store is gone. Raises: CustomKeyStoreNotFoundException."""
        answer = wire.DeleteCustomKeyStoreResponse()
        async with self._store.transaction() as uow:
            await self._outcomes.begin(uow, call)
            row = await self._row(uow, request, call)
            await uow.key_stores.delete(row.account, row.store_id)
            await self._outcomes.record(uow, call, answer)
        return answer

    async def _row(self, uow: UnitOfWork, request: Any, call: Call) -> KeyStoreRow:
        row = await uow.key_stores.find(_account(call), request.custom_key_store_id)
        if row is None:
            raise CustomKeyStoreNotFoundException(request.custom_key_store_id)
        return row


def _account(call: Call) -> str:
    return call.caller.account


def _named(rows: list[KeyStoreRow], name_of: Callable[[KeyStoreRow], str], wanted: str) -> list[KeyStoreRow]:
    found = [row for row in rows if name_of(row) == wanted]
    if not found:
        raise CustomKeyStoreNotFoundException(wanted)
    return found


def _require_external(request: wire.CreateCustomKeyStoreRequest) -> None:
    kind = enum_aws_value(request.DESCRIPTOR.fields_by_name["custom_key_store_type"], request.custom_key_store_type)
    if kind != EXTERNAL:
        raise FeatureNotBuiltException("Key stores in AWS CloudHSM are not offered by this server.")
    _require_nothing_of_cloud_hsm(request)
    for field in REQUIRED:
        if not request.HasField(field):
            raise ValidationException(f"{field} is required for an external key store.", fields=[(field, "missing")])


def _require_nothing_of_cloud_hsm(request: Message) -> None:
    """What no store here can use is refused, a password above all: it is not even remembered that it was sent."""
    for field in OF_CLOUD_HSM:
        if field in request.DESCRIPTOR.fields_by_name and request.HasField(field):
            raise ValidationException(f"{field} is not of an external key store.", fields=[(field, "of a key store in AWS CloudHSM")])


def _require_free(row: KeyStoreRow, stores: Any) -> None:
    for other in stores:
        if other.store_id == row.store_id:
            continue
        if other.name == row.name:
            raise CustomKeyStoreNameInUseException(row.name)
        _require_proxy_free(row.proxy, other.proxy)


def _require_proxy_free(proxy: Mapping[str, str], other: Mapping[str, str]) -> None:
    """Stores reached in public may share an endpoint under other paths; one behind an endpoint service shares nothing."""
    service = proxy.get("xks_proxy_vpc_endpoint_service_name")
    if service is not None and service == other.get("xks_proxy_vpc_endpoint_service_name"):
        raise XksProxyVpcEndpointServiceInUseException(service)
    endpoint = proxy.get("xks_proxy_uri_endpoint", "")
    if endpoint != other.get("xks_proxy_uri_endpoint"):
        return
    if proxy.get("xks_proxy_uri_path") == other.get("xks_proxy_uri_path"):
        raise XksProxyUriInUseException(endpoint)
    if VPC in (proxy.get("connectivity"), other.get("connectivity")):
        raise XksProxyUriEndpointInUseException(endpoint)


def _proxy(request: Any) -> dict[str, str]:
    """How the proxy is reached, without its secret."""
    known = {field: getattr(request, field) for field in PROXY_FIELDS if request.HasField(field)}
    if request.HasField("xks_proxy_authentication_credential"):
        known["access_key_id"] = request.xks_proxy_authentication_credential.access_key_id
    connectivity = enum_aws_value(request.DESCRIPTOR.fields_by_name["xks_proxy_connectivity"], request.xks_proxy_connectivity)
    return known | ({"connectivity": connectivity} if connectivity else {})


def _entry(row: KeyStoreRow) -> types_pb2.CustomKeyStoresListEntry:
    entry = types_pb2.CustomKeyStoresListEntry(custom_key_store_id=row.store_id, custom_key_store_name=row.name)
    entry.creation_date.FromDatetime(row.created_at)
    set_enum(entry, "connection_state", row.state)
    set_enum(entry, "custom_key_store_type", EXTERNAL)
    proxy = entry.xks_proxy_configuration
    set_enum(proxy, "connectivity", row.proxy.get("connectivity", "PUBLIC_ENDPOINT"))
    proxy.access_key_id = row.proxy.get("access_key_id", "")
    proxy.uri_endpoint, proxy.uri_path = row.proxy["xks_proxy_uri_endpoint"], row.proxy["xks_proxy_uri_path"]
    if "xks_proxy_vpc_endpoint_service_name" in row.proxy:
        proxy.vpc_endpoint_service_name = row.proxy["xks_proxy_vpc_endpoint_service_name"]
    return entry
