"""THE table of a client: every operation as it is sent. Generated from the contract by `make gen`."""

from __future__ import annotations

from typing import Any, Final

from meridian.access.v1 import access_pb2
from meridian.batch.v1 import batch_pb2
from meridian.caller.v1 import caller_pb2
from meridian.client.method import Batch, Method
from meridian.kms.v1 import (
    aliases_pb2,
    data_keys_pb2,
    encryption_pb2,
    grants_pb2,
    imports_pb2,
    key_agreement_pb2,
    key_policies_pb2,
    key_stores_pb2,
    keys_pb2,
    macs_pb2,
    multi_region_pb2,
    rotation_pb2,
    signing_pb2,
    tags_pb2,
)

CREATE_KEY: Final = Method(
    "CreateKey", "/meridian.kms.v1.KeysService/CreateKey", keys_pb2.CreateKeyRequest, keys_pb2.CreateKeyResponse, 30.0, takes_token=True
)

DESCRIBE_KEY: Final = Method(
    "DescribeKey",
    "/meridian.kms.v1.KeysService/DescribeKey",
    keys_pb2.DescribeKeyRequest,
    keys_pb2.DescribeKeyResponse,
    10.0,
    takes_token=False,
)

LIST_KEYS: Final = Method(
    "ListKeys", "/meridian.kms.v1.KeysService/ListKeys", keys_pb2.ListKeysRequest, keys_pb2.ListKeysResponse, 10.0, takes_token=False
)

ENABLE_KEY: Final = Method(
    "EnableKey", "/meridian.kms.v1.KeysService/EnableKey", keys_pb2.EnableKeyRequest, keys_pb2.EnableKeyResponse, 10.0, takes_token=True
)

DISABLE_KEY: Final = Method(
    "DisableKey", "/meridian.kms.v1.KeysService/DisableKey", keys_pb2.DisableKeyRequest, keys_pb2.DisableKeyResponse, 10.0, takes_token=True
)

UPDATE_KEY_DESCRIPTION: Final = Method(
    "UpdateKeyDescription",
    "/meridian.kms.v1.KeysService/UpdateKeyDescription",
    keys_pb2.UpdateKeyDescriptionRequest,
    keys_pb2.UpdateKeyDescriptionResponse,
    10.0,
    takes_token=True,
)

SCHEDULE_KEY_DELETION: Final = Method(
    "ScheduleKeyDeletion",
    "/meridian.kms.v1.KeysService/ScheduleKeyDeletion",
    keys_pb2.ScheduleKeyDeletionRequest,
    keys_pb2.ScheduleKeyDeletionResponse,
    10.0,
    takes_token=True,
)

CANCEL_KEY_DELETION: Final = Method(
    "CancelKeyDeletion",
    "/meridian.kms.v1.KeysService/CancelKeyDeletion",
    keys_pb2.CancelKeyDeletionRequest,
    keys_pb2.CancelKeyDeletionResponse,
    10.0,
    takes_token=True,
)

GET_KEY_LAST_USAGE: Final = Method(
    "GetKeyLastUsage",
    "/meridian.kms.v1.KeysService/GetKeyLastUsage",
    keys_pb2.GetKeyLastUsageRequest,
    keys_pb2.GetKeyLastUsageResponse,
    10.0,
    takes_token=False,
)

CREATE_ALIAS: Final = Method(
    "CreateAlias",
    "/meridian.kms.v1.AliasesService/CreateAlias",
    aliases_pb2.CreateAliasRequest,
    aliases_pb2.CreateAliasResponse,
    10.0,
    takes_token=True,
)

UPDATE_ALIAS: Final = Method(
    "UpdateAlias",
    "/meridian.kms.v1.AliasesService/UpdateAlias",
    aliases_pb2.UpdateAliasRequest,
    aliases_pb2.UpdateAliasResponse,
    10.0,
    takes_token=True,
)

DELETE_ALIAS: Final = Method(
    "DeleteAlias",
    "/meridian.kms.v1.AliasesService/DeleteAlias",
    aliases_pb2.DeleteAliasRequest,
    aliases_pb2.DeleteAliasResponse,
    10.0,
    takes_token=True,
)

