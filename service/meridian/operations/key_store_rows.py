"""Custom key stores between messages and rows: what a request describes, what of it is taken already, how a store is shown.

Source: AWS KMS API Reference, CreateCustomKeyStore, CustomKeyStoresListEntry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from meridian.contract.catalog import aws_member_name
from meridian.contract.cross_field import requested_store_type
from meridian.contract.enums import enum_aws_value
from meridian.domain.key_store import KeyStoreType, dialled_host
from meridian.domain.secret import Secret
from meridian.errors import (
    CloudHsmClusterInUseException,
    CustomKeyStoreNameInUseException,
    ValidationException,
    XksProxyUriEndpointInUseException,
    XksProxyUriInUseException,
    XksProxyVpcEndpointServiceInUseException,
)
from meridian.kms.v1 import key_stores_pb2 as wire
from meridian.kms.v1 import types_pb2
from meridian.operations.present import set_enum
from meridian.ports.key_store import Credential
from meridian.ports.store.key_stores import KeyStoreRow

EXTERNAL: Final = KeyStoreType.EXTERNAL_KEY_STORE
PUBLIC: Final = "PUBLIC_ENDPOINT"
VPC: Final = "VPC_ENDPOINT_SERVICE"
SERVICE: Final = "xks_proxy_vpc_endpoint_service_name"
SERVICE_OWNER: Final = "xks_proxy_vpc_endpoint_service_owner"
PROXY_FIELDS: Final = ("xks_proxy_uri_endpoint", "xks_proxy_uri_path", SERVICE, SERVICE_OWNER)
CREDENTIAL: Final = "xks_proxy_authentication_credential"
OF_CLOUD_HSM: Final = ("cloud_hsm_cluster_id", "trust_anchor_certificate", "key_store_password")
CLOUD_HSM: Final = KeyStoreType.AWS_CLOUDHSM
CLUSTER: Final = "cloud_hsm_cluster_id"
TRUST_ANCHOR: Final = "trust_anchor_certificate"
PIN: Final = "key_store_password"
OF_PROXY: Final = (*PROXY_FIELDS, CREDENTIAL, "xks_proxy_connectivity")
REQUIRED_OF_CLUSTER: Final = ("custom_key_store_name", CLUSTER, TRUST_ANCHOR, PIN)
REQUIRED: Final = ("custom_key_store_name", "xks_proxy_uri_endpoint", "xks_proxy_uri_path", CREDENTIAL)


def require_whole(request: wire.CreateCustomKeyStoreRequest) -> KeyStoreType:
    """The type of the key store, which the request describes whole. Raises: ValidationException."""
    kind = requested_store_type(request)
    if kind == EXTERNAL:
        _require_external(request)
        return kind
    require_nothing_of_proxies(request)
    for field in REQUIRED_OF_CLUSTER:
        if not request.HasField(field):
            raise ValidationException(f"{_word(field)} is required for a key store in AWS CloudHSM.", fields=[(field, "missing")])
    return kind


def require_nothing_of_proxies(request: Message) -> None:
    """Raises: ValidationException for what only an external key store has."""
    for field, _ in request.ListFields():
        if field.name in OF_PROXY:
            raise ValidationException(
                f"{_word(field.name)} is not of a key store in AWS CloudHSM.", fields=[(field.name, "of an external key store")]
            )


def _require_external(request: wire.CreateCustomKeyStoreRequest) -> None:
    require_nothing_of_cloud_hsm(request)
    missing = [field for field in REQUIRED if not request.HasField(field)]
    if not request.xks_proxy_connectivity:
        missing.append("xks_proxy_connectivity")
    for field in missing:
        raise ValidationException(f"{_word(field)} is required for an external key store.", fields=[(field, "missing")])


def require_nothing_of_cloud_hsm(request: Message) -> None:
    """What no store here can use is refused, a password above all: it is not even remembered that it was sent."""
    for field in OF_CLOUD_HSM:
        if field in request.DESCRIPTOR.fields_by_name and request.HasField(field):
            raise ValidationException(
                f"{_word(field)} is not of an external key store.", fields=[(field, "of a key store in AWS CloudHSM")]
            )


def is_public(row: KeyStoreRow) -> bool:
    """Whether the proxy is reached by its name alone."""
    return row.proxy.get("connectivity", PUBLIC) == PUBLIC


def require_one_way(proxy: Mapping[str, str]) -> None:
    """A proxy is reached in public, or behind an endpoint service that has a name. Raises: ValidationException."""
    if proxy.get("connectivity", PUBLIC) == VPC and SERVICE not in proxy:
        raise ValidationException(f"{_word(SERVICE)} is required for connectivity {VPC}.", fields=[(SERVICE, "missing")])
    for field in (SERVICE, SERVICE_OWNER):
        if proxy.get("connectivity", PUBLIC) == PUBLIC and field in proxy:
            raise ValidationException(
                f"{_word(field)} cannot be given for connectivity {PUBLIC}.", fields=[(field, f"given with {PUBLIC}")]
            )


def proxy_of(request: Any) -> dict[str, str]:
    """How the proxy, or the cluster, is reached, without its secret."""
    fields = [field for field in (*PROXY_FIELDS, CLUSTER, TRUST_ANCHOR) if field in request.DESCRIPTOR.fields_by_name]
    known = {field: getattr(request, field) for field in fields if request.HasField(field)}
    if request.HasField(CREDENTIAL):
        known["access_key_id"] = request.xks_proxy_authentication_credential.access_key_id
    connectivity = enum_aws_value(request.DESCRIPTOR.fields_by_name["xks_proxy_connectivity"], request.xks_proxy_connectivity)
    return known | ({"connectivity": connectivity} if connectivity else {})


def changed_proxy(proxy: Mapping[str, str], request: wire.UpdateCustomKeyStoreRequest) -> dict[str, str]:
    """The proxy with what a request changes; one that is reached in public from now on has no endpoint service any more."""
    changed = {**proxy, **proxy_of(request)}
    if request.xks_proxy_connectivity == types_pb2.XKS_PROXY_CONNECTIVITY_TYPE_PUBLIC_ENDPOINT:
        changed = {field: value for field, value in changed.items() if field not in (SERVICE, SERVICE_OWNER) or field in proxy_of(request)}
    return changed


def credential_of(request: Any) -> Credential | None:
    """What the store is opened with, where the request gives it."""
    if PIN in request.DESCRIPTOR.fields_by_name and request.HasField(PIN):
        return Credential("", Secret(request.key_store_password.encode()))
    if not request.HasField(CREDENTIAL):
        return None
    given = request.xks_proxy_authentication_credential
    return Credential(given.access_key_id, Secret(given.raw_secret_access_key.encode()))


def require_free(row: KeyStoreRow, stores: Iterable[KeyStoreRow]) -> None:
    """Raises: what says that another store has the name, or the way to the proxy, of this one."""
    for other in stores:
        if other.store_id == row.store_id:
            continue
        if other.name == row.name:
            raise CustomKeyStoreNameInUseException(row.name)
        if row.kind == other.kind == CLOUD_HSM:
            if row.proxy[CLUSTER] == other.proxy[CLUSTER]:
                raise CloudHsmClusterInUseException(f"Cluster {row.proxy[CLUSTER]} is used by another custom key store.")
        elif row.kind == other.kind:
            _require_proxy_free(row.proxy, other.proxy)


def _require_proxy_free(proxy: Mapping[str, str], other: Mapping[str, str]) -> None:
    """Stores reached in public may share an endpoint under other paths; one behind an endpoint service shares nothing. Endpoints are one
    where they are dialled as one, however they are written."""
    service = proxy.get(SERVICE)
    if service is not None and service.lower() == other.get(SERVICE, "").lower():
        raise XksProxyVpcEndpointServiceInUseException(service)
    endpoint = proxy.get("xks_proxy_uri_endpoint", "")
    if dialled_host(endpoint) != dialled_host(other.get("xks_proxy_uri_endpoint", "")):
        return
    if proxy.get("xks_proxy_uri_path") == other.get("xks_proxy_uri_path"):
        raise XksProxyUriInUseException(endpoint)
    if VPC in (proxy.get("connectivity"), other.get("connectivity")):
        raise XksProxyUriEndpointInUseException(endpoint)


def entry_of(row: KeyStoreRow) -> types_pb2.CustomKeyStoresListEntry:
    """A store as DescribeCustomKeyStores shows it."""
    entry = types_pb2.CustomKeyStoresListEntry(custom_key_store_id=row.store_id, custom_key_store_name=row.name)
    entry.creation_date.FromDatetime(row.created_at)
    set_enum(entry, "connection_state", row.state)
    set_enum(entry, "connection_error_code", row.error_code)
    set_enum(entry, "custom_key_store_type", row.kind)
    if row.kind == CLOUD_HSM:
        entry.cloud_hsm_cluster_id, entry.trust_anchor_certificate = row.proxy[CLUSTER], row.proxy[TRUST_ANCHOR]
        return entry
    proxy = entry.xks_proxy_configuration
    set_enum(proxy, "connectivity", row.proxy.get("connectivity", PUBLIC))
    proxy.access_key_id = row.proxy.get("access_key_id", "")
    proxy.uri_endpoint, proxy.uri_path = row.proxy["xks_proxy_uri_endpoint"], row.proxy["xks_proxy_uri_path"]
    if SERVICE in row.proxy:
        proxy.vpc_endpoint_service_name = row.proxy[SERVICE]
    if SERVICE_OWNER in row.proxy:
        proxy.vpc_endpoint_service_owner = row.proxy[SERVICE_OWNER]
    return entry


def _word(field: str) -> str:
    """The field in AWS's words."""
    return aws_member_name(wire.CreateCustomKeyStoreRequest.DESCRIPTOR.fields_by_name[field])
