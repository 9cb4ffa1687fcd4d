"""What an operator exports to another KMS, and takes back: stored with its audit event, in one transaction.

Source: docs/external-key-manager.md.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from meridian.adapters.security_events import EventsOfCommand
from meridian.audit.operator_events import record_operator_event
from meridian.domain.algorithms import is_symmetric_encryption
from meridian.domain.identifiers import parse_key_reference
from meridian.domain.key import Key, Origin
from meridian.domain.xks import (
    CREDENTIALS_MAX,
    CREDENTIALS_PER_STORE_MAX,
    EXPORT_ID,
    EXPORTS_MAX,
    Credential,
    Export,
    ExternalUse,
    is_prefix,
    is_step,
)
from meridian.engine import keyring as keyrings
from meridian.engine.keyring import Keyring
from meridian.engine.seals import Seal, SealError
from meridian.engine.xks_rows import CREDENTIAL_KIND, EXPORT_KIND, credential_row, export_row, open_credential, open_export, row_name
from meridian.ports.entropy import Entropy
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.rows import Rows
from meridian.ports.store.store import Store, UnitOfWork

ORIGINS: Final = (Origin.AWS_KMS, Origin.EXTERNAL)
"""Of keys that can be exported: their material is here, and behind none of them is another external key."""
ACCESS_KEY_BYTES: Final = 15
SECRET_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class WantedExport:
    """What an operator asks for."""

    key_arn: str
    prefix: str
    export_id: str
    """Empty where one shall be drawn."""
    uses: tuple[ExternalUse, ...]
    new_credential: bool
    """Whether another credential is made where the key store has one already."""


@dataclass(frozen=True, slots=True)
class MadeExport:
    """What was made. The secret access key is nowhere else, and is not shown again."""

    export: Export
    credential: Credential | None
    secret: str = field(repr=False)
    """Empty where no credential was made."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything that is exported, without secrets."""

    exports: tuple[Export, ...]
    credentials: tuple[Credential, ...]


async def make_export(wanted: WantedExport, store: Store, seals: Sequence[Seal], entropy: Entropy) -> MadeExport:
    """Export a key, with a credential where its key store has none. Raises: ValueError for what cannot be exported; SealError."""
    _require_form(wanted)
    identity, keyring = await _open(store, seals, entropy)
    async with store.transaction() as uow:
        known = await _known(uow, identity, keyring)
        key = await _key(uow, identity, wanted.key_arn)
        export_id = wanted.export_id or f"mrd-{entropy.random_bytes(16).hex()}"
        now = await uow.region.now()
        export = Export(export_id, wanted.prefix, key.account, key.key_id, wanted.uses, now)
        _require_room(export, known)
        await uow.keyring.insert_secret(export_row(identity, keyring, export))
        details = {"externalKeyId": export_id, "prefix": export.prefix, "key": key.arn, "uses": list(export.uses)}
        await record_operator_event(uow, entropy, "CreateXksExport", details)
        if not wanted.new_credential and any(each.prefix == export.prefix for each in known.credentials):
            return MadeExport(export, None, "")
        _require_room_for_credential(export.prefix, known)
        credential = Credential(base64.b32encode(entropy.random_bytes(ACCESS_KEY_BYTES)).decode("ascii"), export.prefix, now)
        secret = base64.b64encode(entropy.random_bytes(SECRET_BYTES)).decode("ascii")
        await uow.keyring.insert_secret(credential_row(identity, keyring, credential, secret))
        details = {"accessKeyId": credential.access_key_id, "prefix": credential.prefix}
        await record_operator_event(uow, entropy, "CreateXksCredential", details)
    return MadeExport(export, credential, secret)


async def list_exported(store: Store, seals: Sequence[Seal], entropy: Entropy) -> Exported:
    """What is exported. Raises: SealError."""
    identity, keyring = await _open(store, seals, entropy)
    async with store.reading() as uow:
        return await _known(uow, identity, keyring)


async def revoke(name: str, store: Store, seals: Sequence[Seal], entropy: Entropy) -> str:
    """End an export or a credential, whichever has this id; the answer says what has ended. With the last export of a key store its
    credentials end, so that no later key store of that prefix is opened by them. Raises: ValueError where nothing has the id; SealError.
    """
    identity, keyring = await _open(store, seals, entropy)
    async with store.transaction() as uow:
        known = await _known(uow, identity, keyring)
        export = next((each for each in known.exports if each.export_id == name), None)
        if export is None:
            credential = next((each for each in known.credentials if each.access_key_id == name), None)
            if credential is None:
                raise ValueError(f"no export and no credential has the id {name}")
            await _end_credential(uow, identity, entropy, credential)
            return f"credential {name} is revoked"
        await uow.keyring.delete_secret(EXPORT_KIND, identity.region, row_name(name))
        details = {"externalKeyId": name, "prefix": export.prefix, "account": export.account, "keyId": export.key_id}
        await record_operator_event(uow, entropy, "RevokeXksExport", details)
        if any(each.prefix == export.prefix for each in known.exports if each != export):
            return f"export {name} is revoked"
        ended = [each for each in known.credentials if each.prefix == export.prefix]
        for credential in ended:
            await _end_credential(uow, identity, entropy, credential)
    return f"export {name} is revoked; it was the last of its key store, whose {len(ended)} credentials have ended with it"