LIST_ALIASES: Final = Method(
    "ListAliases",
    "/meridian.kms.v1.AliasesService/ListAliases",
    aliases_pb2.ListAliasesRequest,
    aliases_pb2.ListAliasesResponse,
    10.0,
    takes_token=False,
)

PUT_KEY_POLICY: Final = Method(
    "PutKeyPolicy",
    "/meridian.kms.v1.KeyPoliciesService/PutKeyPolicy",
    key_policies_pb2.PutKeyPolicyRequest,
    key_policies_pb2.PutKeyPolicyResponse,
    10.0,
    takes_token=True,
)

GET_KEY_POLICY: Final = Method(
    "GetKeyPolicy",
    "/meridian.kms.v1.KeyPoliciesService/GetKeyPolicy",
    key_policies_pb2.GetKeyPolicyRequest,
    key_policies_pb2.GetKeyPolicyResponse,
    10.0,
    takes_token=False,
)

LIST_KEY_POLICIES: Final = Method(
    "ListKeyPolicies",
    "/meridian.kms.v1.KeyPoliciesService/ListKeyPolicies",
    key_policies_pb2.ListKeyPoliciesRequest,
    key_policies_pb2.ListKeyPoliciesResponse,
    10.0,
    takes_token=False,
)

CREATE_GRANT: Final = Method(
    "CreateGrant",
    "/meridian.kms.v1.GrantsService/CreateGrant",
    grants_pb2.CreateGrantRequest,
    grants_pb2.CreateGrantResponse,
    10.0,
    takes_token=True,
)

LIST_GRANTS: Final = Method(
    "ListGrants",
    "/meridian.kms.v1.GrantsService/ListGrants",
    grants_pb2.ListGrantsRequest,
    grants_pb2.ListGrantsResponse,
    10.0,
    takes_token=False,
)

LIST_RETIRABLE_GRANTS: Final = Method(
    "ListRetirableGrants",
    "/meridian.kms.v1.GrantsService/ListRetirableGrants",
    grants_pb2.ListRetirableGrantsRequest,
    grants_pb2.ListRetirableGrantsResponse,
    10.0,
    takes_token=False,
)

RETIRE_GRANT: Final = Method(
    "RetireGrant",
    "/meridian.kms.v1.GrantsService/RetireGrant",
    grants_pb2.RetireGrantRequest,
    grants_pb2.RetireGrantResponse,
    10.0,
    takes_token=True,
)

REVOKE_GRANT: Final = Method(
    "RevokeGrant",
    "/meridian.kms.v1.GrantsService/RevokeGrant",
    grants_pb2.RevokeGrantRequest,
    grants_pb2.RevokeGrantResponse,
    10.0,
    takes_token=True,
)

TAG_RESOURCE: Final = Method(
    "TagResource",
    "/meridian.kms.v1.TagsService/TagResource",
    tags_pb2.TagResourceRequest,
    tags_pb2.TagResourceResponse,
    10.0,
    takes_token=True,
)

UNTAG_RESOURCE: Final = Method(
    "UntagResource",
    "/meridian.kms.v1.TagsService/UntagResource",
    tags_pb2.UntagResourceRequest,
    tags_pb2.UntagResourceResponse,
    10.0,
    takes_token=True,
)

LIST_RESOURCE_TAGS: Final = Method(
    "ListResourceTags",
    "/meridian.kms.v1.TagsService/ListResourceTags",
    tags_pb2.ListResourceTagsRequest,
    tags_pb2.ListResourceTagsResponse,
    10.0,
    takes_token=False,
)

ENABLE_KEY_ROTATION: Final = Method(
    "EnableKeyRotation",
    "/meridian.kms.v1.RotationService/EnableKeyRotation",
    rotation_pb2.EnableKeyRotationRequest,
    rotation_pb2.EnableKeyRotationResponse,
    10.0,
    takes_token=True,
)

DISABLE_KEY_ROTATION: Final = Method(
    "DisableKeyRotation",
    "/meridian.kms.v1.RotationService/DisableKeyRotation",
    rotation_pb2.DisableKeyRotationRequest,
    rotation_pb2.DisableKeyRotationResponse,
    10.0,
    takes_token=True,
)

