"""THE table of errors: what is asked, and the type and the text of the refusal; no text where AWS sends none.

`{key}` is the ARN of the key that is named. Source: answers recorded from the service, and its table of key states.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.good_requests import MAC, PAIR, PERMANENT, SIGN, WRAPPING, Things
from tests.deployment import AWAY
from tests.openssl import bring, random_material

from meridian.kms.v1 import types_pb2 as t

ABSENT = "1234abcd-12ab-34cd-56ef-1234567890ab"
DISABLED, ENDING = "{key} is disabled.", "{key} is pending deletion."
LONG = "x" * 600


@dataclass(frozen=True)
class Refusal:
    """One refused request."""

    operation: str
    what: str
    fields: Callable[[Things], dict[str, Any]]
    error: str
    message: str | None


def _on(kind: str, state: str = "enabled", **fields: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda things: {"key_id": things.key(kind, state), **fields}


def _product(kind: str, state: str = "enabled", **fields: Any) -> Callable[[Things], dict[str, Any]]:
    def made(things: Things) -> dict[str, Any]:
        key = things.key(kind, state)
        return {"key_id": key, **things.products[key], **fields}

    return made


def _named(**fields: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda things: fields


def _blob_of_another(things: Things) -> dict[str, Any]:
    return {**things.products[things.key("symmetric")], "key_id": things.key("symmetric", number=1)}


def _spoilt(things: Things) -> dict[str, Any]:
    blob = things.products[things.key("symmetric")]["ciphertext_blob"]
    return {"key_id": things.key("symmetric"), "ciphertext_blob": blob[:-1] + bytes([blob[-1] ^ 1])}


def _replicated(things: Things) -> dict[str, Any]:
    fields: dict[str, Any] = {"key_id": things.key("primary", number=8), "replica_region": AWAY}
    if not things.client.describe_key(key_id=fields["key_id"]).key_metadata.multi_region_configuration.replica_keys:
        things.client.replicate_key(**fields)
    return fields


def _rsa(things: Things) -> str:
    return things.key("encrypts")


def _imported(things: Things) -> str:
    key = things.key("imported", number=9)
    if things.client.describe_key(key_id=key).key_metadata.key_state != t.KEY_STATE_ENABLED:
        bring(things.client, things.folder, key, random_material())
    return key


def _is(fault: str, value: str = "") -> str:
    shown = f" '{value}'" if value else ""
    return f"1 validation error detected: Value{shown} at {fault}"


OAEP = t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256
EXPIRES = t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_EXPIRES
EVERYTHING = t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL
LOCKS_OUT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:service/app"}, "Action": "kms:Encrypt", "Resource": "*"}
        ],
    }
)
RSA = t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256
SHORT = "failed to satisfy constraint: Member must have length less than or equal to"
UNSUPPORTED, INVALID_STATE = "UnsupportedOperationException", "KMSInvalidStateException"
VALIDATION, NOT_FOUND, USAGE = "ValidationException", "NotFoundException", "InvalidKeyUsageException"

REFUSALS: tuple[Refusal, ...] = (
    # ---- errors without a text
    Refusal("Decrypt", "no ciphertext", _on("symmetric", ciphertext_blob=b"x"), "InvalidCiphertextException", None),
    Refusal("Decrypt", "a spoilt ciphertext", _spoilt, "InvalidCiphertextException", None),
    Refusal("Decrypt", "another context", _product("symmetric", encryption_context={"a": "b"}), "InvalidCiphertextException", None),
    Refusal("Verify", "another message", _product("sign", **{**SIGN, "message": b"y"}), "KMSInvalidSignatureException", None),
    Refusal("VerifyMac", "another message", _product("mac", **{**MAC, "message": b"y"}), "KMSInvalidMacException", None),
    Refusal("RotateKeyOnDemand", "an asymmetric key", _on("sign"), UNSUPPORTED, None),
    Refusal("EnableKeyRotation", "an HMAC key", _on("mac"), UNSUPPORTED, None),
    Refusal("GetPublicKey", "a symmetric key", _on("symmetric"), UNSUPPORTED, None),
    Refusal("CreateAlias", "a name of the service's own", lambda r: {"alias_name": "alias/aws/s3", "target_key_id": r.key("symmetric")},
            "NotAuthorizedException", None),
    Refusal("ImportKeyMaterial", "a forged token", lambda r: {"key_id": r.key("imported"), "import_token": b"x",
            "encrypted_key_material": b"x", **PERMANENT}, "InvalidImportTokenException", None),
    Refusal("ListKeyRotations", "a forged marker", _on("symmetric", marker="x"), "InvalidMarkerException", None),
    # ---- the order of checks
    Refusal("RotateKeyOnDemand", "a disabled asymmetric key", _on("sign", "disabled"), "DisabledException", DISABLED),
    Refusal("EnableKeyRotation", "a disabled asymmetric key", _on("sign", "disabled"), "DisabledException", DISABLED),
    Refusal("EnableKeyRotation", "imported, and pending import", _on("imported"), UNSUPPORTED,
            "{key} origin is EXTERNAL which is not valid for this operation."),
    Refusal("GetParametersForImport", "a disabled key with another origin",
            _on("symmetric", "disabled", **WRAPPING), UNSUPPORTED, "{key} origin is AWS_KMS which is not valid for this operation."),
    Refusal("GenerateMac", "a disabled key and the wrong algorithm",
            _on("mac", "disabled", message=b"x", mac_algorithm=t.MAC_ALGORITHM_SPEC_HMAC_SHA_512), "DisabledException", DISABLED),
    Refusal("Decrypt", "the key of another ciphertext", _blob_of_another, "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation."),
    Refusal("Decrypt", "an HMAC key", lambda r: {**r.products[r.key("symmetric")], "key_id": r.key("mac")}, "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation."),
    Refusal("Encrypt", "an absent key and a dry run", _named(key_id=ABSENT, plaintext=b"x", dry_run=True), NOT_FOUND,
            f"Key 'arn:aws:kms:us-east-1:111122223333:key/{ABSENT}' does not exist"),
    Refusal("Encrypt", "a dry run", _on("symmetric", plaintext=b"x", dry_run=True), "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set."),
    # ---- states
    Refusal("Encrypt", "a disabled key", _on("symmetric", "disabled", plaintext=b"x"), "DisabledException", DISABLED),
    Refusal("Encrypt", "a key at its end", _on("symmetric", "ending", plaintext=b"x"), INVALID_STATE, ENDING),
    Refusal("Encrypt", "a key without material", lambda r: {"key_id": r.key("imported", number=7), "plaintext": b"x"}, INVALID_STATE,
            "{key} is pending import."),
    Refusal("CancelKeyDeletion", "a key that is not at its end", _on("symmetric"), INVALID_STATE, "{key} is not pending deletion."),
    Refusal("ReplicateKey", "a key of one Region", _on("symmetric", replica_region=AWAY), UNSUPPORTED,
            "{key} is not a multi-region primary key."),
    Refusal("ReplicateKey", "a second replica in a Region", _replicated, "AlreadyExistsException",
            "You can create only one replica of each primary key in each AWS Region."),
    # ---- names
    Refusal("DescribeKey", "no name at all", _named(key_id="x"), NOT_FOUND, "Invalid keyId 'x'"),
    Refusal("DescribeKey", "an absent key", _named(key_id=ABSENT), NOT_FOUND,
            f"Key 'arn:aws:kms:us-east-1:111122223333:key/{ABSENT}' does not exist"),
    Refusal("DescribeKey", "an absent alias", _named(key_id="alias/nobody"), NOT_FOUND,
            "Alias arn:aws:kms:us-east-1:111122223333:alias/nobody is not found."),
    Refusal("DescribeKey", "another Region", _named(key_id=f"arn:aws:kms:eu-west-1:111122223333:key/{ABSENT}"), NOT_FOUND,
            "Invalid arn eu-west-1"),
    Refusal("EnableKey", "an alias", _named(key_id="alias/nobody"), "InvalidArnException",
            "Key Aliases are not supported for this operation."),
    Refusal("GetKeyPolicy", "another policy", _on("symmetric", policy_name="other"), NOT_FOUND, "No such policy exists"),
    Refusal("CreateAlias", "a name without its prefix", lambda r: {"alias_name": "x", "target_key_id": r.key("symmetric")}, VALIDATION,
            'Alias must start with the prefix "alias/".'),
    Refusal("CreateAlias", "an alias of an alias", _named(alias_name="alias/x", target_key_id="alias/y"), VALIDATION,
            "Aliases must refer to keys. Not aliases"),
    # ---- shape
    Refusal("ListKeys", "a limit too high", _named(limit=1001), VALIDATION,
            _is("'limit' failed to satisfy constraint: Member must have value less than or equal to 1000", "1001")),
    Refusal("ListKeys", "a limit too low", _named(limit=0), VALIDATION,
            _is("'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", "0")),
    Refusal("Encrypt", "a plaintext too long", _on("symmetric", plaintext=b"x" * 4097), VALIDATION, _is(f"'plaintext' {SHORT} 4096")),
    Refusal("Sign", "no message", _on("sign", **{**SIGN, "message": b""}), VALIDATION,
            _is("'message' failed to satisfy constraint: Member must have length greater than or equal to 1")),
    Refusal("TagResource", "a value quoted whole", _on("symmetric", tags=[t.Tag(tag_key=LONG, tag_value="")]), VALIDATION,
            _is(f"'tags.1.member.tagKey' {SHORT} 128", LONG)),
    Refusal("GenerateDataKey", "no length", _on("symmetric"), VALIDATION, "Please specify either number of bytes or key spec."),
    Refusal("GenerateRandom", "no length", _named(), VALIDATION, "NumberOfBytes is required."),
    Refusal("CreateKey", "no usage", _named(key_spec=t.KEY_SPEC_RSA_2048), VALIDATION,
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."),
    Refusal("CreateKey", "a usage that does not fit", _named(key_spec=t.KEY_SPEC_RSA_2048, key_usage=t.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC),
            VALIDATION, "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec RSA_2048"),
    # ---- usage
    Refusal("Encrypt", "a key that signs", _on("sign", plaintext=b"x"), USAGE,
            "{key} key usage is SIGN_VERIFY which is not valid for Encrypt."),
    Refusal("Sign", "an algorithm that does not fit", _on("sign", message=b"x", signing_algorithm=RSA), USAGE,
            "Algorithm RSASSA_PSS_SHA_256 is incompatible with key spec ECC_NIST_P256."),
    Refusal("Sign", "a digest of another length",
            _on("sign", **{**SIGN, "message": b"x", "message_type": t.MESSAGE_TYPE_DIGEST}), VALIDATION,
            "Digest is invalid length for algorithm ECDSA_SHA_256."),
    Refusal("GenerateDataKeyPair", "a key that signs", _on("sign", **PAIR), USAGE,
            "{key} key usage is SIGN_VERIFY which is not valid for GenerateDataKeyPair."),
    # ---- tags
    Refusal("TagResource", "a name twice", _on("symmetric", tags=[t.Tag(tag_key="k", tag_value="v")] * 2), "TagException",
            "Duplicate tag keys"),
    Refusal("TagResource", "a name of AWS", _on("symmetric", tags=[t.Tag(tag_key="aws:k", tag_value="v")]), "TagException",
            "Tags beginning with aws: are reserved"),
    Refusal("TagResource", "a name of AWS in another case", _on("symmetric", tags=[t.Tag(tag_key="AwS:k", tag_value="v")]), "TagException",
            "Tags beginning with aws: are reserved"),
    Refusal("UntagResource", "a name of AWS in another case", _on("symmetric", tag_keys=["AWS:k"]), "TagException",
            "Tags beginning with aws: are reserved"),
    Refusal("CreateKey", "a name of AWS in another case", _named(tags=[t.Tag(tag_key="Aws:k", tag_value="v")]), "TagException",
            "Tags beginning with aws: are reserved"),
    # ---- what else was recorded
    Refusal("CreateAlias", "a name that is taken", lambda r: {"alias_name": r.alias, "target_key_id": r.key("symmetric")},
            "AlreadyExistsException", "An alias with the name arn:aws:kms:us-east-1:111122223333:{alias} already exists"),
    Refusal("Encrypt", "a context for an asymmetric key", lambda r: {"key_id": _rsa(r), "plaintext": b"x", "encryption_context": {"a": "b"},
            "encryption_algorithm": OAEP}, VALIDATION,
            "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."),
    Refusal("Encrypt", "more than RSA can hold", lambda r: {"key_id": _rsa(r), "plaintext": b"x" * 191, "encryption_algorithm": OAEP},
            VALIDATION, "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."),
    Refusal("Decrypt", "an asymmetric ciphertext without a key", _named(ciphertext_blob=b"x" * 256, encryption_algorithm=OAEP), VALIDATION,
            "KeyId must not be null"),
    Refusal("ReplicateKey", "a replica", lambda r: {**_replicated(r), "key_id": r.key("symmetric")}, UNSUPPORTED,
            "{key} is not a multi-region primary key."),
    Refusal("UpdatePrimaryRegion", "a key of one Region", _on("symmetric", primary_region=AWAY), UNSUPPORTED,
            "{key} is not a multi-Region key."),
    Refusal("RotateKeyOnDemand", "imported, with nothing that waits", lambda r: {"key_id": _imported(r)}, INVALID_STATE,
            "No available key material pending rotation for the key: {key}."),
    Refusal("RotateKeyOnDemand", "imported, without material", lambda r: {"key_id": r.key("imported", number=10)}, INVALID_STATE,
            "{key} is pending import."),
    Refusal("ImportKeyMaterial", "an end without its model", lambda r: {"key_id": r.key("imported"), "import_token": b"x",
            "encrypted_key_material": b"x", "expiration_model": EXPIRES}, VALIDATION,
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"),
    Refusal("CreateKey", "post-quantum, imported", _named(key_spec=t.KEY_SPEC_ML_DSA_44, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY,
            origin=t.ORIGIN_TYPE_EXTERNAL), VALIDATION, "KeySpec ML_DSA_44 is not supported for Origin EXTERNAL"),
    Refusal("CreateKey", "both names of a spec", _named(key_spec=t.KEY_SPEC_SYMMETRIC_DEFAULT,
            customer_master_key_spec=t.CUSTOMER_MASTER_KEY_SPEC_SYMMETRIC_DEFAULT), VALIDATION,
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."),
    Refusal("ListKeyRotations", "the materials of a key that has none", _on("mac", include_key_material=EVERYTHING), VALIDATION,
            "Input parameter includeKeyMaterial can only be used with symmetric keys."),
    Refusal("CreateGrant", "no principal", _on("symmetric", grantee_principal="arn:aws:iam::nobody",
            operations=[t.GRANT_OPERATION_DESCRIBE_KEY]), "InvalidArnException", "ARN is not valid: arn:aws:iam::nobody"),
    Refusal("TagResource", "a character that no tag has", _on("symmetric", tags=[t.Tag(tag_key="k", tag_value="a&b")]), "TagException",
            "Invalid tag"),
    Refusal("DisableKeyRotation", "a replica is not asked, an imported key is", _on("imported"), UNSUPPORTED,
            "{key} origin is EXTERNAL which is not valid for this operation."),
    Refusal("PutKeyPolicy", "a policy that locks its caller out", _on("symmetric", policy=LOCKS_OUT), "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future."),
)  # fmt: skip
