"""The KMS key: one immutable record for every spec, origin and role.

What differs between specs is in `algorithms.py`, what a state allows in `key_state.py`, what a replica shares in
`multi_region.py`. A change makes a new Key by a `with_…` method and never touches the old one.

Source: AWS KMS API Reference, KeyMetadata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from meridian.domain.identifiers import key_arn, key_number

PROSPECTIVE_KEY_ID: Final = "(new)"
"""The id of a key that is being made, while policies judge it."""


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


class RotationType(StrEnum):
    """Why a material became current."""

    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """One version of a key's material as the store keeps it: sealed, and bound to its key by the engine.

    Imported material that was deleted, has expired or is still to come to this Region has no bytes; its id stays.
    """

    material_id: str
    """64 lower-case hexadecimal digits."""
    rotation_number: int
    """0 for the first material of the key; only rises."""
    row_version: int
    """Rises with each wrapping; authenticated with the bytes."""
    sealed_bytes: bytes
    rotated_at: datetime | None = None
    """When it became current by a rotation; None for the first material and for a pending one."""
    rotation_type: RotationType | None = None
    description: str = ""
    """What its owner wrote at the import."""
    expires_at: datetime | None = None
    """When imported material expires; None where it does not, and where it is not here."""

    @property
    def is_present(self) -> bool:
        return bool(self.sealed_bytes)


@dataclass(frozen=True, slots=True)
class RotationSchedule:
    """Automatic rotation that is on."""

    period_in_days: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class MultiRegionRole:
    """What a member knows of its set: who is primary and where replicas are."""

    primary_region: str
    replica_regions: tuple[str, ...] = ()
    """Sorted, without the primary's Region."""
    is_behind: bool = False
    """Whether material of the set may be missing here: the Region was restored, or is coming back."""


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
    materials: tuple[KeyMaterial, ...] = ()
    policy: str = ""
    """Cedar text of the key policy as it was put; empty for the default policy."""
    policy_document: str = ""
    """The document of AWS that `policy` was made of, as it was sent; empty where Cedar was put."""
    policy_version: int = 1
    account_delegation: bool = True
    """Whether account policies apply to this key."""
    tags: tuple[tuple[str, str], ...] = ()
    """Sorted by tag key."""
    aliases: tuple[str, ...] = ()
    """Alias names, sorted."""
    custom_key_store_id: str = ""
    xks_key_id: str = ""
    """The external key that is this key's second lock, as the proxy of its store names it."""
    store_version: int = 0
    cloud_hsm_cluster_id: str = ""
    """Of the key store, where its keys are in a hardware token."""
    """Of the row of its key store, when the key was read."""
    state_once_connected: KeyState | None = None
    """While `state` is Unavailable because the key's store is not connected: the state that is stored, and comes back."""
    pending_material_id: str = ""
    """Material that a rotation will make current; not associated for good yet."""
    rotation: RotationSchedule | None = None
    on_demand_started_at: datetime | None = None
    """When the on-demand rotation under way was asked for."""
    on_demand_rotations: int = 0
    """How many were ever asked for."""
    deletion_at: datetime | None = None
    updating_until: datetime | None = None
    """While the primary Region is being changed: when state Updating ends at the latest."""
    deletion_window_in_days: int = 0
    """The waiting period that was asked for; kept while the key is to be deleted."""

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
    def cache_identity(self) -> tuple[str, str, datetime, int, int]:
        """Names this version of this key in caches. A replica that was deleted and made again counts its versions anew under its old
        id, so the time at which it was made tells the two apart. What the key is depends on its store too.
        """
        return (self.account, self.key_id, self.created_at, self.version, self.store_version)

    @property
    def decided_on(self) -> tuple[object, ...]:
        """All that policies can read of a key and that may change: two versions that are equal in it are decided alike."""
        return (self.created_at, self.policy, self.account_delegation, self.tags, self.aliases, self.state, self.multi_region)

    @property
    def permanent_materials(self) -> tuple[KeyMaterial, ...]:
        """Materials that the key cannot work without: current and earlier ones, not a pending one."""
        return tuple(m for m in self.materials if m.material_id != self.pending_material_id)

    @property
    def is_complete(self) -> bool:
        """Whether the key has material and none of it is missing."""
        permanent = self.permanent_materials
        return bool(permanent) and all(m.is_present for m in permanent)

    @property
    def next_rotation_number(self) -> int:
        return max((m.rotation_number for m in self.materials), default=-1) + 1

    def has_expired(self, now: datetime) -> bool:
        """Whether imported material that the key needs has passed its time."""
        return any(m.expires_at is not None and m.expires_at <= now for m in self.permanent_materials)

    def find_material(self, material_id: str) -> KeyMaterial | None:
        for material in self.materials:
            if material.material_id == material_id:
                return material
        return None

    @property
    def stored_state(self) -> KeyState:
        """The state of the key itself, whatever its store does."""
        return self.state if self.state_once_connected is None else self.state_once_connected

    def with_state(self, state: KeyState) -> Key:
        """The key in this state; while its store is not connected, the key is in it once the store is."""
        if self.state_once_connected is not None:
            return replace(self, state_once_connected=state)
        return replace(self, state=state)

    def in_store(self, version: int, *, is_connected: bool) -> Key:
        """The key as it is while its store has this version and is connected, or not. What waits for its end goes on waiting."""
        if is_connected or self.state is KeyState.PENDING_DELETION:
            return replace(self, store_version=version)
        return replace(self, store_version=version, state=KeyState.UNAVAILABLE, state_once_connected=self.state)

    def with_description(self, description: str) -> Key:
        return replace(self, description=description)

    def with_policy(self, policy: str, *, account_delegation: bool, document: str = "") -> Key:
        version = self.policy_version + 1
        return replace(self, policy=policy, policy_document=document, account_delegation=account_delegation, policy_version=version)

    def with_multi_region(self, role: MultiRegionRole) -> Key:
        return replace(self, multi_region=role)

    def with_material(self, material: KeyMaterial, *, current: bool) -> Key:
        """The key with one more material; a material already there is left as it is."""
        known = self.find_material(material.material_id) is not None
        materials = self.materials if known else (*self.materials, material)
        return replace(self, materials=materials, current_material_id=material.material_id if current else self.current_material_id)

    def with_replaced(self, material: KeyMaterial) -> Key:
        """The key with this material in place of the one of the same id."""
        return replace(self, materials=tuple(material if m.material_id == material.material_id else m for m in self.materials))

    def with_pending(self, material: KeyMaterial) -> Key:
        """The key with a material that a rotation will make current."""
        return replace(self, materials=(*self.materials, material), pending_material_id=material.material_id)

    def without_pending(self) -> Key:
        """The key as if no material had been pending."""
        return replace(self, materials=self.permanent_materials, pending_material_id="")

    def with_rotation_done(self, rotation_type: RotationType, now: datetime) -> Key:
        """The key with its pending material as the current one."""
        rotated = tuple(
            replace(m, rotated_at=now, rotation_type=rotation_type) if m.material_id == self.pending_material_id else m
            for m in self.materials
        )
        return replace(self, materials=rotated, current_material_id=self.pending_material_id, pending_material_id="")

    def with_updating_ended(self) -> Key:
        """The key as it was before its set began to change its primary Region, which only Enabled keys do."""
        state = KeyState.ENABLED if self.state is KeyState.UPDATING else self.state
        return replace(self, state=state, updating_until=None)

    def with_material_gained(self) -> Key:
        """The key in the state that follows an import: usable when nothing is missing any more, even if it was Disabled."""
        revived = self.is_complete and self.state in (KeyState.PENDING_IMPORT, KeyState.DISABLED)
        return self.with_state(KeyState.ENABLED) if revived else self

    def with_material_lost(self) -> Key:
        """The key in the state that follows the loss of imported material: PendingImport when it cannot work without it."""
        halted = not self.is_complete and self.state in (KeyState.ENABLED, KeyState.DISABLED, KeyState.UPDATING)
        return self.with_state(KeyState.PENDING_IMPORT) if halted else self