GET_KEY_ROTATION_STATUS: Final = Method(
    "GetKeyRotationStatus",
    "/meridian.kms.v1.RotationService/GetKeyRotationStatus",
    rotation_pb2.GetKeyRotationStatusRequest,
    rotation_pb2.GetKeyRotationStatusResponse,
    10.0,
    takes_token=False,
)

ROTATE_KEY_ON_DEMAND: Final = Method(
    "RotateKeyOnDemand",
    "/meridian.kms.v1.RotationService/RotateKeyOnDemand",
    rotation_pb2.RotateKeyOnDemandRequest,
    rotation_pb2.RotateKeyOnDemandResponse,
    10.0,
    takes_token=True,
)

LIST_KEY_ROTATIONS: Final = Method(
    "ListKeyRotations",
    "/meridian.kms.v1.RotationService/ListKeyRotations",
    rotation_pb2.ListKeyRotationsRequest,
    rotation_pb2.ListKeyRotationsResponse,
    10.0,
    takes_token=False,
)

GET_PARAMETERS_FOR_IMPORT: Final = Method(
    "GetParametersForImport",
    "/meridian.kms.v1.ImportsService/GetParametersForImport",
    imports_pb2.GetParametersForImportRequest,
    imports_pb2.GetParametersForImportResponse,
    30.0,
    takes_token=False,
)

IMPORT_KEY_MATERIAL: Final = Method(
    "ImportKeyMaterial",
    "/meridian.kms.v1.ImportsService/ImportKeyMaterial",
    imports_pb2.ImportKeyMaterialRequest,
    imports_pb2.ImportKeyMaterialResponse,
    30.0,
    takes_token=True,
)

DELETE_IMPORTED_KEY_MATERIAL: Final = Method(
    "DeleteImportedKeyMaterial",
    "/meridian.kms.v1.ImportsService/DeleteImportedKeyMaterial",
    imports_pb2.DeleteImportedKeyMaterialRequest,
    imports_pb2.DeleteImportedKeyMaterialResponse,
    10.0,
    takes_token=True,
)

REPLICATE_KEY: Final = Method(
    "ReplicateKey",
    "/meridian.kms.v1.MultiRegionService/ReplicateKey",
    multi_region_pb2.ReplicateKeyRequest,
    multi_region_pb2.ReplicateKeyResponse,
    10.0,
    takes_token=True,
)

UPDATE_PRIMARY_REGION: Final = Method(
    "UpdatePrimaryRegion",
    "/meridian.kms.v1.MultiRegionService/UpdatePrimaryRegion",
    multi_region_pb2.UpdatePrimaryRegionRequest,
    multi_region_pb2.UpdatePrimaryRegionResponse,
    10.0,
    takes_token=True,
)

CREATE_CUSTOM_KEY_STORE: Final = Method(
    "CreateCustomKeyStore",
    "/meridian.kms.v1.KeyStoresService/CreateCustomKeyStore",
    key_stores_pb2.CreateCustomKeyStoreRequest,
    key_stores_pb2.CreateCustomKeyStoreResponse,
    10.0,
    takes_token=True,
)

DESCRIBE_CUSTOM_KEY_STORES: Final = Method(
    "DescribeCustomKeyStores",
    "/meridian.kms.v1.KeyStoresService/DescribeCustomKeyStores",
    key_stores_pb2.DescribeCustomKeyStoresRequest,
    key_stores_pb2.DescribeCustomKeyStoresResponse,
    10.0,
    takes_token=False,
)

UPDATE_CUSTOM_KEY_STORE: Final = Method(
    "UpdateCustomKeyStore",
    "/meridian.kms.v1.KeyStoresService/UpdateCustomKeyStore",
    key_stores_pb2.UpdateCustomKeyStoreRequest,
    key_stores_pb2.UpdateCustomKeyStoreResponse,
    10.0,
    takes_token=True,
)

CONNECT_CUSTOM_KEY_STORE: Final = Method(
    "ConnectCustomKeyStore",
    "/meridian.kms.v1.KeyStoresService/ConnectCustomKeyStore",
    key_stores_pb2.ConnectCustomKeyStoreRequest,
    key_stores_pb2.ConnectCustomKeyStoreResponse,
    10.0,
    takes_token=True,
)

