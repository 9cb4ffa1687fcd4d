"""THE table: rules between the fields of one request, by operation.

Asked after the limits of single fields, before any key is looked up. Each rule raises or lets pass.

Source: AWS KMS API Reference, each operation's request parameters; recorded answers for the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from meridian.contract.catalog import aws_member_name, enum_aws_value
from meridian.domain.algorithms import TABLE as SPECS
from meridian.domain.algorithms import algorithms
from meridian.domain.grant import require_principal
from meridian.domain.identifiers import ALIAS_NAME
from meridian.domain.key import KeySpec, KeyUsage, Origin
from meridian.domain.tag import require_tag_keys, require_tags
from meridian.errors import FeatureNotBuiltException, NotAuthorizedException, UnsupportedOperationException, ValidationException
from meridian.kms.v1 import types_pb2

Rule = Callable[[Any], None]

IN_A_STORE: Final = ("custom_key_store_id", "xks_key_id")
"""Fields of CreateKey that name an external key."""


def _member(request: Any, field: str) -> str:
    return aws_member_name(request.DESCRIPTOR.fields_by_name[field])


def _value(request: Any, field: str) -> str:
    return enum_aws_value(request.DESCRIPTOR.fields_by_name[field], getattr(request, field))


def _no_attestation(request: Any) -> None:
    if request.HasField("recipient"):
        raise FeatureNotBuiltException("Recipient is not supported: this service verifies no attestation documents.")


def _one_data_key_size(request: Any) -> None:
    if request.key_spec and request.HasField("number_of_bytes"):
        raise ValidationException(
            "Please specify either number of bytes or key spec.",
            fields=[("keySpec", "given with numberOfBytes"), ("numberOfBytes", "given with keySpec")],
        )
    if not request.key_spec and not request.HasField("number_of_bytes"):
        raise ValidationException("Please specify either number of bytes or key spec.", fields=[("keySpec", "missing")])


def _number_of_bytes(request: Any) -> None:
    if not request.HasField("number_of_bytes"):
        raise ValidationException("NumberOfBytes is required.", fields=[("numberOfBytes", "missing")])


def ignores_ciphertext(request: Any) -> bool:
    """Whether a dry run of Decrypt or ReEncrypt leaves out the ciphertext, also one that is sent; then the request names the key."""
    return types_pb2.DRY_RUN_MODIFIER_TYPE_IGNORE_CIPHERTEXT in request.dry_run_modifiers


def _ciphertext_present(key_field: str) -> Rule:
    def rule(request: Any) -> None:
        if request.dry_run_modifiers and not request.dry_run:
            raise ValidationException(
                "DryRunModifiers can be specified only when DryRun is true.", fields=[("dryRunModifiers", "given without dryRun")]
            )
        if ignores_ciphertext(request):
            if not request.HasField(key_field):
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
    def rule(request: Any) -> None:
        algorithm = _value(request, algorithm_field)
        if algorithm not in ("", "SYMMETRIC_DEFAULT") and not request.HasField(key_field):
            raise ValidationException("KeyId must not be null", fields=[(key_field, "missing")])

    return rule


def _one_key_spec(request: Any) -> None:
    if request.key_spec and request.customer_master_key_spec:
        raise ValidationException(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            fields=[("keySpec", "given with customerMasterKeySpec"), ("customerMasterKeySpec", "given with keySpec")],
        )


def requested_key_spec(request: Any) -> KeySpec:
    """The spec that a CreateKey request asks for, under either name of the field."""
    value = _value(request, "key_spec") or _value(request, "customer_master_key_spec")
    return KeySpec(value) if value else KeySpec.SYMMETRIC_DEFAULT


def requested_key_usage(request: Any) -> KeyUsage:
    """The usage that a CreateKey request asks for."""
    value = _value(request, "key_usage")
    return KeyUsage(value) if value else KeyUsage.ENCRYPT_DECRYPT


def requested_origin(request: Any) -> Origin:
    """The origin that a CreateKey request asks for."""
    value = _value(request, "origin")
    return Origin(value) if value else Origin.AWS_KMS


def _usage_fits_spec(request: Any) -> None:
    spec = requested_key_spec(request)
    if spec is not KeySpec.SYMMETRIC_DEFAULT and not request.key_usage:
        raise ValidationException(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            fields=[("keyUsage", "missing")],
        )
    usage = requested_key_usage(request)
    if not algorithms(spec, usage):
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {spec}", fields=[("keyUsage", "does not fit keySpec")])


def _key_can_be_made(request: Any) -> None:
    spec, origin = requested_key_spec(request), requested_origin(request)
    if not SPECS[spec].is_offered:
        raise FeatureNotBuiltException(f"KeySpec {spec} is not supported.")
    if origin is Origin.EXTERNAL and not SPECS[spec].may_be_imported:
        raise ValidationException(
            f"KeySpec {spec} is not supported for Origin EXTERNAL", fields=[("keySpec", "has material that cannot be imported")]
        )
    if origin is Origin.AWS_CLOUDHSM:
        raise FeatureNotBuiltException(f"Origin {origin} is not offered by this server.")
    if origin is Origin.EXTERNAL_KEY_STORE:
        _require_fit_for_a_store(request, spec)
        return
    for field in IN_A_STORE:
        if request.HasField(field):
            raise ValidationException(
                f"{_member(request, field)} cannot be given for a key of Origin {origin}.", fields=[(field, "given without its Origin")]
            )


def _require_fit_for_a_store(request: Any, spec: KeySpec) -> None:
    """What never changes of a key whose second lock is an external key."""
    for field in IN_A_STORE:
        if not request.HasField(field):
            raise ValidationException(f"{_member(request, field)} is required for Origin EXTERNAL_KEY_STORE.", fields=[(field, "missing")])
    if spec is not KeySpec.SYMMETRIC_DEFAULT:
        raise UnsupportedOperationException(f"KeySpec {spec} is not supported for Origin EXTERNAL_KEY_STORE.")
    if request.multi_region:
        raise UnsupportedOperationException("A multi-Region key cannot be in a custom key store.")


def _pair_can_be_made(request: Any) -> None:
    spec = _value(request, "key_pair_spec")
    if not SPECS[KeySpec(spec)].is_offered:
        raise FeatureNotBuiltException(f"KeyPairSpec {spec} is not supported.")


def _alias_name(request: Any) -> None:
    name = request.alias_name
    if not name.startswith("alias/"):
        message = 'Alias must start with the prefix "alias/".'
        raise ValidationException(message, fields=[("aliasName", "without its prefix")])
    if not ALIAS_NAME.fullmatch(name):
        raise ValidationException(f"{name} contains invalid characters for an alias", fields=[("aliasName", "has other characters")])
    if name.startswith("alias/aws/"):
        raise NotAuthorizedException


def _target_is_a_key(request: Any) -> None:
    if "alias/" in request.target_key_id:
        raise ValidationException("Aliases must refer to keys. Not aliases", fields=[("targetKeyId", "is an alias")])


def _one_retiring_principal(request: Any) -> None:
    if not request.HasField("retiring_principal"):
        raise ValidationException("RetiringPrincipal is required.", fields=[("retiringPrincipal", "missing")])
    require_principal(request.retiring_principal)


def _tags(request: Any) -> None:
    require_tags([(tag.tag_key, tag.tag_value) for tag in request.tags])


def _tag_keys(request: Any) -> None:
    require_tag_keys(request.tag_keys)


def _validity(request: Any) -> None:
    expires = _value(request, "expiration_model") in ("", "KEY_MATERIAL_EXPIRES")
    if expires and not request.HasField("valid_to"):
        raise ValidationException(
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES", fields=[("validTo", "missing")]
        )
    if not expires and request.HasField("valid_to"):
        raise ValidationException(
            "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
            fields=[("validTo", "given for material that does not expire")],
        )


def _default_policy_name(request: Any) -> None:
    if request.HasField("policy_name") and request.policy_name != "default":
        raise ValidationException("Policy name must be default.", fields=[("policyName", "not default")])


_DATA_KEY = (_one_data_key_size,)

TABLE: Final[dict[str, tuple[Rule, ...]]] = {
    "CreateAlias": (_alias_name, _target_is_a_key),
    "UpdateAlias": (_alias_name, _target_is_a_key),
    "DeleteAlias": (_alias_name,),
    "ListRetirableGrants": (_one_retiring_principal,),
    "TagResource": (_tags,),
    "UntagResource": (_tag_keys,),
    "CreateKey": (_one_key_spec, _usage_fits_spec, _key_can_be_made, _tags),
    "Decrypt": (_no_attestation, _ciphertext_present("key_id"), _key_needed_for_asymmetric("encryption_algorithm", "key_id")),
    "ReEncrypt": (
        _ciphertext_present("source_key_id"),
        _key_needed_for_asymmetric("source_encryption_algorithm", "source_key_id"),
    ),
    "GenerateDataKey": (_no_attestation, *_DATA_KEY),
    "GenerateDataKeyWithoutPlaintext": _DATA_KEY,
    "GenerateDataKeyPair": (_no_attestation, _pair_can_be_made),
    "GenerateDataKeyPairWithoutPlaintext": (_pair_can_be_made,),
    "DeriveSharedSecret": (_no_attestation,),
    "GenerateRandom": (_no_attestation, _number_of_bytes),
    "ImportKeyMaterial": (_validity,),
    "PutKeyPolicy": (_default_policy_name,),
    "ReplicateKey": (_tags,),
}


def require_cross_field_rules(operation: str, request: Any) -> None:
    """Refuse a request whose fields do not fit each other.

    Raises: ValidationException, TagException, InvalidArnException, UnsupportedOperationException.
    """
    for rule in TABLE.get(operation, ()):
        rule(request)
