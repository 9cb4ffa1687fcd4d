"""THE table: request fields that an audit record shows, by operation, beside encryption contexts, which are always shown.
Everything else of a request stays out. What could never be shown whole is cut here already, before it costs anything to show.

Source: AWS KMS Developer Guide, log entries of each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meridian.audit.record import shown_time
from meridian.audit.record_bounds import CUT, RECORD_BYTES_MAX, cut, shown
from meridian.contract.catalog import TIMESTAMP, enum_aws_value, is_map, is_secret, lower_camel, message_of
from meridian.contract.field_limits import is_moment

ITEMS_SHOWN_MAX: Final = 256
"""Of a list or map; longer lists are cut to a digest of the field as protobuf writes it."""

_POLICY = ("policy", "account_delegation", "bypass_policy_lockout_safety_check")

TABLE: Final[dict[str, tuple[str, ...]]] = {
    "CreateKey": ("description", "key_usage", "key_spec", "customer_master_key_spec", "origin", "multi_region", "tags", *_POLICY),
    "DescribeKey": ("key_id",),
    "ListKeys": ("limit", "resource_owners"),
    "EnableKey": ("key_id",),
    "DisableKey": ("key_id",),
    "UpdateKeyDescription": ("key_id", "description"),
    "Encrypt": ("key_id", "encryption_algorithm"),
    "Decrypt": ("key_id", "encryption_algorithm"),
    "ReEncrypt": (
        "source_key_id",
        "source_encryption_algorithm",
        "destination_key_id",
        "destination_encryption_algorithm",
    ),
    "GenerateDataKey": ("key_id", "key_spec", "number_of_bytes"),
    "GenerateDataKeyWithoutPlaintext": ("key_id", "key_spec", "number_of_bytes"),
    "GenerateDataKeyPair": ("key_id", "key_pair_spec"),
    "GenerateDataKeyPairWithoutPlaintext": ("key_id", "key_pair_spec"),
    "Sign": ("key_id", "message_type", "signing_algorithm"),
    "Verify": ("key_id", "message_type", "signing_algorithm"),
    "GetPublicKey": ("key_id",),
    "GenerateMac": ("key_id", "mac_algorithm"),
    "VerifyMac": ("key_id", "mac_algorithm"),
    "DeriveSharedSecret": ("key_id", "key_agreement_algorithm"),
    "Encapsulate": ("key_id", "encapsulation_algorithm"),
    "Decapsulate": ("key_id", "encapsulation_algorithm"),
    "GenerateRandom": ("number_of_bytes",),
    "PutKeyPolicy": ("key_id", "policy_name", *_POLICY),
    "GetKeyPolicy": ("key_id", "policy_name", "cedar"),
    "ListKeyPolicies": ("key_id",),
    "ScheduleKeyDeletion": ("key_id", "pending_window_in_days"),
    "CancelKeyDeletion": ("key_id",),
    "EnableKeyRotation": ("key_id", "rotation_period_in_days"),
    "DisableKeyRotation": ("key_id",),
    "GetKeyRotationStatus": ("key_id",),
    "ListKeyRotations": ("key_id", "include_key_material", "limit"),
    "RotateKeyOnDemand": ("key_id",),
    "GetParametersForImport": ("key_id", "wrapping_algorithm", "wrapping_key_spec"),
    "ImportKeyMaterial": ("key_id", "valid_to", "expiration_model", "import_type", "key_material_description", "key_material_id"),
    "DeleteImportedKeyMaterial": ("key_id", "key_material_id"),
    "UpdatePrimaryRegion": ("key_id", "primary_region"),
    "CreateAlias": ("alias_name", "target_key_id"),
    "UpdateAlias": ("alias_name", "target_key_id"),
    "DeleteAlias": ("alias_name",),
    "ListAliases": ("key_id", "limit"),
    "TagResource": ("key_id", "tags"),
    "UntagResource": ("key_id", "tag_keys"),
    "ListResourceTags": ("key_id", "limit"),
    "CreateGrant": ("key_id", "grantee_principal", "retiring_principal", "operations", "constraints", "name"),
    "ListGrants": ("key_id", "grant_id", "grantee_principal", "limit"),
    "ListRetirableGrants": ("retiring_principal", "limit"),
    "RetireGrant": ("key_id", "grant_id"),
    "RevokeGrant": ("key_id", "grant_id"),
    "GetKeyLastUsage": ("key_id",),
    "CreateCustomKeyStore": ("custom_key_store_name", "custom_key_store_type", "xks_proxy_uri_endpoint", "xks_proxy_uri_path"),
    "DescribeCustomKeyStores": ("custom_key_store_id", "custom_key_store_name", "limit"),
    "UpdateCustomKeyStore": ("custom_key_store_id", "new_custom_key_store_name", "xks_proxy_uri_endpoint", "xks_proxy_uri_path"),
    "ConnectCustomKeyStore": ("custom_key_store_id",),
    "DisconnectCustomKeyStore": ("custom_key_store_id",),
    "DeleteCustomKeyStore": ("custom_key_store_id",),
    "DescribePolicySet": (),
    "CheckAccess": ("principal",),
    "DescribeExternalKey": ("key_id",),
    "XksGetHealthStatus": ("uri_path_prefix", "unverified_claims"),
    "XksGetKeyMetadata": ("key_id", "external_key_id", "unverified_claims"),
    "XksEncrypt": ("key_id", "external_key_id", "unverified_claims"),
    "XksDecrypt": ("key_id", "external_key_id", "unverified_claims"),
    "ReplicateKey": ("key_id", "replica_region", "description", "tags", *_POLICY),
}


Reader = Callable[[Any], Any]


@cache
def _readers(operation: str, message: Descriptor) -> tuple[tuple[str, Reader], ...]:
    return tuple((lower_camel(name), _reader(message.fields_by_name[name])) for name in TABLE.get(operation, ()))


def parameters_of(operation: str, request: Any) -> dict[str, Any]:
    """The shown fields of a request that are present, under CloudTrail's names."""
    return {name: value for name, read in _readers(operation, request.DESCRIPTOR) if (value := read(request)) is not None}


