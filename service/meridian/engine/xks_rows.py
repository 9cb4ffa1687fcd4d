"""Exports and credentials of the XKS proxy API as secrets of the Region: whole, so that a row that somebody has edited does not open.

A row's id is the SHA-256 of the name that it must be unique by, so that a second one of that name is refused by the database.

Source: docs/spec/external-keys.md; docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from meridian.domain.xks import Credential, Export, ExternalUse
from meridian.engine.keyring import Keyring
from meridian.engine.region_secrets import open_secret, secret_identity
from meridian.engine.seals import SealError
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity

EXPORT_KIND: Final = "xks-export"
CREDENTIAL_KIND: Final = "xks-credential"
FORMAT: Final = "JSON"
"""In the place of the key spec."""
FIRST_ROW_VERSION: Final = 1


def row_name(name: str) -> str:
    """The id of the row of an export or a credential."""
    return sha256(name.encode()).hexdigest()


def export_row(identity: RegionIdentity, keyring: Keyring, export: Export) -> SecretRow:
    """An export as its row."""
    content = {"id": export.export_id, "prefix": export.prefix, "account": export.account, "keyId": export.key_id, "uses": export.uses}
    return _row(identity, keyring, EXPORT_KIND, export.export_id, content, export.created_at)


def credential_row(identity: RegionIdentity, keyring: Keyring, credential: Credential, secret: str) -> SecretRow:
    """A credential as its row; `secret` is the secret access key, ASCII."""
    content = {"id": credential.access_key_id, "prefix": credential.prefix, "secret": secret}
    return _row(identity, keyring, CREDENTIAL_KIND, credential.access_key_id, content, credential.created_at)


def read_export(content: bytes, row: SecretRow) -> Export:
    """The export in an opened row. Raises: SealError."""
    try:
        told = orjson.loads(content)
        uses = tuple(ExternalUse(use) for use in told["uses"])
        return Export(told["id"], told["prefix"], told["account"], told["keyId"], uses, row.created_at)
    except (ValueError, LookupError, TypeError) as fault:
        raise SealError("an export cannot be read") from fault


def read_credential(content: bytes, row: SecretRow) -> tuple[Credential, str]:
    """The credential in an opened row, and its secret access key. Raises: SealError."""
    try:
        told = orjson.loads(content)
        return Credential(told["id"], told["prefix"], row.created_at), str(told["secret"])
    except (ValueError, LookupError, TypeError) as fault:
        raise SealError("a credential cannot be read") from fault


def open_export(identity: RegionIdentity, keyring: Keyring, row: SecretRow) -> Export:
    """Raises: SealError."""
    return read_export(open_secret(identity, keyring, row), row)


def open_credential(identity: RegionIdentity, keyring: Keyring, row: SecretRow) -> tuple[Credential, str]:
    """Raises: SealError."""
    return read_credential(open_secret(identity, keyring, row), row)


def _row(identity: RegionIdentity, keyring: Keyring, kind: str, name: str, content: Any, now: datetime) -> SecretRow:
    row = SecretRow(kind, identity.region, row_name(name), FORMAT, FIRST_ROW_VERSION, now, b"")
    return replace(row, sealed_bytes=keyring.wrap(secret_identity(identity, row), orjson.dumps(content)))
