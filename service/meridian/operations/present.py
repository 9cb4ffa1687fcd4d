"""The one translation from domain values to messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meridian.contract.enums import enum_number
from meridian.domain.algorithms import algorithms, is_symmetric_encryption
from meridian.domain.identifiers import key_arn
from meridian.domain.key import Key, KeyState, KeyUsage, Origin
from meridian.kms.v1 import types_pb2

ALGORITHM_LIST = {
    KeyUsage.ENCRYPT_DECRYPT: "encryption_algorithms",
    KeyUsage.SIGN_VERIFY: "signing_algorithms",
    KeyUsage.GENERATE_VERIFY_MAC: "mac_algorithms",
    KeyUsage.KEY_AGREEMENT: "key_agreement_algorithms",
    KeyUsage.ENCAPSULATE_DECAPSULATE: "encapsulation_algorithms",
}


def set_enum(message: Any, field: str, aws_value: str) -> None:
    """Set an enum field by its AWS value; a value that the enum lacks leaves the field unset."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    try:
        setattr(message, field, enum_number(descriptor, aws_value))
    except KeyError:
        return


def add_enums(message: Any, field: str, aws_values: Iterable[str]) -> None:
    """Fill a list of enums by their AWS values."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    getattr(message, field).extend(enum_number(descriptor, value) for value in aws_values)


def key_metadata(key: Key) -> types_pb2.KeyMetadata:
    """KeyMetadata as DescribeKey, CreateKey and ReplicateKey answer it.

    Source: AWS KMS API Reference, KeyMetadata; which members are present when: docs/spec/key-lifecycle.md.
    """
    metadata = types_pb2.KeyMetadata(
        aws_account_id=key.account,
        key_id=key.key_id,
        arn=key.arn,
        enabled=key.is_enabled,
        description=key.description,
        key_manager=types_pb2.KEY_MANAGER_TYPE_CUSTOMER,
        multi_region=key.multi_region is not None,
    )
    metadata.creation_date.FromDatetime(key.created_at)
    for field in ("key_usage", "key_spec", "origin"):
        set_enum(metadata, field, getattr(key, field))
    set_enum(metadata, "key_state", key.state)
    set_enum(metadata, "customer_master_key_spec", key.key_spec)
    add_enums(metadata, ALGORITHM_LIST[key.key_usage], algorithms(key.key_spec, key.key_usage))
    made = key.current_material_id and key.state is not KeyState.CREATING
    if made and is_symmetric_encryption(key.key_spec) and key.origin in (Origin.AWS_KMS, Origin.EXTERNAL):
        metadata.current_key_material_id = key.current_material_id
    _add_end_of_life(metadata, key)
    _add_store(metadata, key)
    if key.multi_region is not None:
        metadata.multi_region_configuration.CopyFrom(_multi_region_configuration(key))
    return metadata


def shown_material_id(key: Key, material_id: str) -> str | None:
    """The id of key material as answers show it; nothing of a key in a key store, whose material is half of what locks it."""
    return None if key.custom_key_store_id else material_id


def _add_store(metadata: types_pb2.KeyMetadata, key: Key) -> None:
    """In which key store the key is, and under which external key there."""
    if key.custom_key_store_id:
        metadata.custom_key_store_id = key.custom_key_store_id
    if key.cloud_hsm_cluster_id:
        metadata.cloud_hsm_cluster_id = key.cloud_hsm_cluster_id
    if key.xks_key_id:
        metadata.xks_key_configuration.id = key.xks_key_id


def _add_end_of_life(metadata: types_pb2.KeyMetadata, key: Key) -> None:
    """When the key is deleted, and when its imported material expires."""
    if key.state is KeyState.PENDING_DELETION and key.deletion_at is not None:
        metadata.deletion_date.FromDatetime(key.deletion_at)
    if key.state is KeyState.PENDING_REPLICA_DELETION:
        metadata.pending_deletion_window_in_days = key.deletion_window_in_days
    current = key.find_material(key.current_material_id)
    if key.origin is Origin.EXTERNAL and current is not None and current.is_present:
        ends = [m.expires_at for m in key.permanent_materials if m.expires_at is not None]
        set_enum(metadata, "expiration_model", "KEY_MATERIAL_EXPIRES" if ends else "KEY_MATERIAL_DOES_NOT_EXPIRE")
        if ends:
            metadata.valid_to.FromDatetime(min(ends))


def _multi_region_configuration(key: Key) -> types_pb2.MultiRegionConfiguration:
    configuration = types_pb2.MultiRegionConfiguration()
    role, kind = key.multi_region, key.multi_region_key_type
    if role is None or kind is None:
        return configuration
    set_enum(configuration, "multi_region_key_type", kind)
    configuration.primary_key.CopyFrom(_member(key, role.primary_region))
    configuration.replica_keys.extend(_member(key, region) for region in role.replica_regions)
    return configuration


def _member(key: Key, region: str) -> types_pb2.MultiRegionKey:
    return types_pb2.MultiRegionKey(arn=key_arn(key.partition, region, key.account, key.key_id), region=region)
