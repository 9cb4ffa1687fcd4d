"""Turning the upper levels of the key hierarchy: a new key-encryption key, a new root, other seals.

Source: docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence

from meridian.adapters.operator_events import record_operator_event
from meridian.adapters.security_events import EventsOfCommand
from meridian.engine import keyring as keyrings
from meridian.engine.keyring import KeyringRows
from meridian.engine.seals import Seal, SealError
from meridian.fault_points import FaultPoint, reach
from meridian.ports.entropy import Entropy
from meridian.ports.store import Store, UnitOfWork
from meridian.ports.store_rows import RegionIdentity


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


async def _stored(uow: UnitOfWork) -> tuple[RegionIdentity, KeyringRows]:
    identity = await uow.region.identity()
    rows = KeyringRows(tuple(await uow.keyring.roots()), tuple(await uow.keyring.keks()))
    if identity is None or not rows.roots:
        raise SealError("the Region has no keyring yet")
    return identity, rows
