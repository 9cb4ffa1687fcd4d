"""Secrets of the Region itself, wrapped as rows: transport keys, audit keys.

Source: docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from meridian.crypto.aead import OpenError
from meridian.engine.keyring import Keyring, RowIdentity
from meridian.engine.seals import SealError
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity

KEY_SPEC: Final = "ECC_NIST_P384"


@dataclass(frozen=True, slots=True, repr=False)
class RegionKeyPair:
    """A pair on P-384, and the name that its row has."""

    row_id: bytes
    private: bytes
    public: bytes


def secret_row(identity: RegionIdentity, keyring: Keyring, kind: str, pair: RegionKeyPair, now: datetime) -> SecretRow:
    """A new secret of this kind, wrapped and bound to its names."""
    row = SecretRow(kind, identity.region, pair.row_id.hex(), KEY_SPEC, 1, now, b"", pair.public)
    return replace(row, sealed_bytes=keyring.wrap(secret_identity(identity, row), pair.private))


def open_secret(identity: RegionIdentity, keyring: Keyring, row: SecretRow) -> bytes:
    """Raises: SealError."""
    try:
        return keyring.unwrap(secret_identity(identity, row), row.sealed_bytes)
    except (OpenError, ValueError) as fault:
        raise SealError(f"the Region's {row.kind} does not open") from fault


def secret_identity(identity: RegionIdentity, row: SecretRow) -> RowIdentity:
    """What a secret's row is bound to."""
    row_id = bytes.fromhex(row.secret_id)
    return RowIdentity(row.kind, identity.partition, "", identity.region, row.owner, row.key_spec, "", row_id, row.row_version)
