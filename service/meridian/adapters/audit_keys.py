"""Audit keys in the Region's database: the private half of the newest, wrapped like other secrets, and the public halves of all.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

from meridian.adapters.operator_events import record_operator_event
from meridian.adapters.security_events import EventsOfCommand
from meridian.audit.keys import AuditKey, AuditKeys, AuditSigner, RegionNames, change_message
from meridian.crypto import ecdsa
from meridian.engine import keyring as keyrings
from meridian.engine.keyring import Keyring
from meridian.engine.region_secrets import open_secret, secret_row
from meridian.engine.seals import Seal, SealError
from meridian.ports.audit_streams import AuditKeyRow
from meridian.ports.entropy import Entropy
from meridian.ports.store import Store, UnitOfWork
from meridian.ports.store_rows import RegionIdentity, SecretRow

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
        await uow.keyring.insert_secret(_row(identity, keyring, private, public, now))
        await uow.audit_streams.insert_key(AuditKeyRow(FIRST, public, b"", now))
    return (await _signer(uow, identity, keyring))[0]


async def rotate_audit_key(store: Store, seals: Sequence[Seal], entropy: Entropy) -> int:
    """A new audit key, signed by the old one, whose private half is destroyed; the answer is its number. Raises: SealError.

    A serving Region signs with it within five seconds.
    """
    async with store.reading() as uow:
        identity, roots, keks = await uow.region.identity(), await uow.keyring.roots(), await uow.keyring.keks()
    if identity is None or not roots:
        raise SealError("the Region has no keyring yet")
    # A passphrase takes its time, and no transaction waits for it.
    keyring = await asyncio.to_thread(keyrings.unlock, identity, roots, keks, seals, entropy, EventsOfCommand())
    private, public = ecdsa.new_signing_key()
    async with store.transaction() as uow:
        old, row = await _signer(uow, identity, keyring)
        number, now = old.key.number + 1, await uow.region.now()
        signature = old.sign(change_message(names_of(identity), number, old.key.public_key, public))
        new = AuditKeyRow(number, public, signature, now)
        await uow.audit_streams.insert_key(new)
        await uow.keyring.insert_secret(_row(identity, keyring, private, public, now))
        await uow.keyring.delete_secret(AUDIT_KEY, row.owner, row.secret_id)
        details = {"auditKey": number, "fingerprint": sha256(public).hexdigest(), "previousFingerprint": old.key.fingerprint}
        await record_operator_event(uow, entropy, "RotateAuditKey", details)
    return number


async def _signer(uow: UnitOfWork, identity: RegionIdentity, keyring: Keyring) -> tuple[AuditSigner, SecretRow]:
    newest = (await published_keys(uow, identity)).keys[-1]
    row = next((each for each in await uow.keyring.secrets(AUDIT_KEY) if each.secret_id == newest.fingerprint), None)
    if row is None:
        raise SealError("the private half of the newest audit key is not in the database")
    private = ecdsa.load_signing_key(open_secret(identity, keyring, row))
    return AuditSigner(newest, partial(ecdsa.sign, private)), row


def _row(identity: RegionIdentity, keyring: Keyring, private: bytes, public: bytes, now: datetime) -> SecretRow:
    return secret_row(identity, keyring, AUDIT_KEY, sha256(public).digest(), private, public, now)