def marked_parameters_of(operation: str, request: Any) -> dict[str, Any]:
    """As `parameters_of`, with a mark for a field that cannot be shown. Raises: nothing, whatever the fields hold."""
    marked = {name: shown(partial(read, request)) for name, read in _readers(operation, request.DESCRIPTOR)}
    return {name: value for name, value in marked.items() if value is not None}


def _reader(field: FieldDescriptor) -> Reader:
    """How to read one field, decided once; plain text, the commonest, by the shortest way."""
    name = field.name
    if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated and not is_secret(field):
        return lambda message: _text(getattr(message, name)) if message.HasField(name) else None
    return lambda message: _value(field, message)


def message_as_record(message: Any) -> dict[str, Any]:
    """A whole answer message under CloudTrail's names, without secret fields."""
    return {lower_camel(f.name): value for f in message.DESCRIPTOR.fields if (value := _value(f, message)) is not None}


def _value(field: FieldDescriptor, message: Any) -> Any:
    if is_secret(field) or field.type == FieldDescriptor.TYPE_BYTES:
        return None
    value = getattr(message, field.name)
    if field.is_repeated:
        return _repeated(field, value) if len(value) <= ITEMS_SHOWN_MAX else _cut_items(field, message)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum(field, value)
    if not message.HasField(field.name):
        return None
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return _text(value) if isinstance(value, str) else value
    if message_of(field).full_name == TIMESTAMP:
        return _time(value)
    return message_as_record(value)


def _time(value: Any) -> Any:
    if not is_moment(value):
        return {CUT: {"seconds": value.seconds, "nanos": value.nanos}}
    return shown_time(value.ToDatetime())


def _text(value: str) -> Any:
    return value if len(value) <= RECORD_BYTES_MAX else cut(value)


def _cut_items(field: FieldDescriptor, message: Any) -> dict[str, Any]:
    values = getattr(message, field.name)
    alone = type(message)()
    getattr(alone, field.name).MergeFrom(values)
    written = alone.SerializeToString(deterministic=True)
    return {CUT: {"items": len(values), "bytes": len(written), "sha256": sha256(written).hexdigest()}}


def _enum(field: FieldDescriptor, number: int) -> str | None:
    if number == 0:
        return None
    try:
        return enum_aws_value(field, number)
    except KeyError:
        return str(number)


def _repeated(field: FieldDescriptor, values: Any) -> Any:
    if not values:
        return None
    if field.type == FieldDescriptor.TYPE_ENUM:
        return [_enum(field, number) for number in values]
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return list(values)
    if is_map(field):
        return dict(values)
    return [message_as_record(value) for value in values]
