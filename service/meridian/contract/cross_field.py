"""THE table: rules between the fields of one request, by operation.

Asked after the limits of single fields, before any key is looked up. Each rule raises or lets pass.

Source: AWS KMS API Reference, each operation's request parameters; recorded answers for the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from meridian.contract.catalog import aws_member_name
from meridian.contract.fields import descriptor_of, enum_text_of, is_given, tags_of
from meridian.contract.operation import Operation
from meridian.domain.algorithms import TABLE as SPECS
from meridian.domain.algorithms import algorithms
from meridian.domain.grant import require_principal
from meridian.domain.identifiers import ALIAS_NAME
from meridian.domain.key import KeySpec, KeyUsage, Origin
from meridian.domain.key_store import KeyStoreType
from meridian.domain.tag import require_tag_keys, require_tags
from meridian.domain.xks import is_step
from meridian.errors import FeatureNotBuiltException, NotAuthorizedException, UnsupportedOperationException, ValidationException
from meridian.kms.v1 import types_pb2
from meridian.kms.v1.aliases_pb2 import CreateAliasRequest, DeleteAliasRequest, UpdateAliasRequest
from meridian.kms.v1.data_keys_pb2 import GenerateDataKeyRequest, GenerateDataKeyWithoutPlaintextRequest, GenerateRandomRequest
from meridian.kms.v1.encryption_pb2 import DecryptRequest, ReEncryptRequest
from meridian.kms.v1.grants_pb2 import ListRetirableGrantsRequest
from meridian.kms.v1.imports_pb2 import ImportKeyMaterialRequest
from meridian.kms.v1.key_policies_pb2 import PutKeyPolicyRequest
from meridian.kms.v1.keys_pb2 import CreateKeyRequest
from meridian.kms.v1.tags_pb2 import UntagResourceRequest

Rule = Callable[[Any], None]
"""Takes the messages of the operations that it stands beside in `TABLE`."""

IN_A_STORE: Final = ("custom_key_store_id", "xks_key_id")
"""Fields of CreateKey that name an external key."""
NEEDED_OF_A_STORE: Final = {Origin.EXTERNAL_KEY_STORE: IN_A_STORE, Origin.AWS_CLOUDHSM: ("custom_key_store_id",)}
"""Fields that a key of an origin in a key store needs."""


def _member(request: Message, field: str) -> str:
    return aws_member_name(descriptor_of(request).fields_by_name[field])


def _no_attestation(request: Message) -> None:
    if request.HasField("recipient"):
        raise FeatureNotBuiltException("Recipient is not supported: this service verifies no attestation documents.")


def _one_data_key_size(request: GenerateDataKeyRequest | GenerateDataKeyWithoutPlaintextRequest) -> None:
    if request.key_spec and request.HasField("number_of_bytes"):
        raise ValidationException(
            "Please specify either number of bytes or key spec.",
            fields=[("keySpec", "given with numberOfBytes"), ("numberOfBytes", "given with keySpec")],
        )
    if not request.key_spec and not request.HasField("number_of_bytes"):
        raise ValidationException("Please specify either number of bytes or key spec.", fields=[("keySpec", "missing")])


def _number_of_bytes(request: GenerateRandomRequest) -> None:
    if not request.HasField("number_of_bytes"):
        raise ValidationException("NumberOfBytes is required.", fields=[("numberOfBytes", "missing")])


def ignores_ciphertext(request: Message) -> bool:
    """Whether a dry run of Decrypt or ReEncrypt leaves out the ciphertext, also one that is sent; then the request names the key."""
    if not isinstance(request, DecryptRequest | ReEncryptRequest):
        return False
    return types_pb2.DRY_RUN_MODIFIER_TYPE_IGNORE_CIPHERTEXT in request.dry_run_modifiers


def _ciphertext_present(key_field: str) -> Rule:
    def rule(request: DecryptRequest | ReEncryptRequest) -> None:
        if request.dry_run_modifiers and not request.dry_run:
            raise ValidationException(
                "DryRunModifiers can be specified only when DryRun is true.", fields=[("dryRunModifiers", "given without dryRun")]
            )
        if ignores_ciphertext(request):
            if not is_given(request, key_field):
                raise ValidationException("KeyId must not be null", fields=[(key_field, "missing")])
        elif not request.HasField("ciphertext_blob"):
            raise ValidationException.of_constraints(
                [
                    (
                        "ciphertextBlob",
                        "Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
                    )
                ]
            )

    return rule


def _key_needed_for_asymmetric(algorithm_field: str, key_field: str) -> Rule:
    def rule(request: DecryptRequest | ReEncryptRequest) -> None:
        algorithm = enum_text_of(request, algorithm_field)
        if algorithm not in ("", "SYMMETRIC_DEFAULT") and not is_given(request, key_field):
            raise ValidationException("KeyId must not be null", fields=[(key_field, "missing")])

    return rule


def _one_key_spec(request: CreateKeyRequest) -> None:
    if request.key_spec and request.customer_master_key_spec:
        raise ValidationException(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            fields=[("keySpec", "given with customerMasterKeySpec"), ("customerMasterKeySpec", "given with keySpec")],
        )


def requested_key_spec(request: CreateKeyRequest) -> KeySpec:
    """The spec that a CreateKey request asks for, under either name of the field."""
    value = enum_text_of(request, "key_spec") or enum_text_of(request, "customer_master_key_spec")
    return KeySpec(value) if value else KeySpec.SYMMETRIC_DEFAULT


def requested_key_usage(request: CreateKeyRequest) -> KeyUsage:
    """The usage that a CreateKey request asks for."""
    value = enum_text_of(request, "key_usage")
    return KeyUsage(value) if value else KeyUsage.ENCRYPT_DECRYPT


def requested_origin(request: CreateKeyRequest) -> Origin:
    """The origin that a CreateKey request asks for."""
    value = enum_text_of(request, "origin")
    return Origin(value) if value else Origin.AWS_KMS


def requested_store_type(request: Message) -> KeyStoreType:
    """The type that a CreateCustomKeyStore request asks for; where it is silent a store in AWS CloudHSM, as in AWS."""
    value = enum_text_of(request, "custom_key_store_type")
    return KeyStoreType(value) if value else KeyStoreType.AWS_CLOUDHSM


def _usage_fits_spec(request: CreateKeyRequest) -> None:
    spec = requested_key_spec(request)
    if spec is not KeySpec.SYMMETRIC_DEFAULT and not request.key_usage:
        raise ValidationException(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            fields=[("keyUsage", "missing")],
        )
    usage = requested_key_usage(request)
    if not algorithms(spec, usage):
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {spec}", fields=[("keyUsage", "does not fit keySpec")])


def _key_can_be_made(request: CreateKeyRequest) -> None:
    spec, origin = requested_key_spec(request), requested_origin(request)
    if not SPECS[spec].is_offered:
        raise FeatureNotBuiltException(f"KeySpec {spec} is not supported.")
    if origin is Origin.EXTERNAL and not SPECS[spec].may_be_imported:
        raise ValidationException(
            f"KeySpec {spec} is not supported for Origin EXTERNAL", fields=[("keySpec", "has material that cannot be imported")]
        )
    needed = NEEDED_OF_A_STORE.get(origin, ())
    if needed:
        _require_fit_for_a_store(request, spec, origin, needed)
    for field in IN_A_STORE:
        if field in needed:
            continue
        if request.HasField(field):
            raise ValidationException(
                f"{_member(request, field)} cannot be given for a key of Origin {origin}.", fields=[(field, "given without its Origin")]
            )


def _require_fit_for_a_store(request: CreateKeyRequest, spec: KeySpec, origin: Origin, needed: tuple[str, ...]) -> None:
    """What never changes of a key whose second lock is in a key store."""
    for field in needed:
        if not is_given(request, field):
            raise ValidationException(f"{_member(request, field)} is required for Origin {origin}.", fields=[(field, "missing")])
    if is_step(request.xks_key_id):
        raise ValidationException("XksKeyId must be neither '.' nor '..'.", fields=[("xks_key_id", "a step in a path")])
    if spec is not KeySpec.SYMMETRIC_DEFAULT:
        raise UnsupportedOperationException(f"KeySpec {spec} is not supported for Origin {origin}.")
    if request.multi_region:
        raise UnsupportedOperationException("A multi-Region key cannot be in a custom key store.")


def _pair_can_be_made(request: Message) -> None:
    spec = enum_text_of(request, "key_pair_spec")
    if not SPECS[KeySpec(spec)].is_offered:
        raise FeatureNotBuiltException(f"KeyPairSpec {spec} is not supported.")


def _alias_name(request: CreateAliasRequest | UpdateAliasRequest | DeleteAliasRequest) -> None:
    name = request.alias_name
    if not name.startswith("alias/"):
        message = 'Alias must start with the prefix "alias/".'
        raise ValidationException(message, fields=[("aliasName", "without its prefix")])
    if not ALIAS_NAME.fullmatch(name):
        raise ValidationException(f"{name} contains invalid characters for an alias", fields=[("aliasName", "has other characters")])
    if name.startswith("alias/aws/"):
        raise NotAuthorizedException


def _target_is_a_key(request: CreateAliasRequest | UpdateAliasRequest) -> None:
    if "alias/" in request.target_key_id:
        raise ValidationException("Aliases must refer to keys. Not aliases", fields=[("targetKeyId", "is an alias")])


def _one_retiring_principal(request: ListRetirableGrantsRequest) -> None:
    if not request.HasField("retiring_principal"):
        raise ValidationException("RetiringPrincipal is required.", fields=[("retiringPrincipal", "missing")])
    require_principal(request.retiring_principal)


def _tags(request: Message) -> None:
    require_tags([(tag.tag_key, tag.tag_value) for tag in tags_of(request)])


def _tag_keys(request: UntagResourceRequest) -> None:
    require_tag_keys(request.tag_keys)


def _validity(request: ImportKeyMaterialRequest) -> None:
    expires = enum_text_of(request, "expiration_model") in ("", "KEY_MATERIAL_EXPIRES")
    if expires and not request.HasField("valid_to"):
        raise ValidationException(
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES", fields=[("validTo", "missing")]
        )
    if not expires and request.HasField("valid_to"):
        raise ValidationException(
            "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
            fields=[("validTo", "given for material that does not expire")],
        )


def _default_policy_name(request: PutKeyPolicyRequest) -> None:
    if request.HasField("policy_name") and request.policy_name != "default":
        raise ValidationException("Policy name must be default.", fields=[("policyName", "not default")])


_DATA_KEY = (_one_data_key_size,)

TABLE: Final[dict[Operation, tuple[Rule, ...]]] = {
    Operation.CREATE_ALIAS: (_alias_name, _target_is_a_key),
    Operation.UPDATE_ALIAS: (_alias_name, _target_is_a_key),
    Operation.DELETE_ALIAS: (_alias_name,),
    Operation.LIST_RETIRABLE_GRANTS: (_one_retiring_principal,),
    Operation.TAG_RESOURCE: (_tags,),
    Operation.UNTAG_RESOURCE: (_tag_keys,),
    Operation.CREATE_KEY: (_one_key_spec, _usage_fits_spec, _key_can_be_made, _tags),
    Operation.DECRYPT: (_no_attestation, _ciphertext_present("key_id"), _key_needed_for_asymmetric("encryption_algorithm", "key_id")),
    Operation.RE_ENCRYPT: (
        _ciphertext_present("source_key_id"),
        _key_needed_for_asymmetric("source_encryption_algorithm", "source_key_id"),
    ),
    Operation.GENERATE_DATA_KEY: (_no_attestation, *_DATA_KEY),
    Operation.GENERATE_DATA_KEY_WITHOUT_PLAINTEXT: _DATA_KEY,
    Operation.GENERATE_DATA_KEY_PAIR: (_no_attestation, _pair_can_be_made),
    Operation.GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: (_pair_can_be_made,),
    Operation.DERIVE_SHARED_SECRET: (_no_attestation,),
    Operation.GENERATE_RANDOM: (_no_attestation, _number_of_bytes),
    Operation.IMPORT_KEY_MATERIAL: (_validity,),
    Operation.PUT_KEY_POLICY: (_default_policy_name,),
    Operation.REPLICATE_KEY: (_tags,),
}


def require_cross_field_rules(operation: Operation, request: Message) -> None:
    """Refuse a request whose fields do not fit each other.

    Raises: ValidationException, TagException, InvalidArnException, UnsupportedOperationException.
    """
    for rule in TABLE.get(operation, ()):
        rule(request)
