"""The KMS key: one immutable record for every spec, origin and role.

What differs between specs is in `algorithms.py`, what a state allows in `key_state.py`, what a replica shares in
`multi_region.py`. A change makes a new Key by a `with_…` method and never touches the old one.

Source: AWS KMS API Reference, KeyMetadata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from meridian.domain.identifiers import key_arn, key_number


class KeySpec(StrEnum):
    """Kind of key material."""

    SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"
    HMAC_224 = "HMAC_224"
    HMAC_256 = "HMAC_256"
    HMAC_384 = "HMAC_384"
    HMAC_512 = "HMAC_512"
    RSA_2048 = "RSA_2048"
    RSA_3072 = "RSA_3072"
    RSA_4096 = "RSA_4096"
    ECC_NIST_P256 = "ECC_NIST_P256"
    ECC_NIST_P384 = "ECC_NIST_P384"
    ECC_NIST_P521 = "ECC_NIST_P521"
    ECC_NIST_EDWARDS25519 = "ECC_NIST_EDWARDS25519"
    ECC_SECG_P256K1 = "ECC_SECG_P256K1"
    ML_DSA_44 = "ML_DSA_44"
    ML_DSA_65 = "ML_DSA_65"
    ML_DSA_87 = "ML_DSA_87"
    ML_KEM_512 = "ML_KEM_512"
    ML_KEM_768 = "ML_KEM_768"
    ML_KEM_1024 = "ML_KEM_1024"
    SM2 = "SM2"


class KeyUsage(StrEnum):
    """The one thing a key is for, fixed at creation."""

    ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
    SIGN_VERIFY = "SIGN_VERIFY"
    GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
    KEY_AGREEMENT = "KEY_AGREEMENT"
    ENCAPSULATE_DECAPSULATE = "ENCAPSULATE_DECAPSULATE"


class Origin(StrEnum):
    """Where the key material comes from, fixed at creation."""

    AWS_KMS = "AWS_KMS"
    EXTERNAL = "EXTERNAL"
    AWS_CLOUDHSM = "AWS_CLOUDHSM"
    EXTERNAL_KEY_STORE = "EXTERNAL_KEY_STORE"


class KeyState(StrEnum):
    """State of a key; what each allows is the table of `key_state.py`."""

    CREATING = "Creating"
    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"
    PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
    UNAVAILABLE = "Unavailable"
    UPDATING = "Updating"


class MultiRegionKeyType(StrEnum):
    """Role of a member in a set of related keys."""

    PRIMARY = "PRIMARY"
    REPLICA = "REPLICA"


@dataclass(frozen=True, slots=True)
class WrappedMaterial:
    """One version of a key's material as the store keeps it: sealed, and bound to its key by the engine."""

    material_id: str
    """64 lower-case hexadecimal digits."""
    rotation_number: int
    """0 for the first material of the key; only rises."""
    row_version: int
    """Rises with each wrapping; authenticated with the bytes."""
    sealed_bytes: bytes


@dataclass(frozen=True, slots=True)
class MultiRegionRole:
    """What a member knows of its set: who is primary and where replicas are."""

    primary_region: str
    replica_regions: tuple[str, ...] = ()
    """Sorted, without the primary's Region."""


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key of this Region with everything a decision or a cryptographic call needs."""

    partition: str
    region: str
    account: str
    key_id: str
    key_spec: KeySpec
    key_usage: KeyUsage
    origin: Origin
    state: KeyState
    created_at: datetime
    version: int = 1
    """Row version; each write says which one it saw."""
    description: str = ""
    multi_region: MultiRegionRole | None = None
    current_material_id: str = ""
    materials: tuple[WrappedMaterial, ...] = ()
    policy: str = ""
    """Cedar text of the key policy as it was put; empty for the default policy."""
    policy_version: int = 1
    account_delegation: bool = True
    """Whether account policies apply to this key."""
    tags: tuple[tuple[str, str], ...] = ()
    """Sorted by tag key."""
    aliases: tuple[str, ...] = ()
    """Alias names, sorted."""
    custom_key_store_id: str = ""

    @property
    def arn(self) -> str:
        return key_arn(self.partition, self.region, self.account, self.key_id)

    @property
    def identity(self) -> str:
        """What a ciphertext is bound to: the ARN, for a multi-Region key without its Region. Source: docs/spec/ciphertext.md."""
        return key_arn(self.partition, "" if self.multi_region else self.region, self.account, self.key_id)

    @property
    def number(self) -> bytes:
        """The 16 bytes that name the key inside a ciphertext."""
        return key_number(self.key_id)

    @property
    def is_enabled(self) -> bool:
        return self.state is KeyState.ENABLED

    @property
    def multi_region_key_type(self) -> MultiRegionKeyType | None:
        if self.multi_region is None:
            return None
        return MultiRegionKeyType.PRIMARY if self.multi_region.primary_region == self.region else MultiRegionKeyType.REPLICA

    @property
    def cache_identity(self) -> tuple[str, str, int]:
        """Names this version of this key in caches: account, key id, version."""
        return (self.account, self.key_id, self.version)

    def find_material(self, material_id: str) -> WrappedMaterial | None:
        for material in self.materials:
            if material.material_id == material_id:
                return material
        return None

    def with_state(self, state: KeyState) -> Key:
        return replace(self, state=state)

    def with_description(self, description: str) -> Key:
        return replace(self, description=description)

    def with_policy(self, policy: str, *, account_delegation: bool) -> Key:
        return replace(self, policy=policy, account_delegation=account_delegation, policy_version=self.policy_version + 1)

    def with_multi_region(self, role: MultiRegionRole) -> Key:
        return replace(self, multi_region=role)

    def with_material(self, material: WrappedMaterial, *, current: bool) -> Key:
        """The key with one more material; a material already there is left as it is."""
        known = self.find_material(material.material_id) is not None
        materials = self.materials if known else (*self.materials, material)
        return replace(self, materials=materials, current_material_id=material.material_id if current else self.current_material_id)