DISCONNECT_CUSTOM_KEY_STORE: Final = Method(
    "DisconnectCustomKeyStore",
    "/meridian.kms.v1.KeyStoresService/DisconnectCustomKeyStore",
    key_stores_pb2.DisconnectCustomKeyStoreRequest,
    key_stores_pb2.DisconnectCustomKeyStoreResponse,
    10.0,
    takes_token=True,
)

DELETE_CUSTOM_KEY_STORE: Final = Method(
    "DeleteCustomKeyStore",
    "/meridian.kms.v1.KeyStoresService/DeleteCustomKeyStore",
    key_stores_pb2.DeleteCustomKeyStoreRequest,
    key_stores_pb2.DeleteCustomKeyStoreResponse,
    10.0,
    takes_token=True,
)

ENCRYPT: Final = Method(
    "Encrypt",
    "/meridian.kms.v1.EncryptionService/Encrypt",
    encryption_pb2.EncryptRequest,
    encryption_pb2.EncryptResponse,
    5.0,
    takes_token=False,
)

DECRYPT: Final = Method(
    "Decrypt",
    "/meridian.kms.v1.EncryptionService/Decrypt",
    encryption_pb2.DecryptRequest,
    encryption_pb2.DecryptResponse,
    5.0,
    takes_token=False,
)

RE_ENCRYPT: Final = Method(
    "ReEncrypt",
    "/meridian.kms.v1.EncryptionService/ReEncrypt",
    encryption_pb2.ReEncryptRequest,
    encryption_pb2.ReEncryptResponse,
    5.0,
    takes_token=False,
)

GENERATE_DATA_KEY: Final = Method(
    "GenerateDataKey",
    "/meridian.kms.v1.DataKeysService/GenerateDataKey",
    data_keys_pb2.GenerateDataKeyRequest,
    data_keys_pb2.GenerateDataKeyResponse,
    5.0,
    takes_token=False,
)

GENERATE_DATA_KEY_WITHOUT_PLAINTEXT: Final = Method(
    "GenerateDataKeyWithoutPlaintext",
    "/meridian.kms.v1.DataKeysService/GenerateDataKeyWithoutPlaintext",
    data_keys_pb2.GenerateDataKeyWithoutPlaintextRequest,
    data_keys_pb2.GenerateDataKeyWithoutPlaintextResponse,
    5.0,
    takes_token=False,
)

GENERATE_DATA_KEY_PAIR: Final = Method(
    "GenerateDataKeyPair",
    "/meridian.kms.v1.DataKeysService/GenerateDataKeyPair",
    data_keys_pb2.GenerateDataKeyPairRequest,
    data_keys_pb2.GenerateDataKeyPairResponse,
    30.0,
    takes_token=False,
)

GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: Final = Method(
    "GenerateDataKeyPairWithoutPlaintext",
    "/meridian.kms.v1.DataKeysService/GenerateDataKeyPairWithoutPlaintext",
    data_keys_pb2.GenerateDataKeyPairWithoutPlaintextRequest,
    data_keys_pb2.GenerateDataKeyPairWithoutPlaintextResponse,
    30.0,
    takes_token=False,
)

GENERATE_RANDOM: Final = Method(
    "GenerateRandom",
    "/meridian.kms.v1.DataKeysService/GenerateRandom",
    data_keys_pb2.GenerateRandomRequest,
    data_keys_pb2.GenerateRandomResponse,
    5.0,
    takes_token=False,
)

SIGN: Final = Method(
    "Sign", "/meridian.kms.v1.SigningService/Sign", signing_pb2.SignRequest, signing_pb2.SignResponse, 5.0, takes_token=False
)

VERIFY: Final = Method(
    "Verify", "/meridian.kms.v1.SigningService/Verify", signing_pb2.VerifyRequest, signing_pb2.VerifyResponse, 5.0, takes_token=False
)

GET_PUBLIC_KEY: Final = Method(
    "GetPublicKey",
    "/meridian.kms.v1.SigningService/GetPublicKey",
    signing_pb2.GetPublicKeyRequest,
    signing_pb2.GetPublicKeyResponse,
    10.0,
    takes_token=False,
)

GENERATE_MAC: Final = Method(
    "GenerateMac",
    "/meridian.kms.v1.MacsService/GenerateMac",
    macs_pb2.GenerateMacRequest,
    macs_pb2.GenerateMacResponse,
    5.0,
    takes_token=False,
)