async def _end_credential(uow: UnitOfWork, identity: RegionIdentity, entropy: Entropy, credential: Credential) -> None:
    await uow.keyring.delete_secret(CREDENTIAL_KIND, identity.region, row_name(credential.access_key_id))
    details = {"accessKeyId": credential.access_key_id, "prefix": credential.prefix}
    await record_operator_event(uow, entropy, "RevokeXksCredential", details)


async def _open(store: Store, seals: Sequence[Seal], entropy: Entropy) -> tuple[RegionIdentity, Keyring]:
    async with store.reading() as uow:
        identity, roots, keks = await uow.region.identity(), await uow.keyring.roots(), await uow.keyring.keks()
    if identity is None or not roots:
        raise SealError("the Region has no keyring yet")
    # A passphrase takes its time, and no transaction waits for it.
    return identity, await asyncio.to_thread(keyrings.unlock, identity, roots, keks, seals, entropy, EventsOfCommand())


async def _known(uow: UnitOfWork, identity: RegionIdentity, keyring: Keyring) -> Exported:
    exports = [open_export(identity, keyring, row) for row in _all(await uow.keyring.secrets(EXPORT_KIND))]
    credentials = [open_credential(identity, keyring, row)[0] for row in _all(await uow.keyring.secrets(CREDENTIAL_KIND))]
    return Exported(
        tuple(sorted(exports, key=lambda each: (each.prefix, each.export_id))),
        tuple(sorted(credentials, key=lambda each: (each.prefix, each.created_at, each.access_key_id))),
    )


def _all(rows: Rows[SecretRow]) -> Rows[SecretRow]:
    if rows.unreadable:
        raise SealError(f"{len(rows.unreadable)} rows of exports or credentials cannot be read: `meridian region doctor --rows` names them")
    return rows


async def _key(uow: UnitOfWork, identity: RegionIdentity, arn: str) -> Key:
    reference = parse_key_reference(arn, alias_allowed=False)
    if not reference.is_arn or (reference.partition, reference.region) != (identity.partition, identity.region):
        raise ValueError(f"{arn} is no ARN of a key of {identity.region}")
    key = await uow.keys.find(reference.account, reference.key_id)
    if key is None:
        raise ValueError(f"{arn} does not exist")
    if not is_symmetric_encryption(key.key_spec):
        raise ValueError(f"{arn} is {key.key_spec}: an external key is SYMMETRIC_DEFAULT")
    if key.origin not in ORIGINS:
        raise ValueError(f"{arn} has its material elsewhere ({key.origin}) and cannot be exported")
    return key


def _require_form(wanted: WantedExport) -> None:
    if not is_prefix(wanted.prefix):
        raise ValueError(
            f"the prefix {wanted.prefix!r} must be empty, or begin with a slash and end without one: letters, digits, - and _ between"
            " slashes, at most 117 characters, without /kms/xks/v1"
        )
    if wanted.export_id and (EXPORT_ID.fullmatch(wanted.export_id) is None or is_step(wanted.export_id)):
        raise ValueError(f"the id {wanted.export_id!r} must have 1 to 128 letters, digits, '.', '-' and '_', and be neither '.' nor '..'")


def _require_room(export: Export, known: Exported) -> None:
    if any(each.export_id == export.export_id for each in known.exports):
        raise ValueError(f"there is an export with the id {export.export_id} already")
    if len(known.exports) >= EXPORTS_MAX:
        raise ValueError(f"a Region has at most {EXPORTS_MAX} exports")
    others = {each.account for each in known.exports if each.prefix == export.prefix} - {export.account}
    if others:
        raise ValueError(f"the key store of the prefix {export.prefix!r} belongs to another account, {min(others)}")


def _require_room_for_credential(prefix: str, known: Exported) -> None:
    if len(known.credentials) >= CREDENTIALS_MAX:
        raise ValueError(f"a Region has at most {CREDENTIALS_MAX} credentials of key stores")
    if sum(each.prefix == prefix for each in known.credentials) >= CREDENTIALS_PER_STORE_MAX:
        raise ValueError(f"a key store has at most {CREDENTIALS_PER_STORE_MAX} credentials: revoke one first")
