"""Values that the store keeps for the service itself, beside keys and sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, overload

from meridian.domain.key_store import ConnectionState
from meridian.domain.multi_region import SetRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that holds what no release wrote."""

    table: str
    name: tuple[str, ...]
    """The values of its primary key."""
    fault: str
    """The type of the fault that reading it raised; never what stands in the row."""


@dataclass(frozen=True, slots=True)
class Rows(Sequence[T], Generic[T]):
    """The rows that could be read, in order; those that could not are named beside them, and hold no other up."""

    read: tuple[T, ...]
    unreadable: tuple[UnreadableRow, ...]

    def __len__(self) -> int:
        return len(self.read)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.read[index]


@dataclass(frozen=True, slots=True)
class RegionIdentity:
    """Names fixed at first initialisation, and the incarnation that rises at each restore."""

    deployment: str
    partition: str
    region: str
    incarnation: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RootRow:
    """The root key sealed by one seal provider. `parameters` are the provider's, authenticated by it."""

    root_number: int
    provider: str
    parameters: bytes
    sealed_bytes: bytes


@dataclass(frozen=True, slots=True)
class KekRow:
    """A key-encryption key under the root key."""

    kek_number: int
    root_number: int
    is_active: bool
    created_at: datetime
    sealed_bytes: bytes


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret of the Region that is no customer's material, for example its transport key."""

    kind: str
    owner: str
    secret_id: str
    key_spec: str
    row_version: int
    created_at: datetime
    sealed_bytes: bytes
    public_bytes: bytes = b""


@dataclass(frozen=True, slots=True)
class ImportKeyRow:
    """The private half of a wrapping key that was given out, with the token that names it."""

    token_id: str
    """32 lower-case hexadecimal digits."""
    account: str
    key_id: str
    wrapping_key_spec: str
    sealed_bytes: bytes
    expires_at: datetime
    failed_tries: int = 0


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An intention to tell one Region about one set. The body is read and sealed when it is sent."""

    kind: str
    """"set_state", "held" or "gone"."""
    target_region: str
    account: str
    key_id: str
    request_id: str
    """Correlation id of the call that caused it."""
    sequence: int
    """Unique and rising per Region; a newer intention of the same kind, set and target replaces one not yet delivered."""
    attempts: int
    due_at: datetime
    lease_owner: str
    last_error: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change feed: this key is not what it was."""

    number: int
    account: str
    key_id: str


@dataclass(frozen=True, slots=True)
class AliasRow:
    """A name of a key within its account and Region."""

    account: str
    alias_name: str
    """With its prefix, `alias/…`."""
    key_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What a change was answered, under the token of its caller."""

    account: str
    principal: str
    """SHA-256 of the caller's ARN, in hexadecimal digits."""
    token: str
    operation: str
    request_digest: bytes
    """SHA-256."""
    answer: bytes | None
    """The response message; None while the call that claimed the token is under way."""
    request_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The last successful cryptographic call on a key."""

    account: str
    key_id: str
    operation: str
    used_at: datetime
    event_id: str
    """Of its audit record."""
    request_id: str


@dataclass(frozen=True, slots=True)
class KeyStoreRow:
    """A custom key store, as it was described to the service."""

    account: str
    store_id: str
    name: str
    state: ConnectionState
    created_at: datetime
    proxy: Mapping[str, str]
    """What reaches its proxy, without the secret access key."""
    kind: str
    """CustomKeyStoreType of the AWS KMS API."""
    error_code: str
    """ConnectionErrorCode of the AWS KMS API; only of a store that failed."""
    credential_id: str
    """Id of the sealed secret; empty for a store that was made before secrets were kept."""
    version: int
    """Rises with each write: an attempt to connect counts while the row has the version that it began with."""


@dataclass(frozen=True, slots=True)
class SetPage:
    """Rows of sets, in the order of account and key id. One that cannot be read is named, and holds no other up."""

    rows: tuple[SetRow, ...]
    unreadable: tuple[tuple[str, str, str], ...]
    """Account, key id, and the type of the fault."""
    next: tuple[str, str] | None
    """Where the next page begins; None after the last."""