VERIFY_MAC: Final = Method(
    "VerifyMac", "/meridian.kms.v1.MacsService/VerifyMac", macs_pb2.VerifyMacRequest, macs_pb2.VerifyMacResponse, 5.0, takes_token=False
)

DERIVE_SHARED_SECRET: Final = Method(
    "DeriveSharedSecret",
    "/meridian.kms.v1.KeyAgreementService/DeriveSharedSecret",
    key_agreement_pb2.DeriveSharedSecretRequest,
    key_agreement_pb2.DeriveSharedSecretResponse,
    5.0,
    takes_token=False,
)

ENCAPSULATE: Final = Method(
    "Encapsulate",
    "/meridian.kms.v1.KeyAgreementService/Encapsulate",
    key_agreement_pb2.EncapsulateRequest,
    key_agreement_pb2.EncapsulateResponse,
    5.0,
    takes_token=False,
)

DECAPSULATE: Final = Method(
    "Decapsulate",
    "/meridian.kms.v1.KeyAgreementService/Decapsulate",
    key_agreement_pb2.DecapsulateRequest,
    key_agreement_pb2.DecapsulateResponse,
    5.0,
    takes_token=False,
)

DESCRIBE_POLICY_SET: Final = Method(
    "DescribePolicySet",
    "/meridian.access.v1.AccessService/DescribePolicySet",
    access_pb2.DescribePolicySetRequest,
    access_pb2.DescribePolicySetResponse,
    10.0,
    takes_token=False,
)

CHECK_ACCESS: Final = Method(
    "CheckAccess",
    "/meridian.access.v1.AccessService/CheckAccess",
    access_pb2.CheckAccessRequest,
    access_pb2.CheckAccessResponse,
    10.0,
    takes_token=False,
)

TRY_POLICIES: Final = Method(
    "TryPolicies",
    "/meridian.access.v1.AccessService/TryPolicies",
    access_pb2.TryPoliciesRequest,
    access_pb2.TryPoliciesResponse,
    30.0,
    takes_token=False,
)

DESCRIBE_REGIONS: Final = Method(
    "DescribeRegions",
    "/meridian.access.v1.AccessService/DescribeRegions",
    access_pb2.DescribeRegionsRequest,
    access_pb2.DescribeRegionsResponse,
    10.0,
    takes_token=False,
)

DESCRIBE_AUDIT: Final = Method(
    "DescribeAudit",
    "/meridian.access.v1.AccessService/DescribeAudit",
    access_pb2.DescribeAuditRequest,
    access_pb2.DescribeAuditResponse,
    10.0,
    takes_token=False,
)

LIST_DECISIONS: Final = Method(
    "ListDecisions",
    "/meridian.access.v1.AccessService/ListDecisions",
    access_pb2.ListDecisionsRequest,
    access_pb2.ListDecisionsResponse,
    10.0,
    takes_token=False,
)

EXPLAIN_DECISION: Final = Method(
    "ExplainDecision",
    "/meridian.access.v1.AccessService/ExplainDecision",
    access_pb2.ExplainDecisionRequest,
    access_pb2.ExplainDecisionResponse,
    10.0,
    takes_token=False,
)

DESCRIBE_EXTERNAL_KEY: Final = Method(
    "DescribeExternalKey",
    "/meridian.access.v1.AccessService/DescribeExternalKey",
    access_pb2.DescribeExternalKeyRequest,
    access_pb2.DescribeExternalKeyResponse,
    10.0,
    takes_token=False,
)

WHO_AM_I: Final = Method(
    "WhoAmI", "/meridian.caller.v1.CallerService/WhoAmI", caller_pb2.WhoAmIRequest, caller_pb2.WhoAmIResponse, 10.0, takes_token=False
)

ENCRYPT_BATCH: Final = Method(
    "EncryptBatch",
    "/meridian.batch.v1.BatchService/EncryptBatch",
    batch_pb2.EncryptBatchRequest,
    batch_pb2.EncryptBatchResponse,
    5.0,
    takes_token=False,
)

