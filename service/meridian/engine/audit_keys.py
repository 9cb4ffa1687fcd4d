"""Audit keys in the Region's database: the private half of the newest, wrapped like other secrets, and the public halves of all.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

from meridian.audit.keys import AuditKey, AuditKeys, AuditSigner, RegionNames
from meridian.crypto import ecdsa
from meridian.engine.keyring import Keyring
from meridian.engine.region_secrets import RegionKeyPair, open_secret, secret_row
from meridian.engine.seals import SealError
from meridian.ports.store.audit_streams import AuditKeyRow
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork

AUDIT_KEY: Final = "audit-signing-key"
FIRST: Final = 1


def names_of(identity: RegionIdentity) -> RegionNames:
    """The names that a Region's log carries."""
    return RegionNames(identity.deployment, identity.partition, identity.region)


async def published_keys(uow: UnitOfWork, identity: RegionIdentity) -> AuditKeys:
    """Every audit key of the Region. Raises: SealError before the first one is made."""
    rows = await uow.audit_streams.keys()
    if not rows:
        raise SealError("the Region has no audit key yet: it is made when the Region is initialised, or first serves")
    return AuditKeys(names_of(identity), tuple(AuditKey(row.number, row.public_key, row.signature) for row in rows))


async def open_signer(uow: UnitOfWork, identity: RegionIdentity, keyring: Keyring, now: datetime) -> AuditSigner:
    """The newest audit key with its private half; the first one is made here. Raises: SealError."""
    if not await uow.audit_streams.keys():
        private, public = ecdsa.new_signing_key()
        await uow.keyring.insert_secret(audit_key_row(identity, keyring, private, public, now))
        await uow.audit_streams.insert_key(AuditKeyRow(FIRST, public, b"", now))
    return (await newest_signer(uow, identity, keyring))[0]


async def newest_signer(uow: UnitOfWork, identity: RegionIdentity, keyring: Keyring) -> tuple[AuditSigner, SecretRow]:
    """The newest audit key with its private half, and the row that holds it. Raises: SealError."""
    newest = (await published_keys(uow, identity)).keys[-1]
    row = next((each for each in await uow.keyring.secrets(AUDIT_KEY) if each.secret_id == newest.fingerprint), None)
    if row is None:
        raise SealError("the private half of the newest audit key is not in the database")
    private = ecdsa.load_signing_key(open_secret(identity, keyring, row))
    return AuditSigner(newest, partial(ecdsa.sign, private)), row


def audit_key_row(identity: RegionIdentity, keyring: Keyring, private: bytes, public: bytes, now: datetime) -> SecretRow:
    """The private half of an audit key, wrapped."""
    return secret_row(identity, keyring, AUDIT_KEY, RegionKeyPair(sha256(public).digest(), private, public), now)
