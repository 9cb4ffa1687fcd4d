"""Turning the upper levels of the key hierarchy: a new key-encryption key, a new root, other seals; and a new audit key.

Source: docs/spec/ciphertext.md §4, docs/spec/audit.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from meridian.adapters.security_events import EventsOfCommand
from meridian.audit.keys import change_message
from meridian.audit.operator_events import record_operator_event
from meridian.crypto import ecdsa
from meridian.engine import keyring as keyrings
from meridian.engine.audit_keys import AUDIT_KEY, audit_key_row, names_of, newest_signer
from meridian.engine.keyring import KeyringRows
from meridian.engine.seals import Seal, SealError
from meridian.fault_points import FaultPoint, reach
from meridian.ports.entropy import Entropy
from meridian.ports.store.audit_streams import AuditKeyRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import Store, UnitOfWork


async def rotate_kek(store: Store, seals: Sequence[Seal], entropy: Entropy) -> int:
    """A new active key-encryption key, in one transaction; the answer is its number. Rows move to it in the background.

    Raises: SealError.
    """
    async with store.transaction() as uow:
        identity, rows = await _stored(uow)
        row = keyrings.next_kek(identity, rows, seals, await uow.region.now(), entropy)
        await uow.keyring.activate_kek(row)
        await record_operator_event(uow, entropy, "RotateKeyEncryptionKey", {"keyEncryptionKey": row.kek_number})
        reach(FaultPoint.ROTATE_KEK_BEFORE_COMMIT)
    return row.kek_number


async def rotate_root(store: Store, seals: Sequence[Seal], entropy: Entropy) -> int:
    """A new root under exactly these seals, of which one opens the present root, in one transaction; the answer is its number.

    A key-encryption key that does not open, and is not the active one, keeps no other from the new root: it is reported, and stays.
    Raises: SealError.
    """
    async with store.transaction() as uow:
        identity, rows = await _stored(uow)
        renewed = keyrings.next_root(identity, rows, seals, entropy, EventsOfCommand())
        await uow.keyring.replace_roots(renewed.roots, renewed.keks)
        root = renewed.roots[0].root_number
        left = sorted({row.kek_number for row in rows.keks} - {row.kek_number for row in renewed.keks})
        details = {"rootKey": root, "seals": [row.provider for row in renewed.roots], "unopenedKeyEncryptionKeys": left}
        await record_operator_event(uow, entropy, "RotateRootKey", details)
        reach(FaultPoint.ROTATE_ROOT_BEFORE_COMMIT)
    return root


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
        old, row = await newest_signer(uow, identity, keyring)
        number, now = old.key.number + 1, await uow.region.now()
        signature = old.sign(change_message(names_of(identity), number, old.key.public_key, public))
        new = AuditKeyRow(number, public, signature, now)
        await uow.audit_streams.insert_key(new)
        await uow.keyring.insert_secret(audit_key_row(identity, keyring, private, public, now))
        await uow.keyring.delete_secret(AUDIT_KEY, row.owner, row.secret_id)
        details = {"auditKey": number, "fingerprint": sha256(public).hexdigest(), "previousFingerprint": old.key.fingerprint}
        await record_operator_event(uow, entropy, "RotateAuditKey", details)
    return number


async def _stored(uow: UnitOfWork) -> tuple[RegionIdentity, KeyringRows]:
    identity = await uow.region.identity()
    rows = KeyringRows(tuple(await uow.keyring.roots()), tuple(await uow.keyring.keks()))
    if identity is None or not rows.roots:
        raise SealError("the Region has no keyring yet")
    return identity, rows
