"""AWS's words of each enum beside its numbers. Generated from the contract by `make gen`."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from meridian.access.v1 import access_pb2
from meridian.client.enum_words import EnumWords
from meridian.kms.v1 import types_pb2

AlgorithmSpecWord: TypeAlias = Literal[
    "RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "SM2PKE"
]

AlgorithmSpec: TypeAlias = AlgorithmSpecWord | types_pb2.AlgorithmSpec.ValueType

ALGORITHM_SPEC: Final[EnumWords[AlgorithmSpecWord, types_pb2.AlgorithmSpec.ValueType]] = EnumWords(
    "AlgorithmSpec",
    {
        "RSAES_PKCS1_V1_5": types_pb2.ALGORITHM_SPEC_RSAES_PKCS1_V1_5,
        "RSAES_OAEP_SHA_1": types_pb2.ALGORITHM_SPEC_RSAES_OAEP_SHA_1,
        "RSAES_OAEP_SHA_256": types_pb2.ALGORITHM_SPEC_RSAES_OAEP_SHA_256,
        "RSA_AES_KEY_WRAP_SHA_1": types_pb2.ALGORITHM_SPEC_RSA_AES_KEY_WRAP_SHA_1,
        "RSA_AES_KEY_WRAP_SHA_256": types_pb2.ALGORITHM_SPEC_RSA_AES_KEY_WRAP_SHA_256,
        "SM2PKE": types_pb2.ALGORITHM_SPEC_SM2PKE,
    },
)

ConnectionErrorCodeTypeWord: TypeAlias = Literal[
    "INVALID_CREDENTIALS",
    "CLUSTER_NOT_FOUND",
    "NETWORK_ERRORS",
    "INTERNAL_ERROR",
    "INSUFFICIENT_CLOUDHSM_HSMS",
    "USER_LOCKED_OUT",
    "USER_NOT_FOUND",
    "USER_LOGGED_IN",
    "SUBNET_NOT_FOUND",
    "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
    "XKS_PROXY_ACCESS_DENIED",
    "XKS_PROXY_NOT_REACHABLE",
    "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND",
    "XKS_PROXY_INVALID_RESPONSE",
    "XKS_PROXY_INVALID_CONFIGURATION",
    "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
    "XKS_PROXY_TIMED_OUT",
    "XKS_PROXY_INVALID_TLS_CONFIGURATION",
]

ConnectionErrorCodeType: TypeAlias = ConnectionErrorCodeTypeWord | types_pb2.ConnectionErrorCodeType.ValueType

CONNECTION_ERROR_CODE_TYPE: Final[EnumWords[ConnectionErrorCodeTypeWord, types_pb2.ConnectionErrorCodeType.ValueType]] = EnumWords(
    "ConnectionErrorCodeType",
    {
        "INVALID_CREDENTIALS": types_pb2.CONNECTION_ERROR_CODE_TYPE_INVALID_CREDENTIALS,
        "CLUSTER_NOT_FOUND": types_pb2.CONNECTION_ERROR_CODE_TYPE_CLUSTER_NOT_FOUND,
        "NETWORK_ERRORS": types_pb2.CONNECTION_ERROR_CODE_TYPE_NETWORK_ERRORS,
        "INTERNAL_ERROR": types_pb2.CONNECTION_ERROR_CODE_TYPE_INTERNAL_ERROR,
        "INSUFFICIENT_CLOUDHSM_HSMS": types_pb2.CONNECTION_ERROR_CODE_TYPE_INSUFFICIENT_CLOUDHSM_HSMS,
        "USER_LOCKED_OUT": types_pb2.CONNECTION_ERROR_CODE_TYPE_USER_LOCKED_OUT,
        "USER_NOT_FOUND": types_pb2.CONNECTION_ERROR_CODE_TYPE_USER_NOT_FOUND,
        "USER_LOGGED_IN": types_pb2.CONNECTION_ERROR_CODE_TYPE_USER_LOGGED_IN,
        "SUBNET_NOT_FOUND": types_pb2.CONNECTION_ERROR_CODE_TYPE_SUBNET_NOT_FOUND,
        "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET": types_pb2.CONNECTION_ERROR_CODE_TYPE_INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET,
        "XKS_PROXY_ACCESS_DENIED": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_PROXY_ACCESS_DENIED,
        "XKS_PROXY_NOT_REACHABLE": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_PROXY_NOT_REACHABLE,
        "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND,
        "XKS_PROXY_INVALID_RESPONSE": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_PROXY_INVALID_RESPONSE,
        "XKS_PROXY_INVALID_CONFIGURATION": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_PROXY_INVALID_CONFIGURATION,
        "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION,
        "XKS_PROXY_TIMED_OUT": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_PROXY_TIMED_OUT,
        "XKS_PROXY_INVALID_TLS_CONFIGURATION": types_pb2.CONNECTION_ERROR_CODE_TYPE_XKS_PROXY_INVALID_TLS_CONFIGURATION,
    },
)

ConnectionStateTypeWord: TypeAlias = Literal["CONNECTED", "CONNECTING", "FAILED", "DISCONNECTED", "DISCONNECTING"]

ConnectionStateType: TypeAlias = ConnectionStateTypeWord | types_pb2.ConnectionStateType.ValueType

CONNECTION_STATE_TYPE: Final[EnumWords[ConnectionStateTypeWord, types_pb2.ConnectionStateType.ValueType]] = EnumWords(
    "ConnectionStateType",
    {
        "CONNECTED": types_pb2.CONNECTION_STATE_TYPE_CONNECTED,
        "CONNECTING": types_pb2.CONNECTION_STATE_TYPE_CONNECTING,
        "FAILED": types_pb2.CONNECTION_STATE_TYPE_FAILED,
        "DISCONNECTED": types_pb2.CONNECTION_STATE_TYPE_DISCONNECTED,
        "DISCONNECTING": types_pb2.CONNECTION_STATE_TYPE_DISCONNECTING,
    },
)

CustomKeyStoreTypeWord: TypeAlias = Literal["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]

CustomKeyStoreType: TypeAlias = CustomKeyStoreTypeWord | types_pb2.CustomKeyStoreType.ValueType

CUSTOM_KEY_STORE_TYPE: Final[EnumWords[CustomKeyStoreTypeWord, types_pb2.CustomKeyStoreType.ValueType]] = EnumWords(
    "CustomKeyStoreType",
    {
        "AWS_CLOUDHSM": types_pb2.CUSTOM_KEY_STORE_TYPE_AWS_CLOUDHSM,
        "EXTERNAL_KEY_STORE": types_pb2.CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
    },
)

CustomerMasterKeySpecWord: TypeAlias = Literal[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
]

CustomerMasterKeySpec: TypeAlias = CustomerMasterKeySpecWord | types_pb2.CustomerMasterKeySpec.ValueType

CUSTOMER_MASTER_KEY_SPEC: Final[EnumWords[CustomerMasterKeySpecWord, types_pb2.CustomerMasterKeySpec.ValueType]] = EnumWords(
    "CustomerMasterKeySpec",
    {
        "RSA_2048": types_pb2.CUSTOMER_MASTER_KEY_SPEC_RSA_2048,
        "RSA_3072": types_pb2.CUSTOMER_MASTER_KEY_SPEC_RSA_3072,
        "RSA_4096": types_pb2.CUSTOMER_MASTER_KEY_SPEC_RSA_4096,
        "ECC_NIST_P256": types_pb2.CUSTOMER_MASTER_KEY_SPEC_ECC_NIST_P256,
        "ECC_NIST_P384": types_pb2.CUSTOMER_MASTER_KEY_SPEC_ECC_NIST_P384,
        "ECC_NIST_P521": types_pb2.CUSTOMER_MASTER_KEY_SPEC_ECC_NIST_P521,
        "ECC_SECG_P256K1": types_pb2.CUSTOMER_MASTER_KEY_SPEC_ECC_SECG_P256K1,
        "SYMMETRIC_DEFAULT": types_pb2.CUSTOMER_MASTER_KEY_SPEC_SYMMETRIC_DEFAULT,
        "HMAC_224": types_pb2.CUSTOMER_MASTER_KEY_SPEC_HMAC_224,
        "HMAC_256": types_pb2.CUSTOMER_MASTER_KEY_SPEC_HMAC_256,
        "HMAC_384": types_pb2.CUSTOMER_MASTER_KEY_SPEC_HMAC_384,
        "HMAC_512": types_pb2.CUSTOMER_MASTER_KEY_SPEC_HMAC_512,
        "SM2": types_pb2.CUSTOMER_MASTER_KEY_SPEC_SM2,
    },
)

DataKeyPairSpecWord: TypeAlias = Literal[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SM2",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
]

DataKeyPairSpec: TypeAlias = DataKeyPairSpecWord | types_pb2.DataKeyPairSpec.ValueType

DATA_KEY_PAIR_SPEC: Final[EnumWords[DataKeyPairSpecWord, types_pb2.DataKeyPairSpec.ValueType]] = EnumWords(
    "DataKeyPairSpec",
    {
        "RSA_2048": types_pb2.DATA_KEY_PAIR_SPEC_RSA_2048,
        "RSA_3072": types_pb2.DATA_KEY_PAIR_SPEC_RSA_3072,
        "RSA_4096": types_pb2.DATA_KEY_PAIR_SPEC_RSA_4096,
        "ECC_NIST_P256": types_pb2.DATA_KEY_PAIR_SPEC_ECC_NIST_P256,
        "ECC_NIST_P384": types_pb2.DATA_KEY_PAIR_SPEC_ECC_NIST_P384,
        "ECC_NIST_P521": types_pb2.DATA_KEY_PAIR_SPEC_ECC_NIST_P521,
        "ECC_SECG_P256K1": types_pb2.DATA_KEY_PAIR_SPEC_ECC_SECG_P256K1,
        "SM2": types_pb2.DATA_KEY_PAIR_SPEC_SM2,
        "ECC_NIST_EDWARDS25519": types_pb2.DATA_KEY_PAIR_SPEC_ECC_NIST_EDWARDS25519,
        "ML_KEM_512": types_pb2.DATA_KEY_PAIR_SPEC_ML_KEM_512,
        "ML_KEM_768": types_pb2.DATA_KEY_PAIR_SPEC_ML_KEM_768,
        "ML_KEM_1024": types_pb2.DATA_KEY_PAIR_SPEC_ML_KEM_1024,
    },
)

DataKeySpecWord: TypeAlias = Literal["AES_256", "AES_128"]

DataKeySpec: TypeAlias = DataKeySpecWord | types_pb2.DataKeySpec.ValueType

DATA_KEY_SPEC: Final[EnumWords[DataKeySpecWord, types_pb2.DataKeySpec.ValueType]] = EnumWords(
    "DataKeySpec", {"AES_256": types_pb2.DATA_KEY_SPEC_AES_256, "AES_128": types_pb2.DATA_KEY_SPEC_AES_128}
)

DryRunModifierTypeWord: TypeAlias = Literal["IGNORE_CIPHERTEXT"]

DryRunModifierType: TypeAlias = DryRunModifierTypeWord | types_pb2.DryRunModifierType.ValueType

DRY_RUN_MODIFIER_TYPE: Final[EnumWords[DryRunModifierTypeWord, types_pb2.DryRunModifierType.ValueType]] = EnumWords(
    "DryRunModifierType", {"IGNORE_CIPHERTEXT": types_pb2.DRY_RUN_MODIFIER_TYPE_IGNORE_CIPHERTEXT}
)

EffectWord: TypeAlias = Literal["ALLOW", "DENY"]

Effect: TypeAlias = EffectWord | access_pb2.Effect.ValueType

EFFECT: Final[EnumWords[EffectWord, access_pb2.Effect.ValueType]] = EnumWords(
    "Effect", {"ALLOW": access_pb2.EFFECT_ALLOW, "DENY": access_pb2.EFFECT_DENY}
)

EncapsulationAlgorithmSpecWord: TypeAlias = Literal["ML_KEM"]

EncapsulationAlgorithmSpec: TypeAlias = EncapsulationAlgorithmSpecWord | types_pb2.EncapsulationAlgorithmSpec.ValueType

ENCAPSULATION_ALGORITHM_SPEC: Final[EnumWords[EncapsulationAlgorithmSpecWord, types_pb2.EncapsulationAlgorithmSpec.ValueType]] = EnumWords(
    "EncapsulationAlgorithmSpec", {"ML_KEM": types_pb2.ENCAPSULATION_ALGORITHM_SPEC_ML_KEM}
)

EncryptionAlgorithmSpecWord: TypeAlias = Literal["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"]

EncryptionAlgorithmSpec: TypeAlias = EncryptionAlgorithmSpecWord | types_pb2.EncryptionAlgorithmSpec.ValueType

ENCRYPTION_ALGORITHM_SPEC: Final[EnumWords[EncryptionAlgorithmSpecWord, types_pb2.EncryptionAlgorithmSpec.ValueType]] = EnumWords(
    "EncryptionAlgorithmSpec",
    {
        "SYMMETRIC_DEFAULT": types_pb2.ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT,
        "RSAES_OAEP_SHA_1": types_pb2.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_1,
        "RSAES_OAEP_SHA_256": types_pb2.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256,
        "SM2PKE": types_pb2.ENCRYPTION_ALGORITHM_SPEC_SM2PKE,
    },
)

ExpirationModelTypeWord: TypeAlias = Literal["KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"]

ExpirationModelType: TypeAlias = ExpirationModelTypeWord | types_pb2.ExpirationModelType.ValueType

EXPIRATION_MODEL_TYPE: Final[EnumWords[ExpirationModelTypeWord, types_pb2.ExpirationModelType.ValueType]] = EnumWords(
    "ExpirationModelType",
    {
        "KEY_MATERIAL_EXPIRES": types_pb2.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_EXPIRES,
        "KEY_MATERIAL_DOES_NOT_EXPIRE": types_pb2.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
    },
)

GrantOperationWord: TypeAlias = Literal[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "Sign",
    "Verify",
    "GetPublicKey",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
]

GrantOperation: TypeAlias = GrantOperationWord | types_pb2.GrantOperation.ValueType

GRANT_OPERATION: Final[EnumWords[GrantOperationWord, types_pb2.GrantOperation.ValueType]] = EnumWords(
    "GrantOperation",
    {
        "Decrypt": types_pb2.GRANT_OPERATION_DECRYPT,
        "Encrypt": types_pb2.GRANT_OPERATION_ENCRYPT,
        "GenerateDataKey": types_pb2.GRANT_OPERATION_GENERATE_DATA_KEY,
        "GenerateDataKeyWithoutPlaintext": types_pb2.GRANT_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        "ReEncryptFrom": types_pb2.GRANT_OPERATION_RE_ENCRYPT_FROM,
        "ReEncryptTo": types_pb2.GRANT_OPERATION_RE_ENCRYPT_TO,
        "Sign": types_pb2.GRANT_OPERATION_SIGN,
        "Verify": types_pb2.GRANT_OPERATION_VERIFY,
        "GetPublicKey": types_pb2.GRANT_OPERATION_GET_PUBLIC_KEY,
        "CreateGrant": types_pb2.GRANT_OPERATION_CREATE_GRANT,
        "RetireGrant": types_pb2.GRANT_OPERATION_RETIRE_GRANT,
        "DescribeKey": types_pb2.GRANT_OPERATION_DESCRIBE_KEY,
        "GenerateDataKeyPair": types_pb2.GRANT_OPERATION_GENERATE_DATA_KEY_PAIR,
        "GenerateDataKeyPairWithoutPlaintext": types_pb2.GRANT_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
        "GenerateMac": types_pb2.GRANT_OPERATION_GENERATE_MAC,
        "VerifyMac": types_pb2.GRANT_OPERATION_VERIFY_MAC,
        "DeriveSharedSecret": types_pb2.GRANT_OPERATION_DERIVE_SHARED_SECRET,
        "Encapsulate": types_pb2.GRANT_OPERATION_ENCAPSULATE,
        "Decapsulate": types_pb2.GRANT_OPERATION_DECAPSULATE,
    },
)

ImportStateWord: TypeAlias = Literal["IMPORTED", "PENDING_IMPORT"]

ImportState: TypeAlias = ImportStateWord | types_pb2.ImportState.ValueType

IMPORT_STATE: Final[EnumWords[ImportStateWord, types_pb2.ImportState.ValueType]] = EnumWords(
    "ImportState", {"IMPORTED": types_pb2.IMPORT_STATE_IMPORTED, "PENDING_IMPORT": types_pb2.IMPORT_STATE_PENDING_IMPORT}
)

ImportTypeWord: TypeAlias = Literal["NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"]

ImportType: TypeAlias = ImportTypeWord | types_pb2.ImportType.ValueType

IMPORT_TYPE: Final[EnumWords[ImportTypeWord, types_pb2.ImportType.ValueType]] = EnumWords(
    "ImportType",
    {"NEW_KEY_MATERIAL": types_pb2.IMPORT_TYPE_NEW_KEY_MATERIAL, "EXISTING_KEY_MATERIAL": types_pb2.IMPORT_TYPE_EXISTING_KEY_MATERIAL},
)

IncludeKeyMaterialWord: TypeAlias = Literal["ALL_KEY_MATERIAL", "ROTATIONS_ONLY"]

IncludeKeyMaterial: TypeAlias = IncludeKeyMaterialWord | types_pb2.IncludeKeyMaterial.ValueType

INCLUDE_KEY_MATERIAL: Final[EnumWords[IncludeKeyMaterialWord, types_pb2.IncludeKeyMaterial.ValueType]] = EnumWords(
    "IncludeKeyMaterial",
    {"ALL_KEY_MATERIAL": types_pb2.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL, "ROTATIONS_ONLY": types_pb2.INCLUDE_KEY_MATERIAL_ROTATIONS_ONLY},
)

KeyAgreementAlgorithmSpecWord: TypeAlias = Literal["ECDH"]

KeyAgreementAlgorithmSpec: TypeAlias = KeyAgreementAlgorithmSpecWord | types_pb2.KeyAgreementAlgorithmSpec.ValueType

KEY_AGREEMENT_ALGORITHM_SPEC: Final[EnumWords[KeyAgreementAlgorithmSpecWord, types_pb2.KeyAgreementAlgorithmSpec.ValueType]] = EnumWords(
    "KeyAgreementAlgorithmSpec", {"ECDH": types_pb2.KEY_AGREEMENT_ALGORITHM_SPEC_ECDH}
)

KeyEncryptionMechanismWord: TypeAlias = Literal["RSAES_OAEP_SHA_256"]

KeyEncryptionMechanism: TypeAlias = KeyEncryptionMechanismWord | types_pb2.KeyEncryptionMechanism.ValueType

KEY_ENCRYPTION_MECHANISM: Final[EnumWords[KeyEncryptionMechanismWord, types_pb2.KeyEncryptionMechanism.ValueType]] = EnumWords(
    "KeyEncryptionMechanism", {"RSAES_OAEP_SHA_256": types_pb2.KEY_ENCRYPTION_MECHANISM_RSAES_OAEP_SHA_256}
)

KeyLastUsageTrackingOperationWord: TypeAlias = Literal[
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
    "Encapsulate",
    "Decapsulate",
]

KeyLastUsageTrackingOperation: TypeAlias = KeyLastUsageTrackingOperationWord | types_pb2.KeyLastUsageTrackingOperation.ValueType

KEY_LAST_USAGE_TRACKING_OPERATION: Final[
    EnumWords[KeyLastUsageTrackingOperationWord, types_pb2.KeyLastUsageTrackingOperation.ValueType]
] = EnumWords(
    "KeyLastUsageTrackingOperation",
    {
        "Decrypt": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_DECRYPT,
        "DeriveSharedSecret": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_DERIVE_SHARED_SECRET,
        "Encrypt": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_ENCRYPT,
        "GenerateDataKey": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_GENERATE_DATA_KEY,
        "GenerateDataKeyPair": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_GENERATE_DATA_KEY_PAIR,
        "GenerateDataKeyPairWithoutPlaintext": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
        "GenerateDataKeyWithoutPlaintext": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        "GenerateMac": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_GENERATE_MAC,
        "ReEncrypt": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_RE_ENCRYPT,
        "Sign": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_SIGN,
        "Verify": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_VERIFY,
        "VerifyMac": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_VERIFY_MAC,
        "Encapsulate": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_ENCAPSULATE,
        "Decapsulate": types_pb2.KEY_LAST_USAGE_TRACKING_OPERATION_DECAPSULATE,
    },
)

KeyManagerTypeWord: TypeAlias = Literal["AWS", "CUSTOMER"]

KeyManagerType: TypeAlias = KeyManagerTypeWord | types_pb2.KeyManagerType.ValueType

KEY_MANAGER_TYPE: Final[EnumWords[KeyManagerTypeWord, types_pb2.KeyManagerType.ValueType]] = EnumWords(
    "KeyManagerType", {"AWS": types_pb2.KEY_MANAGER_TYPE_AWS, "CUSTOMER": types_pb2.KEY_MANAGER_TYPE_CUSTOMER}
)

KeyMaterialStateWord: TypeAlias = Literal["NON_CURRENT", "CURRENT", "PENDING_ROTATION", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"]

KeyMaterialState: TypeAlias = KeyMaterialStateWord | types_pb2.KeyMaterialState.ValueType

KEY_MATERIAL_STATE: Final[EnumWords[KeyMaterialStateWord, types_pb2.KeyMaterialState.ValueType]] = EnumWords(
    "KeyMaterialState",
    {
        "NON_CURRENT": types_pb2.KEY_MATERIAL_STATE_NON_CURRENT,
        "CURRENT": types_pb2.KEY_MATERIAL_STATE_CURRENT,
        "PENDING_ROTATION": types_pb2.KEY_MATERIAL_STATE_PENDING_ROTATION,
        "PENDING_MULTI_REGION_IMPORT_AND_ROTATION": types_pb2.KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION,
    },
)

KeySpecWord: TypeAlias = Literal[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
]

KeySpec: TypeAlias = KeySpecWord | types_pb2.KeySpec.ValueType

KEY_SPEC: Final[EnumWords[KeySpecWord, types_pb2.KeySpec.ValueType]] = EnumWords(
    "KeySpec",
    {
        "RSA_2048": types_pb2.KEY_SPEC_RSA_2048,
        "RSA_3072": types_pb2.KEY_SPEC_RSA_3072,
        "RSA_4096": types_pb2.KEY_SPEC_RSA_4096,
        "ECC_NIST_P256": types_pb2.KEY_SPEC_ECC_NIST_P256,
        "ECC_NIST_P384": types_pb2.KEY_SPEC_ECC_NIST_P384,
        "ECC_NIST_P521": types_pb2.KEY_SPEC_ECC_NIST_P521,
        "ECC_SECG_P256K1": types_pb2.KEY_SPEC_ECC_SECG_P256K1,
        "SYMMETRIC_DEFAULT": types_pb2.KEY_SPEC_SYMMETRIC_DEFAULT,
        "HMAC_224": types_pb2.KEY_SPEC_HMAC_224,
        "HMAC_256": types_pb2.KEY_SPEC_HMAC_256,
        "HMAC_384": types_pb2.KEY_SPEC_HMAC_384,
        "HMAC_512": types_pb2.KEY_SPEC_HMAC_512,
        "SM2": types_pb2.KEY_SPEC_SM2,
        "ML_DSA_44": types_pb2.KEY_SPEC_ML_DSA_44,
        "ML_DSA_65": types_pb2.KEY_SPEC_ML_DSA_65,
        "ML_DSA_87": types_pb2.KEY_SPEC_ML_DSA_87,
        "ECC_NIST_EDWARDS25519": types_pb2.KEY_SPEC_ECC_NIST_EDWARDS25519,
        "ML_KEM_512": types_pb2.KEY_SPEC_ML_KEM_512,
        "ML_KEM_768": types_pb2.KEY_SPEC_ML_KEM_768,
        "ML_KEM_1024": types_pb2.KEY_SPEC_ML_KEM_1024,
    },
)

KeyStateWord: TypeAlias = Literal[
    "Creating", "Enabled", "Disabled", "PendingDeletion", "PendingImport", "PendingReplicaDeletion", "Unavailable", "Updating"
]

KeyState: TypeAlias = KeyStateWord | types_pb2.KeyState.ValueType

KEY_STATE: Final[EnumWords[KeyStateWord, types_pb2.KeyState.ValueType]] = EnumWords(
    "KeyState",
    {
        "Creating": types_pb2.KEY_STATE_CREATING,
        "Enabled": types_pb2.KEY_STATE_ENABLED,
        "Disabled": types_pb2.KEY_STATE_DISABLED,
        "PendingDeletion": types_pb2.KEY_STATE_PENDING_DELETION,
        "PendingImport": types_pb2.KEY_STATE_PENDING_IMPORT,
        "PendingReplicaDeletion": types_pb2.KEY_STATE_PENDING_REPLICA_DELETION,
        "Unavailable": types_pb2.KEY_STATE_UNAVAILABLE,
        "Updating": types_pb2.KEY_STATE_UPDATING,
    },
)

KeyUsageTypeWord: TypeAlias = Literal["SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"]

KeyUsageType: TypeAlias = KeyUsageTypeWord | types_pb2.KeyUsageType.ValueType

KEY_USAGE_TYPE: Final[EnumWords[KeyUsageTypeWord, types_pb2.KeyUsageType.ValueType]] = EnumWords(
    "KeyUsageType",
    {
        "SIGN_VERIFY": types_pb2.KEY_USAGE_TYPE_SIGN_VERIFY,
        "ENCRYPT_DECRYPT": types_pb2.KEY_USAGE_TYPE_ENCRYPT_DECRYPT,
        "GENERATE_VERIFY_MAC": types_pb2.KEY_USAGE_TYPE_GENERATE_VERIFY_MAC,
        "KEY_AGREEMENT": types_pb2.KEY_USAGE_TYPE_KEY_AGREEMENT,
        "ENCAPSULATE_DECAPSULATE": types_pb2.KEY_USAGE_TYPE_ENCAPSULATE_DECAPSULATE,
    },
)

MacAlgorithmSpecWord: TypeAlias = Literal["HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"]

MacAlgorithmSpec: TypeAlias = MacAlgorithmSpecWord | types_pb2.MacAlgorithmSpec.ValueType

MAC_ALGORITHM_SPEC: Final[EnumWords[MacAlgorithmSpecWord, types_pb2.MacAlgorithmSpec.ValueType]] = EnumWords(
    "MacAlgorithmSpec",
    {
        "HMAC_SHA_224": types_pb2.MAC_ALGORITHM_SPEC_HMAC_SHA_224,
        "HMAC_SHA_256": types_pb2.MAC_ALGORITHM_SPEC_HMAC_SHA_256,
        "HMAC_SHA_384": types_pb2.MAC_ALGORITHM_SPEC_HMAC_SHA_384,
        "HMAC_SHA_512": types_pb2.MAC_ALGORITHM_SPEC_HMAC_SHA_512,
    },
)

MessageTypeWord: TypeAlias = Literal["RAW", "DIGEST", "EXTERNAL_MU"]

MessageType: TypeAlias = MessageTypeWord | types_pb2.MessageType.ValueType

MESSAGE_TYPE: Final[EnumWords[MessageTypeWord, types_pb2.MessageType.ValueType]] = EnumWords(
    "MessageType",
    {"RAW": types_pb2.MESSAGE_TYPE_RAW, "DIGEST": types_pb2.MESSAGE_TYPE_DIGEST, "EXTERNAL_MU": types_pb2.MESSAGE_TYPE_EXTERNAL_MU},
)

MultiRegionKeyTypeWord: TypeAlias = Literal["PRIMARY", "REPLICA"]

MultiRegionKeyType: TypeAlias = MultiRegionKeyTypeWord | types_pb2.MultiRegionKeyType.ValueType

MULTI_REGION_KEY_TYPE: Final[EnumWords[MultiRegionKeyTypeWord, types_pb2.MultiRegionKeyType.ValueType]] = EnumWords(
    "MultiRegionKeyType", {"PRIMARY": types_pb2.MULTI_REGION_KEY_TYPE_PRIMARY, "REPLICA": types_pb2.MULTI_REGION_KEY_TYPE_REPLICA}
)

OriginTypeWord: TypeAlias = Literal["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]

OriginType: TypeAlias = OriginTypeWord | types_pb2.OriginType.ValueType

ORIGIN_TYPE: Final[EnumWords[OriginTypeWord, types_pb2.OriginType.ValueType]] = EnumWords(
    "OriginType",
    {
        "AWS_KMS": types_pb2.ORIGIN_TYPE_AWS_KMS,
        "EXTERNAL": types_pb2.ORIGIN_TYPE_EXTERNAL,
        "AWS_CLOUDHSM": types_pb2.ORIGIN_TYPE_AWS_CLOUDHSM,
        "EXTERNAL_KEY_STORE": types_pb2.ORIGIN_TYPE_EXTERNAL_KEY_STORE,
    },
)

ResourceOwnerTypeWord: TypeAlias = Literal["SELF", "OTHER_ACCOUNTS_VIA_RAM"]

ResourceOwnerType: TypeAlias = ResourceOwnerTypeWord | types_pb2.ResourceOwnerType.ValueType

RESOURCE_OWNER_TYPE: Final[EnumWords[ResourceOwnerTypeWord, types_pb2.ResourceOwnerType.ValueType]] = EnumWords(
    "ResourceOwnerType",
    {"SELF": types_pb2.RESOURCE_OWNER_TYPE_SELF, "OTHER_ACCOUNTS_VIA_RAM": types_pb2.RESOURCE_OWNER_TYPE_OTHER_ACCOUNTS_VIA_RAM},
)

RotationTypeWord: TypeAlias = Literal["AUTOMATIC", "ON_DEMAND"]

RotationType: TypeAlias = RotationTypeWord | types_pb2.RotationType.ValueType

ROTATION_TYPE: Final[EnumWords[RotationTypeWord, types_pb2.RotationType.ValueType]] = EnumWords(
    "RotationType", {"AUTOMATIC": types_pb2.ROTATION_TYPE_AUTOMATIC, "ON_DEMAND": types_pb2.ROTATION_TYPE_ON_DEMAND}
)

SigningAlgorithmSpecWord: TypeAlias = Literal[
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "ECDSA_SHA_256",
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "SM2DSA",
    "ML_DSA_SHAKE_256",
    "ED25519_SHA_512",
    "ED25519_PH_SHA_512",
]

SigningAlgorithmSpec: TypeAlias = SigningAlgorithmSpecWord | types_pb2.SigningAlgorithmSpec.ValueType

SIGNING_ALGORITHM_SPEC: Final[EnumWords[SigningAlgorithmSpecWord, types_pb2.SigningAlgorithmSpec.ValueType]] = EnumWords(
    "SigningAlgorithmSpec",
    {
        "RSASSA_PSS_SHA_256": types_pb2.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256,
        "RSASSA_PSS_SHA_384": types_pb2.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_384,
        "RSASSA_PSS_SHA_512": types_pb2.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_512,
        "RSASSA_PKCS1_V1_5_SHA_256": types_pb2.SIGNING_ALGORITHM_SPEC_RSASSA_PKCS1_V1_5_SHA_256,
        "RSASSA_PKCS1_V1_5_SHA_384": types_pb2.SIGNING_ALGORITHM_SPEC_RSASSA_PKCS1_V1_5_SHA_384,
        "RSASSA_PKCS1_V1_5_SHA_512": types_pb2.SIGNING_ALGORITHM_SPEC_RSASSA_PKCS1_V1_5_SHA_512,
        "ECDSA_SHA_256": types_pb2.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_256,
        "ECDSA_SHA_384": types_pb2.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_384,
        "ECDSA_SHA_512": types_pb2.SIGNING_ALGORITHM_SPEC_ECDSA_SHA_512,
        "SM2DSA": types_pb2.SIGNING_ALGORITHM_SPEC_SM2DSA,
        "ML_DSA_SHAKE_256": types_pb2.SIGNING_ALGORITHM_SPEC_ML_DSA_SHAKE_256,
        "ED25519_SHA_512": types_pb2.SIGNING_ALGORITHM_SPEC_ED25519_SHA_512,
        "ED25519_PH_SHA_512": types_pb2.SIGNING_ALGORITHM_SPEC_ED25519_PH_SHA_512,
    },
)

WrappingKeySpecWord: TypeAlias = Literal["RSA_2048", "RSA_3072", "RSA_4096", "SM2"]

WrappingKeySpec: TypeAlias = WrappingKeySpecWord | types_pb2.WrappingKeySpec.ValueType

WRAPPING_KEY_SPEC: Final[EnumWords[WrappingKeySpecWord, types_pb2.WrappingKeySpec.ValueType]] = EnumWords(
    "WrappingKeySpec",
    {
        "RSA_2048": types_pb2.WRAPPING_KEY_SPEC_RSA_2048,
        "RSA_3072": types_pb2.WRAPPING_KEY_SPEC_RSA_3072,
        "RSA_4096": types_pb2.WRAPPING_KEY_SPEC_RSA_4096,
        "SM2": types_pb2.WRAPPING_KEY_SPEC_SM2,
    },
)

XksProxyConnectivityTypeWord: TypeAlias = Literal["PUBLIC_ENDPOINT", "VPC_ENDPOINT_SERVICE"]

XksProxyConnectivityType: TypeAlias = XksProxyConnectivityTypeWord | types_pb2.XksProxyConnectivityType.ValueType

XKS_PROXY_CONNECTIVITY_TYPE: Final[EnumWords[XksProxyConnectivityTypeWord, types_pb2.XksProxyConnectivityType.ValueType]] = EnumWords(
    "XksProxyConnectivityType",
    {
        "PUBLIC_ENDPOINT": types_pb2.XKS_PROXY_CONNECTIVITY_TYPE_PUBLIC_ENDPOINT,
        "VPC_ENDPOINT_SERVICE": types_pb2.XKS_PROXY_CONNECTIVITY_TYPE_VPC_ENDPOINT_SERVICE,
    },
)

BY_ENUM: Final[dict[str, EnumWords[Any, Any]]] = {
    "meridian.kms.v1.AlgorithmSpec": ALGORITHM_SPEC,
    "meridian.kms.v1.ConnectionErrorCodeType": CONNECTION_ERROR_CODE_TYPE,
    "meridian.kms.v1.ConnectionStateType": CONNECTION_STATE_TYPE,
    "meridian.kms.v1.CustomKeyStoreType": CUSTOM_KEY_STORE_TYPE,
    "meridian.kms.v1.CustomerMasterKeySpec": CUSTOMER_MASTER_KEY_SPEC,
    "meridian.kms.v1.DataKeyPairSpec": DATA_KEY_PAIR_SPEC,
    "meridian.kms.v1.DataKeySpec": DATA_KEY_SPEC,
    "meridian.kms.v1.DryRunModifierType": DRY_RUN_MODIFIER_TYPE,
    "meridian.access.v1.Effect": EFFECT,
    "meridian.kms.v1.EncapsulationAlgorithmSpec": ENCAPSULATION_ALGORITHM_SPEC,
    "meridian.kms.v1.EncryptionAlgorithmSpec": ENCRYPTION_ALGORITHM_SPEC,
    "meridian.kms.v1.ExpirationModelType": EXPIRATION_MODEL_TYPE,
    "meridian.kms.v1.GrantOperation": GRANT_OPERATION,
    "meridian.kms.v1.ImportState": IMPORT_STATE,
    "meridian.kms.v1.ImportType": IMPORT_TYPE,
    "meridian.kms.v1.IncludeKeyMaterial": INCLUDE_KEY_MATERIAL,
    "meridian.kms.v1.KeyAgreementAlgorithmSpec": KEY_AGREEMENT_ALGORITHM_SPEC,
    "meridian.kms.v1.KeyEncryptionMechanism": KEY_ENCRYPTION_MECHANISM,
    "meridian.kms.v1.KeyLastUsageTrackingOperation": KEY_LAST_USAGE_TRACKING_OPERATION,
    "meridian.kms.v1.KeyManagerType": KEY_MANAGER_TYPE,
    "meridian.kms.v1.KeyMaterialState": KEY_MATERIAL_STATE,
    "meridian.kms.v1.KeySpec": KEY_SPEC,
    "meridian.kms.v1.KeyState": KEY_STATE,
    "meridian.kms.v1.KeyUsageType": KEY_USAGE_TYPE,
    "meridian.kms.v1.MacAlgorithmSpec": MAC_ALGORITHM_SPEC,
    "meridian.kms.v1.MessageType": MESSAGE_TYPE,
    "meridian.kms.v1.MultiRegionKeyType": MULTI_REGION_KEY_TYPE,
    "meridian.kms.v1.OriginType": ORIGIN_TYPE,
    "meridian.kms.v1.ResourceOwnerType": RESOURCE_OWNER_TYPE,
    "meridian.kms.v1.RotationType": ROTATION_TYPE,
    "meridian.kms.v1.SigningAlgorithmSpec": SIGNING_ALGORITHM_SPEC,
    "meridian.kms.v1.WrappingKeySpec": WRAPPING_KEY_SPEC,
    "meridian.kms.v1.XksProxyConnectivityType": XKS_PROXY_CONNECTIVITY_TYPE,
}
