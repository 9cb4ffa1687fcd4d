"""Sealed roots, key-encryption keys and the Region's own secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from meridian.ports.store.rows import Rows


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


SecretName = tuple[str, str, int, datetime]
"""Kind, id and version of a secret, and when it was made: another secret, or another wrapping of it, has another name."""


class WrappedKey(NamedTuple):
    """A key with material under a key-encryption key, which stands here as the wrapped row writes it. They are listed in this order."""

    kek: bytes
    account: str
    key_id: str


FIRST_WRAPPED: Final = WrappedKey(b"", "", "")
"""Comes before all of them."""


class KeyringRows(Protocol):
    """Sealed roots, key-encryption keys and the Region's own secrets."""

    async def roots(self) -> Sequence[RootRow]: ...

    async def keks(self) -> Sequence[KekRow]: ...

    async def secrets(self, kind: str) -> Rows[SecretRow]:
        """Secrets of a kind, newest first."""
        ...

    async def find_secret(self, kind: str, owner: str, secret_id: str) -> SecretRow | None:
        """The one secret of this name."""
        ...

    async def secret_names(self, kinds: Sequence[str]) -> Sequence[SecretName]:
        """Names of the secrets of these kinds, in an order that is always the same; cheap enough to be asked twice a second."""
        ...

    async def insert_root(self, row: RootRow) -> None: ...

    async def insert_kek(self, row: KekRow) -> None: ...

    async def insert_secret(self, row: SecretRow) -> None: ...

    async def delete_secret(self, kind: str, owner: str, secret_id: str) -> None: ...

    async def update_secret(self, row: SecretRow) -> None:
        """Replace the bytes of the secret that has the row version before this one. Raises: VersionConflict."""
        ...

    async def replace_roots(self, roots: Sequence[RootRow], keks: Sequence[KekRow]) -> None:
        """These roots in place of all others, and every key-encryption key as it is wrapped under them."""
        ...

    async def activate_kek(self, row: KekRow) -> None:
        """Store this key-encryption key as the only active one."""
        ...

    async def keys_wrapped_otherwise(self, kek_number: int, *, after: WrappedKey, limit: int) -> Sequence[WrappedKey]:
        """Keys with material under another key-encryption key than this, in order. However many keys there are, it costs what is listed."""
        ...

    async def secrets_wrapped_otherwise(self, kek_number: int, *, limit: int) -> Rows[SecretRow]:
        """Secrets of the Region under another key-encryption key than this."""
        ...

    async def is_named(self, kek_number: int) -> bool:
        """Whether any row is wrapped under this key-encryption key."""
        ...

    async def delete_kek(self, kek_number: int) -> None: ...
