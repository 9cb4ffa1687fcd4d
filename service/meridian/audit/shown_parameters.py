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
from meridian.contract.operation import Operation

ITEMS_SHOWN_MAX: Final = 256
"""Of a list or map; longer lists are cut to a digest of the field as protobuf writes it."""

_POLICY = ("policy", "account_delegation", "bypass_policy_lockout_safety_check")

TABLE: Final[dict[Operation, tuple[str, ...]]] = {
    Operation.CREATE_KEY: ("description", "key_usage", "key_spec", "customer_master_key_spec", "origin", "multi_region", "tags", *_POLICY),
    Operation.DESCRIBE_KEY: ("key_id",),
    Operation.LIST_KEYS: ("limit", "resource_owners"),
    Operation.ENABLE_KEY: ("key_id",),
    Operation.DISABLE_KEY: ("key_id",),
    Operation.UPDATE_KEY_DESCRIPTION: ("key_id", "description"),
    Operation.ENCRYPT: ("key_id", "encryption_algorithm"),
    Operation.DECRYPT: ("key_id", "encryption_algorithm"),
    Operation.RE_ENCRYPT: (
        "source_key_id",
        "source_encryption_algorithm",
        "destination_key_id",
        "destination_encryption_algorithm",
    ),
    Operation.GENERATE_DATA_KEY: ("key_id", "key_spec", "number_of_bytes"),
    Operation.GENERATE_DATA_KEY_WITHOUT_PLAINTEXT: ("key_id", "key_spec", "number_of_bytes"),
    Operation.GENERATE_DATA_KEY_PAIR: ("key_id", "key_pair_spec"),
    Operation.GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: ("key_id", "key_pair_spec"),
    Operation.SIGN: ("key_id", "message_type", "signing_algorithm"),
    Operation.VERIFY: ("key_id", "message_type", "signing_algorithm"),
    Operation.GET_PUBLIC_KEY: ("key_id",),
    Operation.GENERATE_MAC: ("key_id", "mac_algorithm"),
    Operation.VERIFY_MAC: ("key_id", "mac_algorithm"),
    Operation.DERIVE_SHARED_SECRET: ("key_id", "key_agreement_algorithm"),
    Operation.ENCAPSULATE: ("key_id", "encapsulation_algorithm"),
    Operation.DECAPSULATE: ("key_id", "encapsulation_algorithm"),
    Operation.GENERATE_RANDOM: ("number_of_bytes",),
    Operation.PUT_KEY_POLICY: ("key_id", "policy_name", *_POLICY),
    Operation.GET_KEY_POLICY: ("key_id", "policy_name", "cedar"),
    Operation.LIST_KEY_POLICIES: ("key_id",),
    Operation.SCHEDULE_KEY_DELETION: ("key_id", "pending_window_in_days"),
    Operation.CANCEL_KEY_DELETION: ("key_id",),
    Operation.ENABLE_KEY_ROTATION: ("key_id", "rotation_period_in_days"),
    Operation.DISABLE_KEY_ROTATION: ("key_id",),
    Operation.GET_KEY_ROTATION_STATUS: ("key_id",),
    Operation.LIST_KEY_ROTATIONS: ("key_id", "include_key_material", "limit"),
    Operation.ROTATE_KEY_ON_DEMAND: ("key_id",),
    Operation.GET_PARAMETERS_FOR_IMPORT: ("key_id", "wrapping_algorithm", "wrapping_key_spec"),
    Operation.IMPORT_KEY_MATERIAL: ("key_id", "valid_to", "expiration_model", "import_type", "key_material_description", "key_material_id"),
    Operation.DELETE_IMPORTED_KEY_MATERIAL: ("key_id", "key_material_id"),
    Operation.UPDATE_PRIMARY_REGION: ("key_id", "primary_region"),
    Operation.CREATE_ALIAS: ("alias_name", "target_key_id"),
    Operation.UPDATE_ALIAS: ("alias_name", "target_key_id"),
    Operation.DELETE_ALIAS: ("alias_name",),
    Operation.LIST_ALIASES: ("key_id", "limit"),
    Operation.TAG_RESOURCE: ("key_id", "tags"),
    Operation.UNTAG_RESOURCE: ("key_id", "tag_keys"),
    Operation.LIST_RESOURCE_TAGS: ("key_id", "limit"),
    Operation.CREATE_GRANT: ("key_id", "grantee_principal", "retiring_principal", "operations", "constraints", "name"),
    Operation.LIST_GRANTS: ("key_id", "grant_id", "grantee_principal", "limit"),
    Operation.LIST_RETIRABLE_GRANTS: ("retiring_principal", "limit"),
    Operation.RETIRE_GRANT: ("key_id", "grant_id"),
    Operation.REVOKE_GRANT: ("key_id", "grant_id"),
    Operation.GET_KEY_LAST_USAGE: ("key_id",),
    Operation.CREATE_CUSTOM_KEY_STORE: ("custom_key_store_name", "custom_key_store_type", "xks_proxy_uri_endpoint", "xks_proxy_uri_path"),
    Operation.DESCRIBE_CUSTOM_KEY_STORES: ("custom_key_store_id", "custom_key_store_name", "limit"),
    Operation.UPDATE_CUSTOM_KEY_STORE: ("custom_key_store_id", "new_custom_key_store_name", "xks_proxy_uri_endpoint", "xks_proxy_uri_path"),
    Operation.CONNECT_CUSTOM_KEY_STORE: ("custom_key_store_id",),
    Operation.DISCONNECT_CUSTOM_KEY_STORE: ("custom_key_store_id",),
    Operation.DELETE_CUSTOM_KEY_STORE: ("custom_key_store_id",),
    Operation.DESCRIBE_POLICY_SET: (),
    Operation.DESCRIBE_REGIONS: (),
    Operation.DESCRIBE_AUDIT: (),
    Operation.LIST_DECISIONS: ("limit", "principal", "key_id", "operation", "effect", "since", "until", "request_id"),
    Operation.EXPLAIN_DECISION: (),
    Operation.CHECK_ACCESS: ("principal",),
    Operation.TRY_POLICIES: ("principal", "calls"),
    Operation.DESCRIBE_EXTERNAL_KEY: ("key_id",),
    Operation.XKS_GET_HEALTH_STATUS: ("uri_path_prefix", "unverified_claims"),
    Operation.XKS_GET_KEY_METADATA: ("key_id", "external_key_id", "unverified_claims"),
    Operation.XKS_ENCRYPT: ("key_id", "external_key_id", "unverified_claims"),
    Operation.XKS_DECRYPT: ("key_id", "external_key_id", "unverified_claims"),
    Operation.WHO_AM_I: (),
    Operation.ASSUME_ROLE_WITH_WEB_IDENTITY: ("role_arn", "role_session_name", "duration_seconds", "provider_id", "policy", "policy_arns"),
    Operation.GET_CALLER_IDENTITY: (),
    Operation.REPLICATE_KEY: ("key_id", "replica_region", "description", "tags", *_POLICY),
    Operation.ENCRYPT_BATCH: (),
    Operation.DECRYPT_BATCH: (),
    Operation.GENERATE_DATA_KEY_BATCH: (),
    Operation.RE_ENCRYPT_BATCH: (),
}


Reader = Callable[[Any], Any]


@cache
def _readers(operation: Operation, message: Descriptor) -> tuple[tuple[str, Reader], ...]:
    return tuple((lower_camel(name), _reader(message.fields_by_name[name])) for name in TABLE.get(operation, ()))


def parameters_of(operation: Operation, request: Any) -> dict[str, Any]:
    """The shown fields of a request that are present, under CloudTrail's names."""
    return {name: value for name, read in _readers(operation, request.DESCRIPTOR) if (value := read(request)) is not None}


def marked_parameters_of(operation: Operation, request: Any) -> dict[str, Any]:
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