DECRYPT_BATCH: Final = Method(
    "DecryptBatch",
    "/meridian.batch.v1.BatchService/DecryptBatch",
    batch_pb2.DecryptBatchRequest,
    batch_pb2.DecryptBatchResponse,
    5.0,
    takes_token=False,
)

GENERATE_DATA_KEY_BATCH: Final = Method(
    "GenerateDataKeyBatch",
    "/meridian.batch.v1.BatchService/GenerateDataKeyBatch",
    batch_pb2.GenerateDataKeyBatchRequest,
    batch_pb2.GenerateDataKeyBatchResponse,
    5.0,
    takes_token=False,
)

RE_ENCRYPT_BATCH: Final = Method(
    "ReEncryptBatch",
    "/meridian.batch.v1.BatchService/ReEncryptBatch",
    batch_pb2.ReEncryptBatchRequest,
    batch_pb2.ReEncryptBatchResponse,
    5.0,
    takes_token=False,
)

ALL: Final[tuple[Method[Any, Any], ...]] = (
    CREATE_KEY,
    DESCRIBE_KEY,
    LIST_KEYS,
    ENABLE_KEY,
    DISABLE_KEY,
    UPDATE_KEY_DESCRIPTION,
    SCHEDULE_KEY_DELETION,
    CANCEL_KEY_DELETION,
    GET_KEY_LAST_USAGE,
    CREATE_ALIAS,
    UPDATE_ALIAS,
    DELETE_ALIAS,
    LIST_ALIASES,
    PUT_KEY_POLICY,
    GET_KEY_POLICY,
    LIST_KEY_POLICIES,
    CREATE_GRANT,
    LIST_GRANTS,
    LIST_RETIRABLE_GRANTS,
    RETIRE_GRANT,
    REVOKE_GRANT,
    TAG_RESOURCE,
    UNTAG_RESOURCE,
    LIST_RESOURCE_TAGS,
    ENABLE_KEY_ROTATION,
    DISABLE_KEY_ROTATION,
    GET_KEY_ROTATION_STATUS,
    ROTATE_KEY_ON_DEMAND,
    LIST_KEY_ROTATIONS,
    GET_PARAMETERS_FOR_IMPORT,
    IMPORT_KEY_MATERIAL,
    DELETE_IMPORTED_KEY_MATERIAL,
    REPLICATE_KEY,
    UPDATE_PRIMARY_REGION,
    CREATE_CUSTOM_KEY_STORE,
    DESCRIBE_CUSTOM_KEY_STORES,
    UPDATE_CUSTOM_KEY_STORE,
    CONNECT_CUSTOM_KEY_STORE,
    DISCONNECT_CUSTOM_KEY_STORE,
    DELETE_CUSTOM_KEY_STORE,
    ENCRYPT,
    DECRYPT,
    RE_ENCRYPT,
    GENERATE_DATA_KEY,
    GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
    GENERATE_DATA_KEY_PAIR,
    GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
    GENERATE_RANDOM,
    SIGN,
    VERIFY,
    GET_PUBLIC_KEY,
    GENERATE_MAC,
    VERIFY_MAC,
    DERIVE_SHARED_SECRET,
    ENCAPSULATE,
    DECAPSULATE,
    DESCRIBE_POLICY_SET,
    CHECK_ACCESS,
    TRY_POLICIES,
    DESCRIBE_REGIONS,
    DESCRIBE_AUDIT,
    LIST_DECISIONS,
    EXPLAIN_DECISION,
    DESCRIBE_EXTERNAL_KEY,
    WHO_AM_I,
    ENCRYPT_BATCH,
    DECRYPT_BATCH,
    GENERATE_DATA_KEY_BATCH,
    RE_ENCRYPT_BATCH,
)

BY_PATH: Final[dict[str, Method[Any, Any]]] = {each.path: each for each in ALL}

BATCHES: Final = {
    "EncryptBatch": Batch(encryption_pb2.EncryptRequest, 100),
    "DecryptBatch": Batch(encryption_pb2.DecryptRequest, 100),
    "GenerateDataKeyBatch": Batch(data_keys_pb2.GenerateDataKeyRequest, 100),
    "ReEncryptBatch": Batch(encryption_pb2.ReEncryptRequest, 100),
}

BATCH_BYTES_MAX: Final = 262_144
"""Of the message of a batch."""
